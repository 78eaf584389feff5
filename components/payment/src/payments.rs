//! Reading and canceling payments: `GET /v2/codes/payments/{merchantPaymentId}` and `DELETE /v2/payments/{merchantPaymentId}`.
//!
//! A canceled payment is `CANCELED` or `FAILED`, depending on which of PayPay's pages one reads; both are taken for it. A cancel is accepted until
//! 00:14:59 JST of the day after the payment; afterwards only a refund gives the money back. Before the buyer has paid it is accepted too, shows nowhere,
//! and fails the payment when the buyer makes it (source: PayPay OPA and its FAQ). So what the details say after a cancel in doubt decides only if the
//! payment is over; as long as it is not, the cancel is sent again, which changes nothing if it had arrived.

use paypay::ids::MerchantPaymentId;
use paypay::payments::{AuthorizedPayment, Payment, PaymentStatus, code_payment_path, payment_path};
use store::Database;
use store::barrier::{Step, Stop, recorded, run_action};

use crate::codes::id;
use crate::fault::{Fault, Rejection};
use crate::patience::or_read;
use crate::paypay_api::Paypay;
use crate::records;
use crate::wire::Wire;

pub(crate) async fn details<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    payment: &str,
) -> Result<Payment, Fault> {
    Ok(details_of_authorization(database, paypay, &id(payment)?)
        .await?
        .payment)
}

/// Details with the captures in them.
pub(crate) async fn details_of_authorization<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    id: &MerchantPaymentId,
) -> Result<AuthorizedPayment, Fault> {
    paypay
        .persist(async || look_closely(database, paypay, id).await)
        .await
}

/// Details, with one call: for a call that is itself repeated.
pub(crate) async fn look<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    id: &MerchantPaymentId,
) -> Result<Payment, Fault> {
    Ok(look_closely(database, paypay, id).await?.payment)
}

/// Details with the captures in them, with one call.
pub(crate) async fn look_closely<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    id: &MerchantPaymentId,
) -> Result<AuthorizedPayment, Fault> {
    let seen: AuthorizedPayment = paypay.get(&code_payment_path(id)).await?;
    if seen.payment.merchant_payment_id != *id {
        return Err(Fault::unavailable("PayPay answered about another payment"));
    }
    // The record is for people; what the caller needs is the answer.
    if let Err(error) = records::observed(database, &seen.payment).await {
        let fields = serde_json::json!({ "merchantPaymentId": id.as_str(), "error": error.to_string() });
        edge::log::warn(paypay.context(), "payment_details_not_recorded", fields);
    }
    Ok(seen)
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
    call_off(&database, paypay, &id).await?;
    Ok(run_action(database, &step, async |_| Ok::<_, Stop<Rejection>>(())).await?)
}

/// Cancels without a step. A payment of which nothing was or will be taken counts as canceled, whatever ended it.
pub(crate) async fn call_off<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    id: &MerchantPaymentId,
) -> Result<(), Fault> {
    let path = payment_path(id);
    let over = async || {
        let seen = look(database, paypay, id).await?;
        let over = matches!(
            seen.status,
            PaymentStatus::Canceled | PaymentStatus::Failed | PaymentStatus::Expired
        );
        Ok(over.then_some(()))
    };
    paypay
        .persist(async || or_read(paypay.delete(&path).await, over).await)
        .await
}
