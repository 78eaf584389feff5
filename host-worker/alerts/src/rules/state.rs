//! One order as its events tell it.

use super::{Config, Event, Fact, Finding, Rule};
use domain::{Instant, OrderStatus, PaymentStatus, Yen};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Different observations of one payment that are kept; PayPay's statuses allow far fewer.
const OBSERVATIONS: usize = 64;

/// The set of facts of one order, and what was raised about it. Facts only join it, so order and repeats make no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderState {
    /// The newest version, its status and the order's amount: what an alert shows.
    #[serde(rename = "v", skip_serializing_if = "Option::is_none")]
    newest: Option<(u64, OrderStatus, Yen)>,
    /// PayPay has a part in it. One paid from the balance alone has no payment.
    #[serde(rename = "pp", skip_serializing_if = "is_default")]
    asks_paypay: bool,
    /// The first time it was told as paid.
    #[serde(rename = "pd", skip_serializing_if = "Option::is_none")]
    paid: Option<Instant>,
    /// The first time it was told as given back.
    #[serde(rename = "rf", skip_serializing_if = "Option::is_none")]
    refunded: Option<Instant>,
    /// The first time it was told as failed without knowledge of a success.
    #[serde(rename = "fu", skip_serializing_if = "Option::is_none")]
    failed_unaware: Option<Instant>,
    #[serde(rename = "p", skip_serializing_if = "BTreeMap::is_empty")]
    payments: BTreeMap<String, Payment>,
    /// Rule and fact of every alert raised.
    #[serde(rename = "r", skip_serializing_if = "BTreeSet::is_empty")]
    raised: BTreeSet<String>,
}

/// One `merchantPaymentId`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Payment {
    #[serde(rename = "o", skip_serializing_if = "BTreeSet::is_empty")]
    observed: BTreeSet<(Instant, Seen)>,
    #[serde(rename = "rf", skip_serializing_if = "Option::is_none")]
    refunded: Option<Instant>,
    /// PayPay's ids under which it succeeded: one, if PayPay keeps its word.
    #[serde(rename = "id", skip_serializing_if = "BTreeSet::is_empty")]
    success_ids: BTreeSet<String>,
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    amount: Option<Yen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Seen {
    #[serde(rename = "f")]
    Failure,
    // At one instant the success is the later of both.
    #[serde(rename = "s")]
    Success,
}

/// A finding that may still be explained by an event until it counts.
struct Suspicion {
    rule: Rule,
    about: String,
    /// `None`: nothing explains it.
    counts_from: Option<Instant>,
    observed: String,
    expected: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    fn success(&self) -> Option<Instant> {
        let seen = self.observed.iter().find(|(_, seen)| *seen == Seen::Success);
        let seen = seen.map(|(at, _)| *at);
        seen.into_iter().chain(self.refunded).min()
    }

    fn refunded_by(&self, limit: Instant) -> bool {
        self.refunded.is_some_and(|at| at <= limit)
    }
}

impl OrderState {
    /// Takes in one event about this order. Repeats and disorder make no difference.
    pub fn observe(&mut self, event: &Event) {
        match &event.fact {
            Fact::Order {
                status,
                payment_status,
                version,
                amount,
            } => self.observe_order(event.at, *status, *payment_status, (*version, *amount)),
            Fact::Payment {
                merchant_payment_id,
                payment_id,
                status,
                amount,
            } => {
                let payment = self.payments.entry(merchant_payment_id.clone()).or_default();
                let seen = if is_success(*status) {
                    payment.success_ids.extend(payment_id.clone());
                    payment.amount = Some(*amount);
                    Seen::Success
                } else if status.is_final() {
                    Seen::Failure
                } else {
                    return;
                };
                if payment.observed.len() < OBSERVATIONS {
                    payment.observed.insert((event.at, seen));
                }
            }
            Fact::Refund {
                merchant_payment_id,
                amount,
            } => {
                let payment = self.payments.entry(merchant_payment_id.clone()).or_default();
                earliest(&mut payment.refunded, event.at);
                payment.amount.get_or_insert(*amount);
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
        let mut found = Vec::new();
        for suspicion in self.suspicions(config) {
            if suspicion.counts_from.is_some_and(|from| from > complete_until) {
                continue;
            }
            let facts = self.facts();
            let critical = self.money().is_none_or(|amount| amount >= config.critical_from);
            self.raised.insert(suspicion.key());
            found.push(Finding {
                rule: suspicion.rule,
                about: suspicion.about,
                critical,
                observed: suspicion.observed,
                expected: suspicion.expected,
                facts,
            });
        }
        found
    }

    /// When [`OrderState::due`] has something to say, unless events come before.
    pub fn next_deadline(&self, config: &Config) -> Option<Instant> {
        let deadlines = self.suspicions(config).into_iter();
        deadlines
            .map(|suspicion| suspicion.counts_from.unwrap_or(Instant::from_millis(0)))
            .min()
    }

    fn suspicions(&self, config: &Config) -> Vec<Suspicion> {
        let mut all = Vec::new();
        self.not_updated(config, &mut all);
        self.not_paid(config, &mut all);
        self.reversed(config, &mut all);
        self.too_late(&mut all);
        self.doubled(&mut all);
        all.retain(|suspicion| !self.raised.contains(&suspicion.key()));
        all
    }

    fn not_updated(&self, config: &Config, all: &mut Vec<Suspicion>) {
        for (id, payment) in &self.payments {
            let Some(success) = payment.success() else {
                continue;
            };
            let limit = success.plus(config.update_grace);
            let told =
                self.paid.is_some_and(|at| at <= limit) || self.failed_unaware.is_some_and(|at| at <= limit);
            if !told && !payment.refunded_by(limit) {
                all.push(Suspicion {
                    rule: Rule::A,
                    about: id.clone(),
                    counts_from: Some(limit),
                    observed: format!("payment {id} succeeded, the order is {}", self.status()),
                    expected: format!("PAID within {} s", config.update_grace.as_secs()),
                });
            }
        }
    }

    fn not_paid(&self, config: &Config, all: &mut Vec<Suspicion>) {
        let Some(paid) = self.paid.filter(|_| self.asks_paypay) else {
            return;
        };
        let limit = paid.plus(config.payment_grace);
        let is_paid = |payment: &Payment| payment.success().is_some_and(|at| at <= limit);
        if !self.payments.values().any(is_paid) {
            all.push(Suspicion {
                rule: Rule::B,
                about: "unpaid".to_owned(),
                counts_from: Some(limit),
                observed: "the order is PAID without a successful payment".to_owned(),
                expected: format!("a successful payment within {} s", config.payment_grace.as_secs()),
            });
        }
    }

    fn reversed(&self, config: &Config, all: &mut Vec<Suspicion>) {
        let Some(paid) = self.paid else { return };
        for (id, payment) in &self.payments {
            // One that had not succeeded is no reversal: another may have been paid.
            let Some(success) = payment.success() else {
                continue;
            };
            let failures = payment
                .observed
                .iter()
                .filter(|(at, seen)| *seen == Seen::Failure && success <= *at);
            let unexplained = failures
                .map(|(at, _)| (*at, paid.max(*at).plus(config.payment_grace)))
                .find(|(at, limit)| {
                    let later = |(seen_at, seen): &(Instant, Seen)| {
                        *seen == Seen::Success && at <= seen_at && seen_at <= limit
                    };
                    let refunded =
                        payment.refunded_by(*limit) || self.refunded.is_some_and(|at| at <= *limit);
                    !refunded && !payment.observed.iter().any(later)
                });
            if let Some((_, limit)) = unexplained {
                all.push(Suspicion {
                    rule: Rule::B,
                    about: format!("reversed:{id}"),
                    counts_from: Some(limit),
                    observed: format!(
                        "the order is PAID, the latest observation of payment {id} is a failure"
                    ),
                    expected: "a payment that stays successful, or its refund".to_owned(),
                });
            }
        }
    }

    fn too_late(&self, all: &mut Vec<Suspicion>) {
        if self.failed_unaware.is_none() {
            return;
        }
        for (id, _) in self
            .payments
            .iter()
            .filter(|(_, payment)| payment.success().is_some())
        {
            all.push(Suspicion {
                rule: Rule::C,
                about: id.clone(),
                counts_from: None,
                observed: format!("payment {id} succeeded after the order had failed"),
                expected: "no payment for a failed order; its refund".to_owned(),
            });
        }
    }

    /// Which of several is the one too many is decided by their ids, not by time: it must not change when an older one is heard of later.
    fn doubled(&self, all: &mut Vec<Suspicion>) {
        let mut successes = BTreeSet::new();
        for (id, payment) in self
            .payments
            .iter()
            .filter(|(_, payment)| payment.success().is_some())
        {
            // One that is only known by its refund or has no id of PayPay's yet is the same as the first that has one.
            successes.insert(id.clone());
            successes.extend(
                payment
                    .success_ids
                    .iter()
                    .skip(1)
                    .map(|paypay| format!("{id}/{paypay}")),
            );
        }
        for about in successes.into_iter().skip(1) {
            all.push(Suspicion {
                rule: Rule::D,
                observed: format!("another payment of the order succeeded: {about}"),
                about,
                counts_from: None,
                expected: "one successful payment".to_owned(),
            });
        }
    }

    fn status(&self) -> &'static str {
        self.newest.map_or("unknown", |(_, status, _)| status.as_str())
    }

    /// What it is about, as far as is known.
    fn money(&self) -> Option<Yen> {
        let paid = self.payments.values().filter_map(|payment| payment.amount).max();
        paid.or(self.newest.map(|(_, _, amount)| amount))
    }

    fn facts(&self) -> Value {
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

impl Suspicion {
    fn key(&self) -> String {
        format!("{}:{}", self.rule, self.about)
    }
}
