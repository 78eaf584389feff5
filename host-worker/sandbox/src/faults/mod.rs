//! Faults on demand.
//!
//! `GET` and `PUT /sandbox/faults` read and change those for every payment, `/sandbox/faults/{merchantPaymentId}` those of one payment, which may not
//! exist yet; a payment with faults of its own is subject to those alone, and `DELETE` takes them away. A change names only what differs, and a
//! null resets:
//!
//! ```json
//! {
//!   "seed": 7, "maintenance": false, "buyerGone": false, "forgetDeadCodes": false,
//!   "webhook": { "drop": 0, "duplicate": 0, "delayMs": 0, "reorder": 0, "wrongAmount": 0 },
//!   "api": { "errorRate": 0, "latencyMs": 0, "timeoutRate": 0, "rateLimitRate": 0, "retryAfterSeconds": 1, "afterEffectRate": 0 }
//! }
//! ```
//!
//! Which calls and webhooks a rate hits is decided by a sequence of random numbers, one for all payments and one for each payment that has its own
//! faults. Setting `seed` begins the sequence anew, and the same seed gives the same sequence. Faults outlive a restart; a sequence with a seed
//! begins anew there.

mod board;
mod dice;

pub(crate) use board::{FaultBoard, forget, store};
pub(crate) use dice::{ApiFate, WebhookFate};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest delay that can be asked for, in milliseconds: ten minutes.
const MAX_DELAY_MS: u64 = 600_000;
/// Longest pause, in seconds, that a refused caller can be asked for.
const MAX_RETRY_AFTER_SECONDS: u64 = 3_600;

/// The faults in force. Rates are probabilities from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Faults {
    /// Where the sequence of choices begins; `None`: anywhere.
    pub seed: Option<u64>,
    /// PayPay is closed: every call gets 503 `MAINTENANCE_MODE`, and no webhook is ever sent for what happens meanwhile.
    pub maintenance: bool,
    /// The buyer has left PayPay: refunds get 400 `CANCELED_USER`.
    pub buyer_gone: bool,
    /// The details of an unpaid code that was deleted or has expired are not found, which PayPay's documentation allows.
    pub forget_dead_codes: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ApiFaults {
    /// Rate of calls answered 500; every other one has taken effect all the same.
    pub error_rate: f64,
    /// Milliseconds by which every answer is late.
    pub latency_ms: u64,
    /// Rate of calls that are not answered for longer than anybody waits; every other one has taken effect all the same.
    pub timeout_rate: f64,
    /// Rate of calls answered 429 `RATE_LIMIT`; none takes effect.
    pub rate_limit_rate: f64,
    /// Seconds in the `Retry-After` of an answer 429. 0: no such header, as PayPay promises none.
    pub retry_after_seconds: u64,
    /// Rate of calls that take effect and whose answer breaks off in the middle.
    pub after_effect_rate: f64,
}

impl Default for ApiFaults {
    fn default() -> Self {
        Self {
            error_rate: 0.0,
            latency_ms: 0,
            timeout_rate: 0.0,
            rate_limit_rate: 0.0,
            retry_after_seconds: 1,
            after_effect_rate: 0.0,
        }
    }
}

/// Why a change of the faults was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FaultsError {
    /// A path such as `webhook.drop`.
    pub field: String,
    pub reason: String,
}

impl FaultsError {
    fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }
}

impl Faults {
    /// Whether anything is wrong on purpose.
    pub fn in_force(&self) -> bool {
        let harmless = Self {
            seed: self.seed,
            ..Self::default()
        };
        *self != harmless
    }

    /// These faults with those of `change` put over them; what `change` does not name stays. A null resets.
    pub fn merged(mut self, change: &Value) -> Result<Self, FaultsError> {
        let none = Self::default();
        for (name, value) in object(change, "")? {
            match name.as_str() {
                "seed" => self.seed = seed(value)?,
                "maintenance" => self.maintenance = switch(name, value)?,
                "buyerGone" => self.buyer_gone = switch(name, value)?,
                "forgetDeadCodes" => self.forget_dead_codes = switch(name, value)?,
                "webhook" if value.is_null() => self.webhook = none.webhook,
                "api" if value.is_null() => self.api = none.api,
                "webhook" => self.webhook.merge(object(value, name)?)?,
                "api" => self.api.merge(object(value, name)?)?,
                _ => return Err(FaultsError::new(name, "is not a fault")),
            }
        }
        Ok(self)
    }
}

impl WebhookFaults {
    fn merge(&mut self, change: &Map<String, Value>) -> Result<(), FaultsError> {
        for (name, value) in change {
            let field = format!("webhook.{name}");
            match name.as_str() {
                "drop" => self.drop = rate(&field, value)?,
                "duplicate" => self.duplicate = rate(&field, value)?,
                "delayMs" => self.delay_ms = whole(&field, value, 0, MAX_DELAY_MS, "milliseconds")?,
                "reorder" => self.reorder = rate(&field, value)?,
                "wrongAmount" => self.wrong_amount = rate(&field, value)?,
                _ => return Err(FaultsError::new(&field, "is not a fault")),
            }
        }
        Ok(())
    }
}

impl ApiFaults {
    fn merge(&mut self, change: &Map<String, Value>) -> Result<(), FaultsError> {
        let none = Self::default();
        for (name, value) in change {
            let field = format!("api.{name}");
            match name.as_str() {
                "errorRate" => self.error_rate = rate(&field, value)?,
                "latencyMs" => self.latency_ms = whole(&field, value, 0, MAX_DELAY_MS, "milliseconds")?,
                "timeoutRate" => self.timeout_rate = rate(&field, value)?,
                "rateLimitRate" => self.rate_limit_rate = rate(&field, value)?,
                "retryAfterSeconds" => {
                    let (usual, most) = (none.retry_after_seconds, MAX_RETRY_AFTER_SECONDS);
                    self.retry_after_seconds = whole(&field, value, usual, most, "seconds")?;
                }
                "afterEffectRate" => self.after_effect_rate = rate(&field, value)?,
                _ => return Err(FaultsError::new(&field, "is not a fault")),
            }
        }
        Ok(())
    }
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, FaultsError> {
    value
        .as_object()
        .ok_or_else(|| FaultsError::new(field, "must be an object"))
}

fn switch(field: &str, value: &Value) -> Result<bool, FaultsError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(on) => Ok(*on),
        _ => Err(FaultsError::new(field, "must be true or false")),
    }
}

fn seed(value: &Value) -> Result<Option<u64>, FaultsError> {
    match (value, value.as_u64()) {
        (Value::Null, _) => Ok(None),
        (_, Some(seed)) => Ok(Some(seed)),
        _ => Err(FaultsError::new("seed", "must be a whole number, 0 or more")),
    }
}

fn rate(field: &str, value: &Value) -> Result<f64, FaultsError> {
    let rate = if value.is_null() {
        Some(0.0)
    } else {
        value.as_f64()
    };
    rate.filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| FaultsError::new(field, "must be a number from 0 to 1"))
}

/// `usual`: what a null means.
fn whole(field: &str, value: &Value, usual: u64, most: u64, unit: &str) -> Result<u64, FaultsError> {
    let number = if value.is_null() {
        Some(usual)
    } else {
        value.as_u64()
    };
    number.filter(|number| *number <= most).ok_or_else(|| {
        FaultsError::new(
            field,
            format!("must be a whole number of {unit} from 0 to {most}"),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_partial_change_keeps_the_rest_and_null_resets() {
        let first = Faults::default()
            .merged(
                &json!({"seed": 3, "maintenance": true, "webhook": {"drop": 1, "delayMs": 50},
                "api": {"retryAfterSeconds": 9, "rateLimitRate": 0.5}}),
            )
            .unwrap();
        let second = first
            .merged(
                &json!({"seed": null, "maintenance": null, "webhook": {"drop": null},
                "api": {"latencyMs": 20, "retryAfterSeconds": null}}),
            )
            .unwrap();
        let expected = Faults {
            webhook: WebhookFaults {
                delay_ms: 50,
                ..WebhookFaults::default()
            },
            api: ApiFaults {
                latency_ms: 20,
                rate_limit_rate: 0.5,
                ..ApiFaults::default()
            },
            ..Faults::default()
        };
        assert_eq!(second, expected);
        assert!(second.in_force());
        let none = second
            .merged(&json!({"webhook": null, "api": null, "seed": 4}))
            .unwrap();
        assert!(
            !none.in_force() && !Faults::default().in_force(),
            "a seed alone does nothing"
        );
    }

    #[test]
    fn what_is_shown_can_be_set_again() {
        let faults = Faults {
            seed: Some(u64::MAX),
            buyer_gone: true,
            ..Faults::default()
        };
        let shown = serde_json::to_value(faults).unwrap();
        assert_eq!(Faults::default().merged(&shown).unwrap(), faults);
        assert_eq!(serde_json::from_value::<Faults>(shown).unwrap(), faults);
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_field() {
        for (field, change) in [
            ("webhook.drop", json!({"webhook": {"drop": 1.1}})),
            ("webhook.drop", json!({"webhook": {"drop": true}})),
            ("webhook.duplicate", json!({"webhook": {"duplicate": -0.1}})),
            ("webhook.delayMs", json!({"webhook": {"delayMs": 600_001}})),
            ("webhook.lost", json!({"webhook": {"lost": 1}})),
            ("api.latencyMs", json!({"api": {"latencyMs": 1.5}})),
            (
                "api.retryAfterSeconds",
                json!({"api": {"retryAfterSeconds": 3601}}),
            ),
            ("api.afterEffectRate", json!({"api": {"afterEffectRate": "1"}})),
            ("api.rate", json!({"api": {"rate": 1}})),
            ("api", json!({"api": 1})),
            ("maintenance", json!({"maintenance": 1})),
            ("seed", json!({"seed": -1})),
            ("moon", json!({"moon": {}})),
            ("", json!([])),
        ] {
            assert_eq!(Faults::default().merged(&change).unwrap_err().field, field);
        }
    }
}
