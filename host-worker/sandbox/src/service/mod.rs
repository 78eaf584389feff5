//! PayPay's side of every call: look up, apply, record the webhooks that follow, in one commit.

mod codes;
mod desk;
mod payments;
mod refunds;

use std::sync::Arc;

use paypay::ids::MerchantPaymentId;
use paypay::webhook::State;
use rusqlite::Connection;
use tokio::sync::Notify;

pub(crate) use desk::ChangeError;
pub(crate) use payments::Captured;

use crate::SandboxConfig;
use crate::books::{Books, BooksError, Delivery, PaymentRecord, RefundRecord};
use crate::faults::FaultBoard;
use crate::life::Refusal;
use crate::opa::{self, OpaRefusal};
use crate::post::Post;

/// Payments that are brought up to date with the clock at once.
const TIDE: u32 = 64;

/// Everything PayPay knows of one payment.
#[derive(Clone, Debug)]
pub(crate) struct Dossier {
    pub payment: PaymentRecord,
    pub refund: Option<RefundRecord>,
    pub deliveries: Vec<Delivery>,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub config: SandboxConfig,
    pub books: Books,
    pub faults: Arc<FaultBoard>,
    /// Rung when webhooks may be due.
    pub mail: Notify,
}

impl Service {
    pub(crate) fn new(config: SandboxConfig, books: Books, faults: FaultBoard) -> Self {
        Self {
            config,
            books,
            faults: Arc::new(faults),
            mail: Notify::new(),
        }
    }

    /// The payment with its refund and webhooks, up to date with the clock.
    pub(crate) async fn dossier(&self, id: MerchantPaymentId) -> Result<Option<Dossier>, BooksError> {
        let post = self.post();
        self.books
            .run(move |db| {
                let Some(mut payment) = PaymentRecord::of_merchant(db, &id)? else {
                    return Ok(None);
                };
                post.let_time_pass(db, &mut payment)?;
                let refund = match &payment.payment_id {
                    Some(id) => RefundRecord::of_payment(db, id)?,
                    None => None,
                };
                let deliveries = Delivery::of_payment(db, id.as_str())?;
                Ok(Some(Dossier {
                    payment,
                    refund,
                    deliveries,
                }))
            })
            .await
    }

    /// Does what the clock alone does to payments that nobody looks at.
    pub(crate) async fn let_time_pass(&self) -> Result<(), BooksError> {
        loop {
            let post = self.post();
            let changed = self
                .books
                .run(move |db| {
                    let due = PaymentRecord::due(db, post.now(), TIDE)?;
                    let changed = due.len();
                    for mut payment in due {
                        post.let_time_pass(db, &mut payment)?;
                    }
                    Ok(changed)
                })
                .await?;
            if changed > 0 {
                self.mail.notify_one();
            }
            if changed < TIDE as usize {
                return Ok(());
            }
        }
    }

    /// Finds a payment, applies a step that also says what the caller wants to know, and records the webhook of what happened. `None`: no such
    /// payment.
    async fn step<T: Send + 'static>(
        &self,
        find: impl FnOnce(&Connection) -> Result<Option<PaymentRecord>, BooksError> + Send + 'static,
        step: impl FnOnce(&mut PaymentRecord, i64) -> Result<(T, Option<State>), Refusal> + Send + 'static,
    ) -> Result<Option<Result<(PaymentRecord, T), Refusal>>, BooksError> {
        let post = self.post();
        let result = self
            .books
            .run(move |db| {
                let Some(mut payment) = find(db)? else {
                    return Ok(None);
                };
                post.let_time_pass(db, &mut payment)?;
                match step(&mut payment, post.now()) {
                    Ok((told, event)) => {
                        payment.update(db)?;
                        if let Some(state) = event {
                            post.record(db, &payment, state)?;
                        }
                        Ok(Some(Ok((payment, told))))
                    }
                    Err(refusal) => Ok(Some(Err(refusal))),
                }
            })
            .await;
        self.mail.notify_one();
        result
    }

    fn post(&self) -> Post {
        Post {
            faults: Arc::clone(&self.faults),
            now_ms: self.config.clock.millis(),
            merchant_id: self.config.merchant_id.clone(),
            enabled: self.config.webhook_url.is_some(),
        }
    }
}

fn no_payment() -> OpaRefusal {
    OpaRefusal::new(opa::NO_PAYMENT, "no payment with this merchantPaymentId")
}
