//! The only code that calls PayPay. Exports `kessai:payment/gateway`; the contract is in `wit/payment`. This file turns WIT types into this
//! crate's and back; what happens is in [`codes`], [`payments`], [`refunds`] and [`authorizations`], how long it may take in [`patience`].

mod authorizations;
mod codes;
mod fault;
mod patience;
mod payments;
mod paypay_api;
mod records;
mod refunds;
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
mod wire;

use paypay::ids::MerchantRefundId;
use paypay::payments::PaymentStatus;
use paypay::refunds::RefundStatus;
use paypay::signing::Credentials;
use store::{Database, StoreError};

use fault::Fault;
use paypay_api::{Account, Paypay};
use wire::Outbound;

#[allow(unsafe_code, missing_debug_implementations)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/payment",
        world: "payment",
    });

    use super::Payment;
    export!(Payment);
}

use bindings::exports::kessai::payment::gateway as wit;

struct Payment;

async fn database() -> Result<Database, StoreError> {
    Database::open("payments").await
}

/// PayPay as `spin.toml` and the deployment describe it.
async fn paypay(traceparent: &str) -> Result<Paypay<Outbound>, Fault> {
    let unset = |error: edge::variables::Error| Fault::unavailable(error);
    let key = edge::variables::get("paypay_api_key").await.map_err(unset)?;
    let secret = edge::variables::get("paypay_api_secret").await.map_err(unset)?;
    let account = Account {
        base_url: edge::variables::base_url("paypay_base_url")
            .await
            .map_err(unset)?,
        credentials: Credentials::new(key, secret).map_err(Fault::unavailable)?,
        merchant_id: edge::variables::get("paypay_merchant_id").await.map_err(unset)?,
    };
    Ok(Paypay::new(Outbound::new(), account, traceparent))
}

impl wit::Guest for Payment {
    async fn create_code(step: String, request: wit::CodeRequest) -> Result<wit::Code, wit::GatewayError> {
        create(step, request, false).await
    }

    async fn create_authorization(
        step: String,
        request: wit::CodeRequest,
    ) -> Result<wit::Code, wit::GatewayError> {
        create(step, request, true).await
    }

    async fn delete_code(
        step: String,
        create_step: String,
        merchant_payment_id: String,
    ) -> Result<(), wit::GatewayError> {
        Ok(codes::delete(
            database,
            &paypay("").await?,
            &step,
            &create_step,
            &merchant_payment_id,
        )
        .await?)
    }

    async fn details(merchant_payment_id: String) -> Result<wit::Payment, wit::GatewayError> {
        let database = database().await.map_err(Fault::from)?;
        let payment = payments::details(&database, &paypay("").await?, &merchant_payment_id).await?;
        Ok(told(payment)?)
    }

    async fn cancel(step: String, merchant_payment_id: String) -> Result<(), wit::GatewayError> {
        let database = database().await.map_err(Fault::from)?;
        Ok(payments::cancel(database, &paypay("").await?, &step, &merchant_payment_id).await?)
    }

    async fn refund(
        step: String,
        merchant_payment_id: String,
        amount: i64,
        reason: String,
    ) -> Result<wit::RefundRecord, wit::GatewayError> {
        let (database, paypay) = (database().await.map_err(Fault::from)?, paypay("").await?);
        let refund = refunds::refund(database, &paypay, &step, &merchant_payment_id, amount, &reason).await?;
        Ok(wit::RefundRecord {
            merchant_refund_id: refund.merchant_refund_id,
            amount: refund.amount,
        })
    }

    async fn refund_details(merchant_refund_id: String) -> Result<wit::RefundState, wit::GatewayError> {
        let id: MerchantRefundId = merchant_refund_id
            .parse()
            .map_err(|error| Fault::invalid(format!("merchant-refund-id {error}")))?;
        let refund = refunds::details(&paypay("").await?, &id).await?;
        Ok(wit::RefundState {
            status: refund_status(&refund.status)?,
            merchant_refund_id: refund.merchant_refund_id.into(),
            payment_id: refund.payment_id.into(),
            amount: refund.amount.amount,
            accepted_at: milliseconds(refund.accepted_at),
        })
    }

    async fn capture(
        step: String,
        merchant_payment_id: String,
        amount: i64,
        description: String,
    ) -> Result<wit::CaptureRecord, wit::GatewayError> {
        let (database, paypay) = (database().await.map_err(Fault::from)?, paypay("").await?);
        let id = &merchant_payment_id;
        let capture = authorizations::capture(database, &paypay, &step, id, amount, &description).await?;
        Ok(wit::CaptureRecord {
            merchant_capture_id: capture.merchant_capture_id,
            amount: capture.amount,
        })
    }

    async fn revert(
        step: String,
        merchant_payment_id: String,
        reason: String,
    ) -> Result<(), wit::GatewayError> {
        let (database, paypay) = (database().await.map_err(Fault::from)?, paypay("").await?);
        Ok(authorizations::revert(database, &paypay, &step, &merchant_payment_id, &reason).await?)
    }
}

async fn create(
    step: String,
    request: wit::CodeRequest,
    is_authorization: bool,
) -> Result<wit::Code, wit::GatewayError> {
    let paypay = paypay(&request.traceparent).await?;
    let items = request.items.into_iter().map(|item| codes::Item {
        product_id: item.product_id,
        name: item.name,
        quantity: item.quantity,
        unit_price: item.unit_price,
    });
    let request = codes::CodeRequest {
        items: items.collect(),
        order_no: request.order_no,
        merchant_payment_id: request.merchant_payment_id,
        amount: request.amount,
        description: request.description,
        redirect_url: request.redirect_url,
        is_authorization,
    };
    let code = codes::create(database().await.map_err(Fault::from)?, &paypay, &step, &request).await?;
    Ok(wit::Code {
        code_id: code.code_id,
        merchant_payment_id: code.merchant_payment_id,
        url: code.url,
        deeplink: code.deeplink,
        expires_at: u64::try_from(code.expires_at).unwrap_or(0),
    })
}

fn told(payment: paypay::payments::Payment) -> Result<wit::Payment, Fault> {
    let refunds = payment.refunds.data.into_iter().map(|refund| wit::RefundRecord {
        merchant_refund_id: refund.merchant_refund_id.into(),
        amount: refund.amount.amount,
    });
    Ok(wit::Payment {
        status: status(&payment.status)?,
        refunds: refunds.collect(),
        merchant_payment_id: payment.merchant_payment_id.into(),
        payment_id: payment.payment_id.map(String::from),
        amount: payment.amount.amount,
        accepted_at: milliseconds(payment.accepted_at),
    })
}

/// PayPay's seconds since 1970 as ours.
fn milliseconds(seconds: Option<i64>) -> Option<u64> {
    seconds.and_then(|at| u64::try_from(at.saturating_mul(1000)).ok())
}

fn status(status: &PaymentStatus) -> Result<wit::PaymentStatus, Fault> {
    Ok(match status {
        PaymentStatus::Created => wit::PaymentStatus::Created,
        PaymentStatus::Authorized => wit::PaymentStatus::Authorized,
        PaymentStatus::Reauthorizing => wit::PaymentStatus::Reauthorizing,
        PaymentStatus::Completed => wit::PaymentStatus::Completed,
        PaymentStatus::Refunded => wit::PaymentStatus::Refunded,
        PaymentStatus::Failed => wit::PaymentStatus::Failed,
        PaymentStatus::Canceled => wit::PaymentStatus::Canceled,
        PaymentStatus::Expired => wit::PaymentStatus::Expired,
        // A guess could ship goods or refund money: better no answer until somebody has taught us the word.
        PaymentStatus::Unknown(word) => return Err(unheard_of(word)),
    })
}

fn refund_status(status: &RefundStatus) -> Result<wit::RefundStatus, Fault> {
    Ok(match status {
        RefundStatus::Created => wit::RefundStatus::Created,
        RefundStatus::Refunded => wit::RefundStatus::Refunded,
        RefundStatus::RefundFailed => wit::RefundStatus::RefundFailed,
        RefundStatus::Unknown(word) => return Err(unheard_of(word)),
    })
}

fn unheard_of(word: &str) -> Fault {
    Fault::unavailable(format!("PayPay's status {word} is not known to this version"))
}

impl From<Fault> for wit::GatewayError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Rejected(why) => Self::Rejected(wit::Rejection {
                code: why.code,
                message: why.message,
            }),
            Fault::NotFound => Self::NotFound,
            Fault::Canceled => Self::Canceled,
            Fault::InDoubt(reason) | Fault::AwaitsBuyer(reason) => Self::InDoubt(reason),
            Fault::Unavailable { reason, .. } => Self::Unavailable(reason),
            Fault::RateLimited(again) => {
                Self::RateLimited(u32::try_from(again.as_millis()).unwrap_or(u32::MAX))
            }
            Fault::Storage(reason) => Self::Storage(reason),
        }
    }
}
