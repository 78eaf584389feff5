//! Reading, canceling and refunding payments.

use paypay::ids::MerchantRefundId;
use paypay::money::Money;
use paypay::payments::{Payment, PaymentStatus, code_payment_path, payment_path};
use paypay::refunds::{self, CreateRefund, Refund};
use paypay::result::ResultCode;
use serde::{Deserialize, Serialize};
use store::Database;
use store::barrier::{Step, Stop, recorded, run_action};

use crate::codes::id;
use crate::fault::{Fault, Rejection};
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

pub(crate) async fn details<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    payment: &str,
) -> Result<Payment, Fault> {
    let id = id(payment)?;
    let payment: Payment = paypay
        .get(&code_payment_path(&id))
        .await
        .map_err(Fault::of_reading)?;
    if payment.merchant_payment_id != id {
        return Err(Fault::Unavailable(
            "PayPay answered about another payment".to_owned(),
        ));
    }
    // The record is for people; what the caller needs is the answer.
    if let Err(error) = records::observed(database, &payment).await {
        let fields = serde_json::json!({ "merchantPaymentId": id.as_str(), "error": error.to_string() });
        edge::log::warn(paypay.context(), "payment_details_not_recorded", fields);
    }
    Ok(payment)
}

pub(crate) async fn cancel<W: Wire>(
    database: Database,
    paypay: &Paypay<W>,
    step: &str,
    payment: &str,
) -> Result<(), Fault> {
    let id = id(payment)?;
    let step = Step::new(step, "cancel", &payment).map_err(Fault::invalid)?;
    if recorded::<(), Rejection>(&database, &step).await?.is_some() {
        return Ok(());
    }
    // A refusal is not recorded: asking again is harmless, and PayPay's answer is better than our memory of it.
    paypay.delete(&payment_path(&id)).await?;
    Ok(run_action(database, &step, async |_| Ok::<_, Stop<Rejection>>(())).await?)
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
    let payment = details(&database, paypay, payment).await?;
    // The payment's own id, so that whoever asks, with whatever step, asks for the same refund.
    let refund_id: MerchantRefundId = payment
        .merchant_payment_id
        .as_str()
        .parse()
        .map_err(Fault::invalid)?;
    let refund = match payment
        .refunds
        .data
        .iter()
        .find(|refund| refund.merchant_refund_id == refund_id)
    {
        Some(done) => done.clone(),
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

async fn ask<W: Wire>(
    paypay: &Paypay<W>,
    payment: &Payment,
    merchant_refund_id: MerchantRefundId,
    amount: i64,
    reason: &str,
) -> Result<Refund, Fault> {
    let unacceptable = |message: String| {
        Fault::Rejected(Rejection {
            code: ResultCode::UnacceptableOp.to_string(),
            message,
        })
    };
    if payment.status != PaymentStatus::Completed {
        return Err(unacceptable(format!(
            "only a completed payment can be refunded; this one is {}",
            payment.status
        )));
    }
    if payment.amount.amount != amount {
        return Err(unacceptable(format!(
            "{} yen were paid, not {amount}",
            payment.amount.amount
        )));
    }
    let payment_id = payment.payment_id.clone();
    let payment_id =
        payment_id.ok_or_else(|| Fault::Unavailable("PayPay gave a completed payment no id".to_owned()))?;
    let request = CreateRefund {
        merchant_refund_id,
        payment_id,
        amount: Money::yen(amount),
        reason: Some(reason.chars().take(refunds::MAX_REASON_CHARS).collect()),
        requested_at: now_seconds(),
    };
    request.check().map_err(Fault::invalid)?;
    let refund: Refund = paypay.post(refunds::PATH, &request).await?;
    if refund.status.is_success() {
        Ok(refund)
    } else {
        Err(Fault::InDoubt(format!("the refund is {}", refund.status)))
    }
}
