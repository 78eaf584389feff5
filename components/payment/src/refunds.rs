//! Refunding payments: `POST /v2/refunds` and `GET /v2/refunds/{merchantRefundId}`.
//!
//! PayPay gives a payment's money back once, in full or in part; the gateway only in full. The refund's id is the payment's own, so whoever asks, with
//! whatever step and however often, asks for the same refund, and PayPay answers a repeat with the refund that it knows. `CREATED` means accepted: PayPay
//! sees to the rest, and never goes back on it (source: PayPay's FAQ on refunds).

use paypay::ids::MerchantRefundId;
use paypay::money::Money;
use paypay::payments::{Payment, PaymentStatus};
use paypay::refunds::{self, CreateRefund, Refund};
use serde::{Deserialize, Serialize};
use store::Database;
use store::barrier::{Step, Stop, recorded, run_action};

use crate::fault::{Fault, Rejection};
use crate::patience::or_read;
use crate::payments;
use crate::paypay_api::{Paypay, now_seconds};
use crate::records;
use crate::wire::Wire;

/// A refund as recorded and returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundRecord {
    pub merchant_refund_id: String,
    /// Yen.
    pub amount: i64,
}

/// Refunds `amount` yen, which must be all that was paid.
pub(crate) async fn refund<W: Wire>(
    database: Database,
    paypay: &Paypay<W>,
    step: &str,
    payment: &str,
    amount: i64,
    reason: &str,
) -> Result<RefundRecord, Fault> {
    // Not the reason: it may be worded differently by whoever comes to the same step.
    let step = Step::new(step, "refund", &(payment, amount)).map_err(Fault::invalid)?;
    if let Some(known) = recorded::<RefundRecord, Rejection>(&database, &step).await? {
        return Ok(known);
    }
    let payment = payments::details(&database, paypay, payment).await?;
    let refund_id: MerchantRefundId = payment
        .merchant_payment_id
        .as_str()
        .parse()
        .map_err(Fault::invalid)?;
    let refund = match made_before(paypay, &payment, &refund_id).await? {
        Some(refund) => refund,
        None => ask(paypay, &payment, refund_id, amount, reason).await?,
    };
    let record = RefundRecord {
        merchant_refund_id: refund.merchant_refund_id.to_string(),
        amount: refund.amount.amount,
    };
    Ok(run_action(database, &step, async |tx| {
        records::refunded(tx, &payment, &refund, reason).await?;
        Ok::<_, Stop<Rejection>>(record.clone())
    })
    .await?)
}

/// The refund that an earlier try made. The payment's details list it; if they only say that there was one, the refund's own details tell whose.
async fn made_before<W: Wire>(
    paypay: &Paypay<W>,
    payment: &Payment,
    id: &MerchantRefundId,
) -> Result<Option<Refund>, Fault> {
    let listed = payment.refunds.data.iter();
    if let Some(refund) = listed.clone().find(|refund| refund.merchant_refund_id == *id) {
        return Ok(Some(refund.clone()));
    }
    if payment.status != PaymentStatus::Refunded || listed.len() > 0 {
        return Ok(None);
    }
    match details(paypay, id).await {
        Ok(refund) => Ok(Some(refund)),
        Err(Fault::NotFound) => Ok(None),
        Err(other) => Err(other),
    }
}

async fn ask<W: Wire>(
    paypay: &Paypay<W>,
    payment: &Payment,
    merchant_refund_id: MerchantRefundId,
    amount: i64,
    reason: &str,
) -> Result<Refund, Fault> {
    if payment.status != PaymentStatus::Completed {
        return Err(Fault::unacceptable(format!(
            "only a completed payment can be refunded; this one is {}",
            payment.status
        )));
    }
    if payment.amount.amount != amount {
        return Err(Fault::unacceptable(format!(
            "{} yen were paid, not {amount}",
            payment.amount.amount
        )));
    }
    let payment_id = payment.payment_id.clone();
    let request = CreateRefund {
        payment_id: payment_id.ok_or_else(|| Fault::unavailable("PayPay gave a completed payment no id"))?,
        merchant_refund_id,
        amount: Money::yen(amount),
        reason: Some(reason.chars().take(refunds::MAX_REASON_CHARS).collect()),
        requested_at: now_seconds(),
    };
    request.check().map_err(Fault::invalid)?;
    let id = &request.merchant_refund_id;
    let accepted = async || look(paypay, id).await.map(Some);
    paypay
        .persist(async || {
            let tried = paypay.post(refunds::PATH, &request).await.and_then(under_way);
            or_read(tried, accepted).await
        })
        .await
}

/// What PayPay knows of a refund.
pub(crate) async fn details<W: Wire>(paypay: &Paypay<W>, id: &MerchantRefundId) -> Result<Refund, Fault> {
    paypay.persist(async || look(paypay, id).await).await
}

async fn look<W: Wire>(paypay: &Paypay<W>, id: &MerchantRefundId) -> Result<Refund, Fault> {
    let refund: Refund = paypay.get(&refunds::path_of(id)).await?;
    if refund.merchant_refund_id != *id {
        return Err(Fault::unavailable("PayPay answered about another refund"));
    }
    Ok(refund)
}

/// A status that this build does not know says nothing.
fn under_way(refund: Refund) -> Result<Refund, Fault> {
    if refund.status.is_success() {
        Ok(refund)
    } else {
        Err(Fault::InDoubt(format!("the refund is {}", refund.status)))
    }
}
