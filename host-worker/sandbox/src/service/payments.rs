//! What merchant and buyer do to a payment.

use paypay::ids::{CodeId, IdError, MerchantPaymentId, PaymentId};
use paypay::payments::{Capture, Revert};
use rand::Rng;
use rusqlite::Connection;
use serde_json::{Map, Value};

use super::{Service, no_payment};
use crate::books::{BooksError, PaymentRecord, RevertRecord};
use crate::life::{self, Asked, Decision, Refusal};
use crate::opa::{self, OpaRefusal};
use crate::told;

/// How a capture went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Captured {
    /// The payment as PayPay tells it.
    Done(Map<String, Value>),
    /// The buyer is asked for more than was authorized.
    AwaitsBuyer,
}

fn no_order() -> OpaRefusal {
    OpaRefusal::new(opa::NO_ORDER, "no such payment")
}

impl Service {
    pub(crate) async fn cancel(&self, id: MerchantPaymentId) -> Result<(), OpaRefusal> {
        let find = move |db: &Connection| PaymentRecord::of_merchant(db, &id);
        self.step(find, |payment, now| Ok((life::cancel(payment, now)?, None)))
            .await?
            .ok_or_else(no_payment)??;
        Ok(())
    }

    pub(crate) async fn capture(&self, request: Capture) -> Result<Captured, OpaRefusal> {
        let id = request.merchant_payment_id.clone();
        let find = move |db: &Connection| PaymentRecord::of_merchant(db, &id);
        let (payment, asked) = self
            .step(find, move |payment, now| life::capture(payment, &request, now))
            .await?
            .ok_or_else(no_order)??;
        Ok(match asked {
            Asked::Captured => Captured::Done(told::payment(&payment, None)),
            Asked::AwaitsBuyer => Captured::AwaitsBuyer,
        })
    }

    /// Gives an authorization back; the reversal and the payment that it ended.
    pub(crate) async fn revert(
        &self,
        request: Revert,
    ) -> Result<(PaymentRecord, Option<RevertRecord>), OpaRefusal> {
        let id = request.payment_id.clone();
        let find = move |db: &Connection| PaymentRecord::of_payment(db, &id);
        let step = move |payment: &mut PaymentRecord, now| Ok(((), life::revert(payment, &request, now)?));
        let (payment, ()) = self.step(find, step).await?.ok_or_else(no_order)??;
        let revert = payment.revert.clone();
        Ok((payment, revert))
    }

    /// The buyer approves or declines, the code or a higher amount; `None`: no such code.
    pub(crate) async fn decide(
        &self,
        id: CodeId,
        decision: Decision,
    ) -> Result<Option<Result<PaymentRecord, Refusal>>, BooksError> {
        let authorized_for = self.config.authorization_seconds;
        // 20 digits, as PayPay's ids have.
        let digits = format!("{:020}", rand::rng().random_range(0..10_u128.pow(20)));
        let payment_id: PaymentId = digits
            .parse()
            .map_err(|error: IdError| BooksError::Content(error.to_string()))?;
        let find = move |db: &Connection| PaymentRecord::of_code(db, &id);
        let step = move |payment: &mut PaymentRecord, now| {
            if payment.asked().is_some() {
                life::confirm(payment, decision, now);
                return Ok(((), None));
            }
            let event = life::decide(payment, decision, payment_id, now, authorized_for)?;
            Ok(((), event))
        };
        let decided = self.step(find, step).await?;
        Ok(decided.map(|decided| decided.map(|(payment, ())| payment)))
    }
}
