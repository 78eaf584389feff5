//! The random numbers behind the rates, and what they decide.

use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{ApiFaults, WebhookFaults};

/// How long, in milliseconds, a reordered webhook is held back at most, for later ones to overtake it.
const MAX_HOLD_MS: u64 = 2_000;
/// How often a duplicated webhook is sent.
const COPIES: usize = 3;

/// What happens to one webhook event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebhookFate {
    pub dropped: bool,
    pub wrong_amount: bool,
    /// One delay in milliseconds for each copy to be sent; never empty.
    pub delays_ms: Vec<u64>,
}

/// What happens to one API call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiFate {
    Served,
    /// Answered 429.
    Limited,
    /// Takes effect; the answer breaks off.
    Cut,
    /// Answered 500.
    Failed {
        after_effect: bool,
    },
    /// Not answered in time.
    Silent {
        after_effect: bool,
    },
}

/// A sequence of choices.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<StdRng>);

impl Dice {
    /// The same `seed` throws the same fates in the same order.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(Mutex::new(
            seed.map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64),
        ))
    }

    fn with<T>(&self, throw: impl FnOnce(&mut StdRng) -> T) -> T {
        // A generator that a panicking thread left behind is as random as before.
        throw(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn webhook(&self, faults: &WebhookFaults) -> WebhookFate {
        self.with(|dice| {
            let dropped = dice.random_bool(faults.drop);
            let wrong_amount = dice.random_bool(faults.wrong_amount);
            let copies = if dice.random_bool(faults.duplicate) {
                COPIES
            } else {
                1
            };
            let delays_ms = (0..copies)
                .map(|_| {
                    let held = if dice.random_bool(faults.reorder) {
                        dice.random_range(1..=MAX_HOLD_MS)
                    } else {
                        0
                    };
                    faults.delay_ms + held
                })
                .collect();
            WebhookFate {
                dropped,
                wrong_amount,
                delays_ms,
            }
        })
    }

    /// How late the answer is, and what it is.
    pub(crate) fn api(&self, faults: &ApiFaults) -> (Duration, ApiFate) {
        self.with(|dice| {
            let after_effect = dice.random();
            let fate = if dice.random_bool(faults.rate_limit_rate) {
                ApiFate::Limited
            } else if dice.random_bool(faults.timeout_rate) {
                ApiFate::Silent { after_effect }
            } else if dice.random_bool(faults.error_rate) {
                ApiFate::Failed { after_effect }
            } else if dice.random_bool(faults.after_effect_rate) {
                ApiFate::Cut
            } else {
                ApiFate::Served
            };
            (Duration::from_millis(faults.latency_ms), fate)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_obey_certainty() {
        let dice = Dice::new(Some(7));
        let none = WebhookFate {
            dropped: false,
            wrong_amount: false,
            delays_ms: vec![0],
        };
        assert_eq!(dice.webhook(&WebhookFaults::default()), none);
        let all = WebhookFaults {
            drop: 1.0,
            duplicate: 1.0,
            delay_ms: 5,
            reorder: 1.0,
            wrong_amount: 1.0,
        };
        let fate = dice.webhook(&all);
        assert!(fate.dropped && fate.wrong_amount && fate.delays_ms.len() == 3);
        assert!(fate.delays_ms.iter().all(|ms| *ms > 5), "{fate:?}");
        let api = ApiFaults::default();
        assert_eq!(dice.api(&api), (Duration::ZERO, ApiFate::Served));
        let limited = ApiFaults {
            rate_limit_rate: 1.0,
            ..api
        };
        assert_eq!(dice.api(&limited).1, ApiFate::Limited);
        let cut = ApiFaults {
            after_effect_rate: 1.0,
            latency_ms: 3,
            ..api
        };
        assert_eq!(dice.api(&cut), (Duration::from_millis(3), ApiFate::Cut));
        let silent = ApiFaults {
            timeout_rate: 1.0,
            error_rate: 1.0,
            ..api
        };
        assert!(matches!(dice.api(&silent).1, ApiFate::Silent { .. }));
    }

    #[test]
    fn the_same_seed_throws_the_same_sequence() {
        let (webhook, api) = (
            WebhookFaults {
                drop: 0.5,
                ..WebhookFaults::default()
            },
            ApiFaults {
                error_rate: 0.3,
                rate_limit_rate: 0.3,
                ..ApiFaults::default()
            },
        );
        let series = |seed| {
            let dice = Dice::new(Some(seed));
            let throws = (0..64).map(|_| (dice.webhook(&webhook), dice.api(&api)));
            throws.collect::<Vec<_>>()
        };
        assert_eq!(series(1), series(1));
        assert_ne!(series(1), series(2));
    }
}
