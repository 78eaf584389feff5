//! Taking authorized money, or giving it back untaken: `POST /v2/payments/capture` and `POST /v2/payments/preauthorize/revert`.
//!
//! An authorization is a payment whose code was made with `isAuthorization`; its money is set aside until it is captured, reverted, or expires. PayPay
//! takes one capture for each authorization, of the whole amount or less (more would need the buyer's consent, `REAUTHORIZING`, and is not asked for
//! here). Capture and reversal bear the payment's own id, so a repeat under any step asks for the same thing. Both show in the payment's details,
//! which are read before either is sent, and again whenever it is unknown what became of it (source: PayPay OPA, PreAuth & Capture).

use paypay::ids::MerchantCaptureId;
use paypay::money::Money;
use paypay::payments::{
    AuthorizedPayment, CAPTURE_PATH, Capture, Payment, PaymentStatus, REVERT_PATH, Revert,
};
use serde::{Deserialize, Serialize};
use store::Database;
use store::barrier::{Step, Stop, recorded, run_action};

use crate::codes::id;
use crate::fault::{Fault, Rejection};
use crate::patience::or_read;
use crate::payments::{details_of_authorization, look, look_closely};
use crate::paypay_api::{Paypay, now_seconds};
use crate::wire::Wire;

/// A capture as recorded and returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaptureRecord {
    pub merchant_capture_id: String,
    /// Yen.
    pub amount: i64,
}

/// Takes `amount` yen, at most what was authorized.
pub(crate) async fn capture<W: Wire>(
    database: Database,
    paypay: &Paypay<W>,
    step: &str,
    payment: &str,
    amount: i64,
    description: &str,
) -> Result<CaptureRecord, Fault> {
    let payment_id = id(payment)?;
    // Not the description, as with a refund's reason.
    let step = Step::new(step, "capture", &(payment, amount)).map_err(Fault::invalid)?;
    if let Some(known) = recorded::<CaptureRecord, Rejection>(&database, &step).await? {
        return Ok(known);
    }
    let request = Capture {
        merchant_capture_id: payment.parse().map_err(Fault::invalid)?,
        merchant_payment_id: payment_id,
        amount: Money::yen(amount),
        order_description: description.to_owned(),
        requested_at: now_seconds(),
    };
    request.check().map_err(Fault::invalid)?;
    let seen = details_of_authorization(&database, paypay, &request.merchant_payment_id).await?;
    if taken(&seen, &request.merchant_capture_id, amount)?.is_none() {
        may_capture(&seen.payment, amount)?;
        ask_for_capture(&database, paypay, &request).await?;
    }
    let record = CaptureRecord {
        merchant_capture_id: request.merchant_capture_id.into(),
        amount,
    };
    Ok(run_action(database, &step, async |_| {
        Ok::<_, Stop<Rejection>>(record.clone())
    })
    .await?)
}

async fn ask_for_capture<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    request: &Capture,
) -> Result<(), Fault> {
    let seen_taken = async || {
        let seen = look_closely(database, paypay, &request.merchant_payment_id).await?;
        taken(&seen, &request.merchant_capture_id, request.amount.amount)
    };
    let try_once = async || {
        let tried: Result<Payment, Fault> = paypay.post(CAPTURE_PATH, request).await;
        match tried?.status {
            PaymentStatus::Completed => Ok(()),
            other => Err(Fault::InDoubt(format!(
                "the payment is {other} after its capture"
            ))),
        }
    };
    paypay
        .persist(async || or_read(try_once().await, seen_taken).await)
        .await
}

/// Whether `amount` yen were captured under `id`.
///
/// # Errors
///
/// A refusal if it was another amount.
fn taken(seen: &AuthorizedPayment, id: &MerchantCaptureId, amount: i64) -> Result<Option<()>, Fault> {
    match seen.captured(id) {
        None => Ok(None),
        Some(captured) if captured == amount => Ok(Some(())),
        Some(captured) => Err(Fault::unacceptable(format!(
            "{captured} yen were taken before, not {amount}"
        ))),
    }
}

fn may_capture(payment: &Payment, amount: i64) -> Result<(), Fault> {
    if payment.status != PaymentStatus::Authorized {
        return Err(Fault::unacceptable(format!(
            "only an authorized payment can be captured; this one is {}",
            payment.status
        )));
    }
    if amount > payment.amount.amount {
        return Err(Fault::unacceptable(format!(
            "{} yen were authorized, not {amount}",
            payment.amount.amount
        )));
    }
    Ok(())
}

/// Gives the money back that an authorization set aside.
pub(crate) async fn revert<W: Wire>(
    database: Database,
    paypay: &Paypay<W>,
    step: &str,
    payment: &str,
    reason: &str,
) -> Result<(), Fault> {
    let id = id(payment)?;
    let step = Step::new(step, "revert", &payment).map_err(Fault::invalid)?;
    if recorded::<(), Rejection>(&database, &step).await?.is_some() {
        return Ok(());
    }
    let seen = details_of_authorization(&database, paypay, &id).await?.payment;
    if given_back(&seen).is_none() {
        if seen.status != PaymentStatus::Authorized {
            return Err(Fault::unacceptable(format!(
                "only an authorized payment can be reverted; this one is {}",
                seen.status
            )));
        }
        let request = Revert {
            merchant_revert_id: payment.parse().map_err(Fault::invalid)?,
            payment_id: seen
                .payment_id
                .ok_or_else(|| Fault::unavailable("PayPay gave an authorized payment no id"))?,
            reason: Some(reason.chars().take(paypay::refunds::MAX_REASON_CHARS).collect()),
            requested_at: now_seconds(),
        };
        let seen_back = async || Ok(given_back(&look(&database, paypay, &id).await?));
        paypay
            .persist(async || or_read(paypay.post_done(REVERT_PATH, &request).await, seen_back).await)
            .await?;
    }
    Ok(run_action(database, &step, async |_| Ok::<_, Stop<Rejection>>(())).await?)
}

/// Whether nothing is set aside any more, and nothing was taken.
fn given_back(payment: &Payment) -> Option<()> {
    matches!(
        payment.status,
        PaymentStatus::Canceled | PaymentStatus::Failed | PaymentStatus::Expired
    )
    .then_some(())
}
