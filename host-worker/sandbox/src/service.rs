//! PayPay's side of every call: look up, apply, record the webhooks that follow, in one commit.

use std::fmt::Display;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use jiff::tz::Offset;
use paypay::codes::{Code, CreateCode};
use paypay::ids::{CodeId, MerchantPaymentId, MerchantRefundId, PaymentId};
use paypay::money::Money;
use paypay::payments::{Capture, Payment, PaymentStatus, Refunds, Revert, Reverted};
use paypay::refunds::{CreateRefund, Refund, RefundStatus};
use paypay::result::ResultCode;
use paypay::webhook::{State, TransactionEvent};
use rand::Rng;
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::SandboxConfig;
use crate::books::{Books, BooksError, Delivery, Outcome, PaymentRecord, RefundRecord};
use crate::faults::{Dice, Faults, WebhookFate};
use crate::life::{self, Decision, Refusal};

/// Why PayPay's API refuses a call.
#[derive(Debug)]
pub(crate) struct OpaRefusal {
    pub status: u16,
    pub code: ResultCode,
    pub message: String,
}

impl OpaRefusal {
    pub(crate) fn new(status: u16, code: ResultCode, message: impl Display) -> Self {
        Self {
            status,
            code,
            message: message.to_string(),
        }
    }
}

impl From<BooksError> for OpaRefusal {
    fn from(error: BooksError) -> Self {
        tracing::error!(%error, "the sandbox failed");
        Self::new(500, ResultCode::InternalServerError, "the sandbox's books failed")
    }
}

impl From<Refusal> for OpaRefusal {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NotCancelable(_) | Refusal::CancelWindowOver => ResultCode::OrderNotReversible,
            Refusal::AboveAuthorized(_) => ResultCode::InvalidRequestParams,
            _ => ResultCode::UnacceptableOp,
        };
        Self::new(400, code, refusal)
    }
}

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
    pub dice: Arc<Dice>,
    faults: RwLock<Faults>,
    /// Rung when webhooks may be due.
    pub mail: Notify,
}

impl Service {
    pub(crate) fn new(config: SandboxConfig, books: Books, faults: Faults) -> Self {
        let dice = Arc::new(Dice::new(config.seed));
        Self {
            config,
            books,
            dice,
            faults: RwLock::new(faults),
            mail: Notify::new(),
        }
    }

    pub(crate) fn faults(&self) -> Faults {
        *self
            .faults
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Puts faults in force, on disk first.
    pub(crate) async fn set_faults(&self, faults: Faults) -> Result<(), BooksError> {
        let document =
            serde_json::to_string(&faults).map_err(|error| BooksError::Content(error.to_string()))?;
        self.books
            .run(move |db| {
                db.execute(
                    "INSERT INTO settings (name, document) VALUES ('faults', ?1)
                     ON CONFLICT (name) DO UPDATE SET document = excluded.document",
                    [document],
                )?;
                Ok(())
            })
            .await?;
        *self
            .faults
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = faults;
        Ok(())
    }

    pub(crate) async fn create_code(&self, request: CreateCode) -> Result<Code, OpaRefusal> {
        let now = self.config.clock.seconds();
        let code_id: CodeId = format!("04-{}", random_text(16)).parse().map_err(internal)?;
        let url = format!(
            "{}/sandbox/pay/{code_id}",
            self.config.public_url.trim_end_matches('/')
        );
        let record = PaymentRecord {
            deeplink: format!("paypay://payment?link_key={}", escaped(&url)),
            code_id,
            payment_id: None,
            url,
            amount: request.amount.amount,
            status: PaymentStatus::Created,
            expires_at: now + i64::try_from(self.config.code_ttl.as_secs()).unwrap_or(i64::MAX / 2),
            deleted: false,
            cancel_requested: false,
            accepted_at: None,
            authorized_until: None,
            capture_id: None,
            created_at: now,
            request,
        };
        let code = Code {
            code_id: record.code_id.clone(),
            url: record.url.clone(),
            deeplink: record.deeplink.clone(),
            expiry_date: record.expires_at,
            merchant_payment_id: record.merchant_payment_id().clone(),
            amount: Money::yen(record.amount),
        };
        if self.books.run(move |db| record.insert(db)).await? {
            Ok(code)
        } else {
            let code = ResultCode::DuplicateDynamicQrRequest;
            Err(OpaRefusal::new(
                400,
                code,
                "this merchantPaymentId was used before",
            ))
        }
    }

    pub(crate) async fn delete_code(&self, id: CodeId) -> Result<(), OpaRefusal> {
        let found = self
            .books
            .run(move |db| {
                let Some(mut payment) = PaymentRecord::of_code(db, &id)? else {
                    return Ok(false);
                };
                payment.deleted = true;
                payment.update(db)?;
                Ok(true)
            })
            .await?;
        if found {
            Ok(())
        } else {
            Err(OpaRefusal::new(
                404,
                ResultCode::DynamicQrNotFound,
                "no such code",
            ))
        }
    }

    pub(crate) async fn details(&self, id: MerchantPaymentId) -> Result<Payment, OpaRefusal> {
        let dossier = self.dossier(id).await?.ok_or_else(no_payment)?;
        Ok(told(&dossier.payment, dossier.refund.as_ref()))
    }

    pub(crate) async fn dossier(&self, id: MerchantPaymentId) -> Result<Option<Dossier>, BooksError> {
        let (now, post) = (self.config.clock.seconds(), self.post());
        self.books
            .run(move |db| {
                let Some(mut payment) = PaymentRecord::of_merchant(db, &id)? else {
                    return Ok(None);
                };
                post.expire(db, &mut payment, now)?;
                let refund = payment
                    .payment_id
                    .as_ref()
                    .map(|id| RefundRecord::of_payment(db, id))
                    .transpose()?;
                let deliveries = Delivery::of_payment(db, id.as_str())?;
                Ok(Some(Dossier {
                    payment,
                    refund: refund.flatten(),
                    deliveries,
                }))
            })
            .await
    }

    pub(crate) async fn cancel(&self, id: MerchantPaymentId) -> Result<(), OpaRefusal> {
        let now = self.config.clock.seconds();
        let find = move |db: &Connection| PaymentRecord::of_merchant(db, &id);
        self.step(find, move |payment| life::cancel(payment, now))
            .await?
            .ok_or_else(no_payment)??;
        Ok(())
    }

    pub(crate) async fn capture(&self, request: Capture) -> Result<Payment, OpaRefusal> {
        let id = request.merchant_payment_id.clone();
        let find = move |db: &Connection| PaymentRecord::of_merchant(db, &id);
        let payment = self
            .step(find, move |payment| life::capture(payment, &request))
            .await?;
        Ok(told(&payment.ok_or_else(no_payment)??, None))
    }

    pub(crate) async fn revert(&self, request: Revert) -> Result<Reverted, OpaRefusal> {
        let id = request.payment_id.clone();
        let find = move |db: &Connection| PaymentRecord::of_payment(db, &id);
        let payment = self.step(find, life::revert).await?.ok_or_else(no_payment)??;
        Ok(Reverted {
            status: payment.status,
            payment_id: request.payment_id,
            accepted_at: self.config.clock.seconds(),
            requested_at: request.requested_at,
        })
    }

    /// The buyer approves or declines; `None`: no such code.
    pub(crate) async fn decide(
        &self,
        id: CodeId,
        decision: Decision,
    ) -> Result<Option<Result<PaymentRecord, Refusal>>, BooksError> {
        let (now, authorized_for) = (self.config.clock.seconds(), self.config.authorization_seconds);
        // 20 digits, as PayPay's ids have.
        let digits = format!("{:020}", rand::rng().random_range(0..10_u128.pow(20)));
        let payment_id: PaymentId = digits
            .parse()
            .map_err(|error: paypay::ids::IdError| BooksError::Content(error.to_string()))?;
        let find = move |db: &Connection| PaymentRecord::of_code(db, &id);
        self.step(find, move |payment| {
            life::decide(payment, decision, payment_id, now, authorized_for)
        })
        .await
    }

    pub(crate) async fn refund(&self, request: CreateRefund) -> Result<Refund, OpaRefusal> {
        let now = self.config.clock.seconds();
        let refused = |status, code, message: &str| Ok(Err(OpaRefusal::new(status, code, message)));
        self.books
            .run(move |db| {
                let Some(mut payment) = PaymentRecord::of_payment(db, &request.payment_id)? else {
                    return refused(404, ResultCode::ResourceNotFound, "no such paymentId");
                };
                if let Some(known) = RefundRecord::of_merchant(db, &request.merchant_refund_id)? {
                    let same = known.request.payment_id == request.payment_id
                        && known.request.amount == request.amount;
                    return if same {
                        Ok(Ok(known.told_as(RefundStatus::Refunded)))
                    } else {
                        refused(
                            400,
                            ResultCode::InvalidRequestParams,
                            "this merchantRefundId was used for another refund",
                        )
                    };
                }
                if RefundRecord::of_payment(db, &request.payment_id)?.is_some() {
                    return refused(
                        400,
                        ResultCode::RefundLimitExceeded,
                        "the payment was refunded before",
                    );
                }
                if payment.status != PaymentStatus::Completed {
                    return refused(
                        400,
                        ResultCode::UnacceptableOp,
                        "only a completed payment can be refunded",
                    );
                }
                if request.amount.amount > payment.amount {
                    return refused(400, ResultCode::InvalidParams, "more than was paid");
                }
                let refund = RefundRecord {
                    request,
                    accepted_at: now,
                };
                refund.insert(db)?;
                payment.status = PaymentStatus::Refunded;
                payment.update(db)?;
                // Accepted; PayPay's batch settles it a moment later, so the next reading says REFUNDED.
                Ok(Ok(refund.told_as(RefundStatus::Created)))
            })
            .await?
    }

    pub(crate) async fn refund_details(&self, id: MerchantRefundId) -> Result<Refund, OpaRefusal> {
        let refund = self
            .books
            .run(move |db| RefundRecord::of_merchant(db, &id))
            .await?;
        let none = || OpaRefusal::new(404, ResultCode::NoSuchRefundOrder, "no such merchantRefundId");
        Ok(refund.ok_or_else(none)?.told_as(RefundStatus::Refunded))
    }

    /// Finds a payment, applies a step, and records the webhooks of what happened. `None`: no such payment.
    async fn step(
        &self,
        find: impl FnOnce(&Connection) -> Result<Option<PaymentRecord>, BooksError> + Send + 'static,
        step: impl FnOnce(&mut PaymentRecord) -> Result<Option<State>, Refusal> + Send + 'static,
    ) -> Result<Option<Result<PaymentRecord, Refusal>>, BooksError> {
        let (now, post) = (self.config.clock.seconds(), self.post());
        let result = self
            .books
            .run(move |db| {
                let Some(mut payment) = find(db)? else {
                    return Ok(None);
                };
                post.expire(db, &mut payment, now)?;
                match step(&mut payment) {
                    Ok(event) => {
                        payment.update(db)?;
                        if let Some(state) = event {
                            post.record(db, &payment, state)?;
                        }
                        Ok(Some(Ok(payment)))
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
            fates: Arc::clone(&self.dice),
            faults: self.faults(),
            now_ms: self.config.clock.millis(),
            merchant_id: self.config.merchant_id.clone(),
            enabled: self.config.webhook_url.is_some(),
        }
    }

    /// Sends a webhook again, as it was, once and without faults. `None`: no such webhook.
    pub(crate) async fn replay(&self, id: i64) -> Result<Option<i64>, BooksError> {
        let now = self.config.clock.millis();
        let again = self
            .books
            .run(move |db| {
                let Some(first) = Delivery::find(db, id)? else {
                    return Ok(None);
                };
                let faults = format!("replay of {id}");
                let again = Delivery {
                    outcome: Outcome::Pending,
                    faults,
                    due_at: now,
                    created_at: now,
                    ..first
                };
                again.insert(db).map(Some)
            })
            .await;
        self.mail.notify_one();
        again
    }
}

/// Writes webhooks into the books, each with its fate.
struct Post {
    fates: Arc<Dice>,
    faults: Faults,
    now_ms: i64,
    merchant_id: String,
    enabled: bool,
}

impl Post {
    fn expire(&self, db: &Connection, payment: &mut PaymentRecord, now: i64) -> Result<(), BooksError> {
        if let Some(state) = life::let_expire(payment, now) {
            payment.update(db)?;
            self.record(db, payment, state)?;
        }
        Ok(())
    }

    fn record(&self, db: &Connection, payment: &PaymentRecord, state: State) -> Result<(), BooksError> {
        if !self.enabled {
            return Ok(());
        }
        let fate = self.fates.webhook(&self.faults.webhook);
        let mut event = self.event(payment, state);
        if fate.wrong_amount {
            event.amount = event.amount.map(|amount| amount + 1);
        }
        for (copy, delay) in fate
            .delays_ms
            .iter()
            .enumerate()
            .take(if fate.dropped { 1 } else { usize::MAX })
        {
            Delivery {
                id: 0,
                merchant_payment_id: event.merchant_payment_id.to_string(),
                state: event.state.to_string(),
                body: event.to_json(),
                outcome: if fate.dropped {
                    Outcome::Dropped
                } else {
                    Outcome::Pending
                },
                faults: in_words(&fate, copy, *delay),
                due_at: self.now_ms + i64::try_from(*delay).unwrap_or(i64::MAX / 2),
                created_at: self.now_ms,
                attempts: Vec::new(),
            }
            .insert(db)?;
        }
        Ok(())
    }

    fn event(&self, payment: &PaymentRecord, state: State) -> TransactionEvent {
        let paid_at = (state == State::Completed)
            .then(|| japanese(payment.accepted_at))
            .flatten();
        let authorized = payment.authorized_until.is_some();
        TransactionEvent {
            merchant_id: Some(self.merchant_id.clone()),
            store_id: None,
            pos_id: None,
            payment_id: payment.payment_id.clone(),
            merchant_payment_id: payment.merchant_payment_id().clone(),
            state,
            amount: Some(payment.amount),
            authorized_at: authorized.then(|| japanese(payment.accepted_at)).flatten(),
            expires_at: japanese(payment.authorized_until),
            paid_at,
        }
    }
}

fn in_words(fate: &WebhookFate, copy: usize, delay_ms: u64) -> String {
    let mut words = Vec::new();
    if fate.dropped {
        words.push("dropped".to_owned());
    }
    if fate.wrong_amount {
        words.push("wrong amount".to_owned());
    }
    if fate.delays_ms.len() > 1 {
        words.push(format!("copy {} of {}", copy + 1, fate.delays_ms.len()));
    }
    if delay_ms > 0 {
        words.push(format!("{delay_ms} ms late"));
    }
    words.join(", ")
}

/// An instant as PayPay writes it, for example `2026-11-22T10:00:00+09:00`.
fn japanese(seconds: Option<i64>) -> Option<String> {
    let instant = Timestamp::from_second(seconds?).ok()?;
    Some(instant.display_with_offset(Offset::constant(9)).to_string())
}

fn told(payment: &PaymentRecord, refund: Option<&RefundRecord>) -> Payment {
    Payment {
        merchant_payment_id: payment.merchant_payment_id().clone(),
        payment_id: payment.payment_id.clone(),
        status: payment.status.clone(),
        amount: Money::yen(payment.amount),
        accepted_at: payment.accepted_at,
        requested_at: Some(payment.request.requested_at),
        refunds: Refunds {
            data: refund
                .map(|refund| refund.told_as(RefundStatus::Refunded))
                .into_iter()
                .collect(),
        },
    }
}

fn no_payment() -> OpaRefusal {
    OpaRefusal::new(
        404,
        ResultCode::DynamicQrPaymentNotFound,
        "no payment with this merchantPaymentId",
    )
}

fn internal(error: impl Display) -> OpaRefusal {
    OpaRefusal::new(500, ResultCode::InternalServerError, error)
}

fn random_text(chars: usize) -> String {
    rand::rng()
        .sample_iter(rand::distr::Alphanumeric)
        .take(chars)
        .map(char::from)
        .collect()
}

/// Percent-encoded for a query's value.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
