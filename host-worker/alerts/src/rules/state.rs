//! One order as its events tell it.

use super::{
    Config, Fact, Finding,
    set::Set,
    suspicion::{Suspicion, suspicions},
};
use domain::{Instant, OrderStatus, PaymentStatus, Yen};
use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Different observations of one payment that are kept; PayPay's statuses allow far fewer.
const OBSERVATIONS: usize = 64;

/// The set of facts of one order, and what was raised about it. Facts only join it, so order and repeats make no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderState {
    /// The newest version, its status and the order's amount: what an alert shows.
    #[serde(rename = "v")]
    newest: Option<(u64, OrderStatus, Yen)>,
    /// PayPay has a part in it. One paid from the balance alone has no payment.
    #[serde(rename = "pp")]
    pub(super) asks_paypay: bool,
    /// The first time it was told as paid.
    #[serde(rename = "pd")]
    pub(super) paid: Option<Instant>,
    /// The first time it was told as given back.
    #[serde(rename = "rf")]
    pub(super) refunded: Option<Instant>,
    /// The first time it was told as failed without knowledge of a success.
    #[serde(rename = "fu")]
    pub(super) failed_unaware: Option<Instant>,
    #[serde(rename = "p")]
    pub(super) payments: LiteMap<String, Payment>,
    /// Rule and fact of every alert raised.
    #[serde(rename = "r")]
    pub(super) raised: Set<String>,
}

/// One `merchantPaymentId`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Payment {
    #[serde(rename = "o")]
    pub(super) observed: Set<(Instant, Seen)>,
    #[serde(rename = "rf")]
    refunded: Option<Instant>,
    /// PayPay's ids under which it succeeded: one, if PayPay keeps its word.
    #[serde(rename = "id")]
    pub(super) success_ids: Set<String>,
    #[serde(rename = "a")]
    amount: Option<Yen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Seen {
    #[serde(rename = "f")]
    Failure,
    // At one instant the success is the later of both.
    #[serde(rename = "s")]
    Success,
}

fn earliest(known: &mut Option<Instant>, at: Instant) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

/// Whether money came, as far as this status says: what was refunded had come.
fn is_success(status: PaymentStatus) -> bool {
    matches!(status, PaymentStatus::Completed | PaymentStatus::Refunded)
}

impl Payment {
    /// When money was first seen to have come. A refund is a sign of it as well.
    pub(super) fn success(&self) -> Option<Instant> {
        let seen = self.observed.iter().find(|(_, seen)| *seen == Seen::Success);
        let seen = seen.map(|(at, _)| *at);
        seen.into_iter().chain(self.refunded).min()
    }

    pub(super) fn refunded_by(&self, limit: Instant) -> bool {
        self.refunded.is_some_and(|at| at <= limit)
    }
}

impl OrderState {
    /// Takes in one fact about this order. Repeats and disorder make no difference.
    pub fn observe(&mut self, at: Instant, fact: Fact) {
        match fact {
            Fact::Order {
                status,
                payment_status,
                version,
                amount,
            } => self.observe_order(at, status, payment_status, (version, amount)),
            Fact::Payment {
                merchant_payment_id,
                payment_id,
                status,
                amount,
            } => {
                let payment = self.payments.entry(merchant_payment_id).or_default();
                let seen = if is_success(status) {
                    if let Some(payment_id) = payment_id {
                        payment.success_ids.insert(payment_id);
                    }
                    payment.amount = Some(amount);
                    Seen::Success
                } else if status.is_final() {
                    Seen::Failure
                } else {
                    return;
                };
                if payment.observed.len() < OBSERVATIONS {
                    payment.observed.insert((at, seen));
                }
            }
            Fact::Refund {
                merchant_payment_id,
                amount,
            } => {
                let payment = self.payments.entry(merchant_payment_id).or_default();
                earliest(&mut payment.refunded, at);
                payment.amount.get_or_insert(amount);
            }
        }
    }

    fn observe_order(
        &mut self,
        at: Instant,
        status: OrderStatus,
        payment_status: PaymentStatus,
        (version, amount): (u64, Yen),
    ) {
        if self.newest.is_none_or(|(newest, _, _)| newest < version) {
            self.newest = Some((version, status, amount));
        }
        self.asks_paypay |= status == OrderStatus::WaitingPayment || payment_status != PaymentStatus::None;
        match status {
            OrderStatus::Paid => earliest(&mut self.paid, at),
            OrderStatus::Refunded => {
                earliest(&mut self.paid, at);
                earliest(&mut self.refunded, at);
            }
            OrderStatus::Failed if !is_success(payment_status) => earliest(&mut self.failed_unaware, at),
            OrderStatus::Failed | OrderStatus::Pending | OrderStatus::WaitingPayment => {}
        }
    }

    /// What counts by now and was not raised before. `complete_until`: every event that happened until then has been observed, as far as anybody can know.
    pub fn due(&mut self, complete_until: Instant, config: &Config) -> Vec<Finding> {
        let suspicions = suspicions(self, config);
        let counting = suspicions
            .iter()
            .filter(|suspicion| suspicion.counts(complete_until));
        let (found, raised): (Vec<Finding>, Vec<String>) = counting
            .map(|suspicion| (suspicion.finding(self, config), suspicion.key()))
            .unzip();
        for key in raised {
            self.raised.insert(key);
        }
        found
    }

    /// When [`OrderState::due`] has something to say, unless events come before.
    pub fn next_deadline(&self, config: &Config) -> Option<Instant> {
        let suspicions = suspicions(self, config);
        suspicions.iter().map(Suspicion::counts_from).min()
    }

    pub(super) fn status(&self) -> &'static str {
        self.newest.map_or("unknown", |(_, status, _)| status.as_str())
    }

    /// What it is about, as far as is known.
    pub(super) fn money(&self) -> Option<Yen> {
        let paid = self.payments.values().filter_map(|payment| payment.amount).max();
        paid.or(self.newest.map(|(_, _, amount)| amount))
    }

    pub(super) fn facts(&self) -> Value {
        let time = |at: Option<Instant>| at.map(|at| at.to_string());
        let payments: Vec<Value> = self
            .payments
            .iter()
            .map(|(id, payment)| {
                json!({
                    "merchantPaymentId": id,
                    "paymentIds": payment.success_ids,
                    "amount": payment.amount,
                    "succeededAt": time(payment.success()),
                    "refundedAt": time(payment.refunded),
                    "observations": payment.observed.iter().map(|(at, seen)| json!({
                        "at": at.to_string(),
                        "outcome": match seen { Seen::Failure => "failure", Seen::Success => "success" },
                    })).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "status": self.newest.map(|(_, status, _)| status),
            "version": self.newest.map(|(version, _, _)| version),
            "amount": self.newest.map(|(_, _, amount)| amount),
            "paidAt": time(self.paid),
            "failedAt": time(self.failed_unaware),
            "payments": payments,
        })
    }
}
