//! Writes webhooks into the books, each with its fate.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::Offset;
use paypay::webhook::{State, TransactionEvent};
use rusqlite::Connection;

use crate::books::{BooksError, Delivery, Outcome, PaymentRecord};
use crate::faults::{FaultBoard, WebhookFate};
use crate::life;

/// What it takes to announce a change: which faults there are, who the merchant is, and what time it is.
#[derive(Debug)]
pub(crate) struct Post {
    pub faults: Arc<FaultBoard>,
    /// Epoch milliseconds.
    pub now_ms: i64,
    pub merchant_id: String,
    /// Whether webhooks go anywhere.
    pub enabled: bool,
}

impl Post {
    /// Epoch seconds.
    pub(crate) fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// Brings a payment up to date with the clock, and announces what that did.
    pub(crate) fn let_time_pass(
        &self,
        db: &Connection,
        payment: &mut PaymentRecord,
    ) -> Result<(), BooksError> {
        let events = life::let_time_pass(payment, self.now());
        if events.is_empty() {
            return Ok(());
        }
        payment.update(db)?;
        events
            .into_iter()
            .try_for_each(|state| self.record(db, payment, state))
    }

    /// Records the webhook about `state`.
    pub(crate) fn record(
        &self,
        db: &Connection,
        payment: &PaymentRecord,
        state: State,
    ) -> Result<(), BooksError> {
        if !self.enabled {
            return Ok(());
        }
        let (faults, fate) = self.faults.webhook(payment.merchant_payment_id().as_str());
        let mut event = self.event(payment, state);
        if fate.wrong_amount {
            event.amount = event.amount.map(|amount| amount + 1);
        }
        // PayPay sends none during its maintenance, nor afterwards.
        let dropped = fate.dropped || faults.maintenance;
        let copies = if dropped { 1 } else { fate.delays_ms.len() };
        for (copy, delay) in fate.delays_ms.iter().enumerate().take(copies) {
            Delivery {
                id: 0,
                merchant_payment_id: event.merchant_payment_id.to_string(),
                state: event.state.to_string(),
                body: event.to_json(),
                outcome: if dropped {
                    Outcome::Dropped
                } else {
                    Outcome::Pending
                },
                faults: in_words(&fate, faults.maintenance, copy, *delay),
                due_at: self.now_ms + i64::try_from(*delay).unwrap_or(i64::MAX / 2),
                created_at: self.now_ms,
                attempts: Vec::new(),
            }
            .insert(db)?;
        }
        Ok(())
    }

    fn event(&self, payment: &PaymentRecord, state: State) -> TransactionEvent {
        let completed = state == State::Completed;
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
            paid_at: completed.then(|| japanese(payment.completed_at)).flatten(),
        }
    }
}

fn in_words(fate: &WebhookFate, maintenance: bool, copy: usize, delay_ms: u64) -> String {
    let mut words = Vec::new();
    if maintenance {
        words.push("maintenance".to_owned());
    }
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
