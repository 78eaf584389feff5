//! Refunds.

use paypay::ids::{MerchantRefundId, PaymentId};
use paypay::refunds::{CreateRefund, Refund, RefundStatus};

use super::Service;
use crate::books::{PaymentRecord, RefundRecord};
use crate::life;
use crate::opa::{self, OpaRefusal};

impl Service {
    /// Refunds a payment. The same `merchantRefundId` for the same payment again gets the first answer's refund, whatever else it says; PayPay's
    /// documentation has it so.
    pub(crate) async fn refund(&self, request: CreateRefund) -> Result<Refund, OpaRefusal> {
        let (post, faults) = (self.post(), self.faults.clone());
        self.books
            .run(move |db| {
                let Some(mut payment) = PaymentRecord::of_payment(db, &request.payment_id)? else {
                    return Ok(Err(OpaRefusal::new(opa::NO_ORDER, "no such paymentId")));
                };
                let id = (&request.merchant_refund_id, Some(&request.payment_id));
                if let Some(known) = RefundRecord::named(db, id.0, id.1)? {
                    return Ok(Ok(known.told_as(RefundStatus::Refunded)));
                }
                post.let_time_pass(db, &mut payment)?;
                let gone = faults.of(payment.merchant_payment_id().as_str()).buyer_gone;
                let now = post.now();
                if let Err(refusal) = life::refund(&mut payment, request.amount.amount, gone, now) {
                    return Ok(Err(refusal.into()));
                }
                payment.update(db)?;
                let refund = RefundRecord {
                    request,
                    accepted_at: now,
                };
                refund.insert(db)?;
                // Accepted; PayPay's batch settles it a moment later, so the next reading says REFUNDED. Both mean success, says PayPay's FAQ.
                Ok(Ok(refund.told_as(RefundStatus::Created)))
            })
            .await?
    }

    /// `payment`: as in the query; without it, the latest refund of that name.
    pub(crate) async fn refund_details(
        &self,
        id: MerchantRefundId,
        payment: Option<PaymentId>,
    ) -> Result<Refund, OpaRefusal> {
        let refund = self
            .books
            .run(move |db| RefundRecord::named(db, &id, payment.as_ref()))
            .await?;
        let none = || OpaRefusal::new(opa::NO_REFUND, "no such merchantRefundId");
        Ok(refund.ok_or_else(none)?.told_as(RefundStatus::Refunded))
    }
}
