//! Faults on demand, and the dice that decide whom they hit.

use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest delay that can be asked for, in milliseconds: ten minutes.
const MAX_DELAY_MS: u64 = 600_000;
/// How long, in milliseconds, a reordered webhook is held back at most, for later ones to overtake it.
const MAX_HOLD_MS: u64 = 2_000;
/// How often a duplicated webhook is sent.
const COPIES: usize = 3;

/// The faults in force. Rates are probabilities from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Faults {
    pub webhook: WebhookFaults,
    pub api: ApiFaults,
}

/// Faults between PayPay and the merchant's webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WebhookFaults {
    /// Rate of events never sent.
    pub drop: f64,
    /// Rate of events sent three times.
    pub duplicate: f64,
    /// Milliseconds by which every event is late.
    pub delay_ms: u64,
    /// Rate of events held back up to two seconds, so that later ones overtake them.
    pub reorder: f64,
    /// Rate of events with an amount that is one yen too high.
    pub wrong_amount: f64,
}

/// Faults in front of PayPay's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ApiFaults {
    /// Rate of calls answered 500; every other one has taken effect all the same.
    pub error_rate: f64,
    /// Milliseconds by which every answer is late.
    pub latency_ms: u64,
    /// Rate of calls that are not answered for longer than anybody waits; every other one has taken effect all the same.
    pub timeout_rate: f64,
}

/// Why a change of the faults was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FaultsError {
    /// A path such as `webhook.drop`.
    pub field: String,
    pub reason: String,
}

impl Faults {
    /// Whether anything is wrong on purpose.
    pub fn in_force(&self) -> bool {
        *self != Self::default()
    }

    /// These faults with those of `change` put over them; what `change` does not name stays. A null resets.
    pub fn merged(mut self, change: &Value) -> Result<Self, FaultsError> {
        for (section, fields) in object(change, "")? {
            for (name, value) in object(fields, section)? {
                let field = format!("{section}.{name}");
                match field.as_str() {
                    "webhook.drop" => self.webhook.drop = rate(&field, value)?,
                    "webhook.duplicate" => self.webhook.duplicate = rate(&field, value)?,
                    "webhook.delayMs" => self.webhook.delay_ms = delay(&field, value)?,
                    "webhook.reorder" => self.webhook.reorder = rate(&field, value)?,
                    "webhook.wrongAmount" => self.webhook.wrong_amount = rate(&field, value)?,
                    "api.errorRate" => self.api.error_rate = rate(&field, value)?,
                    "api.latencyMs" => self.api.latency_ms = delay(&field, value)?,
                    "api.timeoutRate" => self.api.timeout_rate = rate(&field, value)?,
                    _ => {
                        return Err(FaultsError {
                            field,
                            reason: "is not a fault".to_owned(),
                        });
                    }
                }
            }
        }
        Ok(self)
    }
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a serde_json::Map<String, Value>, FaultsError> {
    value.as_object().ok_or_else(|| FaultsError {
        field: field.to_owned(),
        reason: "must be an object".to_owned(),
    })
}

fn rate(field: &str, value: &Value) -> Result<f64, FaultsError> {
    match if value.is_null() {
        Some(0.0)
    } else {
        value.as_f64()
    } {
        Some(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err(FaultsError {
            field: field.to_owned(),
            reason: "must be a number from 0 to 1".to_owned(),
        }),
    }
}

fn delay(field: &str, value: &Value) -> Result<u64, FaultsError> {
    match if value.is_null() { Some(0) } else { value.as_u64() } {
        Some(ms) if ms <= MAX_DELAY_MS => Ok(ms),
        _ => Err(FaultsError {
            field: field.to_owned(),
            reason: format!("must be a whole number of milliseconds from 0 to {MAX_DELAY_MS}"),
        }),
    }
}

/// What happens to one webhook event. Serialized into the delivery's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    /// Answered 500.
    Failed {
        after_effect: bool,
    },
    /// Not answered in time.
    Silent {
        after_effect: bool,
    },
}

/// The random numbers behind the rates.
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

    pub(crate) fn api(&self, faults: &ApiFaults) -> (Duration, ApiFate) {
        self.with(|dice| {
            let after_effect = dice.random();
            let fate = if dice.random_bool(faults.timeout_rate) {
                ApiFate::Silent { after_effect }
            } else if dice.random_bool(faults.error_rate) {
                ApiFate::Failed { after_effect }
            } else {
                ApiFate::Served
            };
            (Duration::from_millis(faults.latency_ms), fate)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_partial_change_keeps_the_rest_and_null_resets() {
        let first = Faults::default()
            .merged(&json!({"webhook": {"drop": 1, "delayMs": 50}}))
            .unwrap();
        let second = first
            .merged(&json!({"webhook": {"drop": null}, "api": {"latencyMs": 20}}))
            .unwrap();
        assert_eq!(
            second.webhook,
            WebhookFaults {
                delay_ms: 50,
                ..WebhookFaults::default()
            }
        );
        assert_eq!(second.api.latency_ms, 20);
        assert!(second.in_force() && !Faults::default().in_force());
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_field() {
        for (field, change) in [
            ("webhook.drop", json!({"webhook": {"drop": 1.1}})),
            ("webhook.drop", json!({"webhook": {"drop": true}})),
            ("webhook.duplicate", json!({"webhook": {"duplicate": -0.1}})),
            ("webhook.delayMs", json!({"webhook": {"delayMs": 600_001}})),
            ("api.latencyMs", json!({"api": {"latencyMs": 1.5}})),
            ("api.rate", json!({"api": {"rate": 1}})),
            ("api", json!({"api": 1})),
            ("", json!([])),
        ] {
            assert_eq!(Faults::default().merged(&change).unwrap_err().field, field);
        }
    }

    #[test]
    fn the_dice_obey_certainty_and_the_seed() {
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
        let odds = WebhookFaults {
            drop: 0.5,
            ..WebhookFaults::default()
        };
        let series = |seed| {
            (0..64)
                .map(|_| seed)
                .scan(Dice::new(Some(seed)), |d, _| Some(d.webhook(&odds).dropped))
                .collect::<Vec<_>>()
        };
        assert_eq!(series(1), series(1));
        assert_ne!(series(1), series(2));
    }
}
