//! What looks wrong about an order until something explains it.

use super::{Config, Finding, OrderState, Rule};
use crate::rules::state::{Payment, Seen};
use domain::Instant;
use std::fmt;

/// A finding that may still be explained by an event until it counts. Its words are made when it does: nearly all are explained before.
pub(super) struct Suspicion<'a> {
    about: About<'a>,
    /// `None`: nothing explains it.
    counts_from: Option<Instant>,
}

#[derive(Clone, Copy)]
enum About<'a> {
    /// A: this payment succeeded and the order does not say so.
    NotUpdated(&'a str),
    /// B: paid, and no payment is known.
    Unpaid,
    /// B: paid, and this payment failed after its success.
    Reversed(&'a str),
    /// C: this payment succeeded though the order had failed.
    TooLate(&'a str),
    /// D: this is one payment too many; under PayPay's id if it has several.
    Doubled(&'a str, Option<&'a str>),
}

impl About<'_> {
    fn rule(self) -> Rule {
        match self {
            About::NotUpdated(_) => Rule::A,
            About::Unpaid | About::Reversed(_) => Rule::B,
            About::TooLate(_) => Rule::C,
            About::Doubled(..) => Rule::D,
        }
    }

    fn observed(self, state: &OrderState) -> String {
        match self {
            About::NotUpdated(id) => format!("payment {id} succeeded, the order is {}", state.status()),
            About::Unpaid => "the order is PAID without a successful payment".to_owned(),
            About::Reversed(id) => {
                format!("the order is PAID, the latest observation of payment {id} is a failure")
            }
            About::TooLate(id) => format!("payment {id} succeeded after the order had failed"),
            About::Doubled(..) => format!("another payment of the order succeeded: {self}"),
        }
    }

    fn expected(self, config: &Config) -> String {
        match self {
            About::NotUpdated(_) => format!("PAID within {} s", config.update_grace.as_secs()),
            About::Unpaid => format!("a successful payment within {} s", config.payment_grace.as_secs()),
            About::Reversed(_) => "a payment that stays successful, or its refund".to_owned(),
            About::TooLate(_) => "no payment for a failed order; its refund".to_owned(),
            About::Doubled(..) => "one successful payment".to_owned(),
        }
    }
}

/// What tells it from others of its rule; alerts' ids are made of it.
impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::NotUpdated(id) | About::TooLate(id) | About::Doubled(id, None) => f.write_str(id),
            About::Unpaid => f.write_str("unpaid"),
            About::Reversed(id) => write!(f, "reversed:{id}"),
            About::Doubled(id, Some(paypay)) => write!(f, "{id}/{paypay}"),
        }
    }
}

impl Suspicion<'_> {
    /// Under which it is kept that it was raised.
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.about.rule(), self.about)
    }

    /// The first instant at which it counts; one that nothing explains always did.
    pub(super) fn counts_from(&self) -> Instant {
        self.counts_from.unwrap_or(Instant::from_millis(0))
    }

    pub(super) fn counts(&self, complete_until: Instant) -> bool {
        self.counts_from.is_none_or(|from| from <= complete_until)
    }

    pub(super) fn finding(&self, state: &OrderState, config: &Config) -> Finding {
        Finding {
            rule: self.about.rule(),
            about: self.about.to_string(),
            critical: state.money().is_none_or(|amount| amount >= config.critical_from),
            observed: self.about.observed(state),
            expected: self.about.expected(config),
            facts: state.facts(),
        }
    }
}

/// All that looks wrong and was not raised yet.
pub(super) fn suspicions<'a>(state: &'a OrderState, config: &Config) -> Vec<Suspicion<'a>> {
    let mut all = Vec::new();
    not_updated(state, config, &mut all);
    not_paid(state, config, &mut all);
    reversed(state, config, &mut all);
    too_late(state, &mut all);
    doubled(state, &mut all);
    if !state.raised.is_empty() {
        all.retain(|suspicion| state.raised.binary_search(&suspicion.key()).is_err());
    }
    all
}

fn successful(state: &OrderState) -> impl Iterator<Item = (&str, &Payment, Instant)> {
    let payments = state.payments.iter();
    payments.filter_map(|(id, payment)| Some((id.as_str(), payment, payment.success()?)))
}

fn not_updated<'a>(state: &'a OrderState, config: &Config, all: &mut Vec<Suspicion<'a>>) {
    for (id, payment, success) in successful(state) {
        let limit = success.plus(config.update_grace);
        let told =
            state.paid.is_some_and(|at| at <= limit) || state.failed_unaware.is_some_and(|at| at <= limit);
        if !told && !payment.refunded_by(limit) {
            all.push(Suspicion {
                about: About::NotUpdated(id),
                counts_from: Some(limit),
            });
        }
    }
}

fn not_paid<'a>(state: &'a OrderState, config: &Config, all: &mut Vec<Suspicion<'a>>) {
    let Some(paid) = state.paid.filter(|_| state.asks_paypay) else {
        return;
    };
    let limit = paid.plus(config.payment_grace);
    if !successful(state).any(|(_, _, success)| success <= limit) {
        all.push(Suspicion {
            about: About::Unpaid,
            counts_from: Some(limit),
        });
    }
}

fn reversed<'a>(state: &'a OrderState, config: &Config, all: &mut Vec<Suspicion<'a>>) {
    let Some(paid) = state.paid else { return };
    // One that had not succeeded is no reversal: another may have been paid.
    for (id, payment, success) in successful(state) {
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
                let refunded = payment.refunded_by(*limit) || state.refunded.is_some_and(|at| at <= *limit);
                !refunded && !payment.observed.iter().any(later)
            });
        if let Some((_, limit)) = unexplained {
            all.push(Suspicion {
                about: About::Reversed(id),
                counts_from: Some(limit),
            });
        }
    }
}

fn too_late<'a>(state: &'a OrderState, all: &mut Vec<Suspicion<'a>>) {
    if state.failed_unaware.is_none() {
        return;
    }
    all.extend(successful(state).map(|(id, _, _)| Suspicion {
        about: About::TooLate(id),
        counts_from: None,
    }));
}

/// Which of several is the one too many is decided by their ids, not by time: it must not change when an older one is heard of later.
fn doubled<'a>(state: &'a OrderState, all: &mut Vec<Suspicion<'a>>) {
    let successes = successful(state).flat_map(|(id, payment, _)| {
        // One that is only known by its refund or has no id of PayPay's yet is the same as the first that has one.
        let more = payment.success_ids.iter().skip(1);
        let more = more.map(move |paypay| About::Doubled(id, Some(paypay)));
        std::iter::once(About::Doubled(id, None)).chain(more)
    });
    all.extend(successes.skip(1).map(|about| Suspicion {
        about,
        counts_from: None,
    }));
}
