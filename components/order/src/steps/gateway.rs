//! `payment.*`: PayPay, through the payment component.

use super::{argument, compensated, unknown};
use crate::bindings::kessai::payment::gateway::{
    self, CodeRequest, GatewayError, Item, PaymentStatus as Seen,
};
use crate::order::Observation;
use crate::work::Work;
use domain::{Instant, PaymentStatus, Yen};
use edge::RequestContext;
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde::Deserialize;
use serde_json::{Value, json};

/// The name of the error that leaves it open whether a code was made.
const IN_DOUBT: &str = "PaymentInDoubt";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    product_id: u32,
    name: String,
    unit_price: i64,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    order_no: String,
    merchant_payment_id: String,
    /// Yen.
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    lines: Vec<Wanted>,
    #[serde(default)]
    redirect_url: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

pub async fn invoke(
    work: &mut Work,
    call: &ServiceCall,
    ctx: &RequestContext,
) -> Result<Value, ServiceError> {
    let argument: Argument = argument(call)?;
    match call.method.as_str() {
        "create-code" => create_code(call, argument, ctx).await,
        "delete-code" => {
            let create_step = compensated(call)?;
            if was_in_doubt(work, &create_step) {
                // Its address was told to nobody, so nobody can pay it; the attempt stays on watch. While PayPay does not answer, stock and balance must
                // not wait for it.
                return Ok(Value::Null);
            }
            // The id that this very call used: a later attempt has another one.
            let id = id_used_by(work, &create_step).unwrap_or(argument.merchant_payment_id);
            delete_code(call.step_id.as_str(), create_step, id)
                .await
                .map(|()| Value::Null)
        }
        "refund" => {
            let reason = argument.reason.unwrap_or_default();
            let amount = Yen::new(argument.amount)
                .map_err(|error| ServiceError::business("InvalidArgument", error.to_string()))?;
            refund(work, &argument.merchant_payment_id, amount, &reason)
                .await
                .map(|()| Value::Null)
        }
        _ => Err(unknown(call)),
    }
}

/// Whether the call under this step id may have made a code whose address was lost.
fn was_in_doubt(work: &Work, create_step: &str) -> bool {
    let run = work
        .instance
        .states
        .iter()
        .find(|run| run.step_id.as_str() == create_step);
    run.and_then(|run| run.error.as_ref())
        .is_some_and(|error| error.name == IN_DOUBT)
}

async fn create_code(
    call: &ServiceCall,
    argument: Argument,
    ctx: &RequestContext,
) -> Result<Value, ServiceError> {
    let items: Vec<Item> = argument
        .lines
        .into_iter()
        .map(|line| Item {
            product_id: line.product_id,
            name: line.name,
            quantity: line.quantity,
            unit_price: line.unit_price,
        })
        .collect();
    let request = CodeRequest {
        description: format!("ご注文 {}", argument.order_no),
        order_no: argument.order_no,
        merchant_payment_id: argument.merchant_payment_id,
        amount: argument.amount,
        items,
        redirect_url: argument.redirect_url,
        traceparent: ctx.trace.child().traceparent(),
    };
    let code = gateway::create_code(call.step_id.as_str().to_owned(), request)
        .await
        .map_err(|error| service_error(&error))?;
    Ok(json!({
        "codeId": code.code_id, "url": code.url, "deeplink": code.deeplink, "expiresAt": code.expires_at,
    }))
}

/// Disables a code. One that PayPay does not know needs no disabling.
pub(super) async fn delete_code(step: &str, create_step: String, id: String) -> Result<(), ServiceError> {
    match gateway::delete_code(step.to_owned(), create_step, id).await {
        Ok(()) | Err(GatewayError::NotFound) => Ok(()),
        Err(error) => Err(service_error(&error)),
    }
}

/// Gives a payment's money back, once however often it is asked for, and tells so in the order.
pub(super) async fn refund(work: &mut Work, id: &str, amount: Yen, reason: &str) -> Result<(), ServiceError> {
    let refund = gateway::refund(
        format!("{id}:refund"),
        id.to_owned(),
        amount.get(),
        reason.to_owned(),
    )
    .await
    .map_err(|error| service_error(&error))?;
    work.order
        .record_refund(id, &refund.merchant_refund_id, amount, reason, Instant::now());
    Ok(())
}

fn id_used_by(work: &Work, create_step: &str) -> Option<String> {
    let run = work
        .instance
        .states
        .iter()
        .find(|run| run.step_id.as_str() == create_step)?;
    run.input
        .first()?
        .get("merchantPaymentId")?
        .as_str()
        .map(str::to_owned)
}

pub(super) fn service_error(error: &GatewayError) -> ServiceError {
    let unavailable = |kind, message: &str| {
        ServiceError::new(kind, "PaymentUnavailable", message).with_ancestors(["PaymentError"])
    };
    match error {
        GatewayError::Rejected(why) => {
            let message = format!("{}: {}", why.code, why.message);
            ServiceError::business("PaymentRejected", message).with_ancestors(["PaymentError"])
        }
        GatewayError::NotFound => ServiceError::business("PaymentNotFound", "PayPay knows no such payment"),
        GatewayError::Canceled => ServiceError::business("StepCanceled", "the step was compensated before"),
        GatewayError::InDoubt(why) => {
            ServiceError::new(ErrorKind::Timeout, IN_DOUBT, why.clone()).with_ancestors(["PaymentError"])
        }
        GatewayError::Unavailable(why) => unavailable(ErrorKind::Connect, why),
        GatewayError::RateLimited(millis) => unavailable(
            ErrorKind::Connect,
            &format!("PayPay takes no more requests for {millis} ms"),
        ),
        GatewayError::Storage(why) => unavailable(ErrorKind::Timeout, why),
    }
}

/// What PayPay believes of a payment now; `None` if it knows no such payment.
pub async fn details(merchant_payment_id: &str) -> Result<Option<Observation>, ServiceError> {
    let payment = match gateway::details(merchant_payment_id.to_owned()).await {
        Ok(payment) => payment,
        Err(GatewayError::NotFound) => return Ok(None),
        Err(error) => return Err(service_error(&error)),
    };
    Ok(Some(Observation {
        merchant_payment_id: payment.merchant_payment_id,
        payment_id: payment.payment_id,
        status: status(payment.status),
        amount: Yen::new(payment.amount)
            .map_err(|error| ServiceError::new(ErrorKind::Other, "InvalidAnswer", error.to_string()))?,
    }))
}

fn status(seen: Seen) -> PaymentStatus {
    match seen {
        Seen::Created => PaymentStatus::Created,
        Seen::Authorized => PaymentStatus::Authorized,
        Seen::Reauthorizing => PaymentStatus::Reauthorizing,
        Seen::Completed => PaymentStatus::Completed,
        Seen::Refunded => PaymentStatus::Refunded,
        Seen::Failed => PaymentStatus::Failed,
        Seen::Canceled => PaymentStatus::Canceled,
        Seen::Expired => PaymentStatus::Expired,
    }
}
