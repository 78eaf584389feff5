//! What a definition says of outcomes: `Status`, `Retry`, `Catch`.

use super::Output;
use crate::expression::Expression;
use crate::hash::share;
use crate::instance::{Millis, Status};
use crate::service::ServiceError;
use crate::step_id::StepId;

#[derive(Debug, Clone)]
pub(crate) struct StatusRule {
    pub condition: StatusCondition,
    pub status: Status,
}

#[derive(Debug, Clone)]
pub(crate) enum StatusCondition {
    /// `$Exception{Name}`
    Raised(String),
    Holds(Expression),
}

#[derive(Debug, Clone)]
pub(crate) struct RetryRule {
    /// Empty: every error.
    pub exceptions: Vec<String>,
    /// Milliseconds.
    pub interval: f64,
    pub max_attempts: u32,
    pub backoff_rate: f64,
    /// Milliseconds; no pause is longer.
    pub max_interval: f64,
    /// The share of each pause that may be left out, 0 to 1.
    pub jitter: f64,
}

impl RetryRule {
    pub(crate) fn rules(&self, error: &ServiceError) -> bool {
        self.exceptions.is_empty() || self.exceptions.iter().any(|name| error.is(name))
    }

    /// Milliseconds before the `nth` (from 1) retry of a step: the same whenever it is asked.
    pub(crate) fn pause(&self, nth: u32, step: &StepId) -> Millis {
        let power = i32::try_from(nth.saturating_sub(1)).unwrap_or(i32::MAX);
        // Of 0 × ∞, which is not a number, `min` takes the other one: no interval is no pause.
        let whole = if self.interval > 0.0 {
            (self.interval * self.backoff_rate.powi(power)).min(self.max_interval)
        } else {
            0.0
        };
        let left_out = self.jitter * share(&format!("{step}/{nth}"));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to a day
        let pause = (whole * (1.0 - left_out)).round() as Millis;
        pause
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CatchRule {
    /// Empty: every error.
    pub exceptions: Vec<String>,
    /// Variables set from the error, which is `#root` with `name`, `message` and `kind`.
    pub output: Output,
    pub next: String,
}

impl CatchRule {
    pub(crate) fn catches(&self, error: &ServiceError) -> bool {
        self.exceptions.is_empty() || self.exceptions.iter().any(|name| error.is(name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rule(interval: f64, backoff_rate: f64, jitter: f64) -> RetryRule {
        RetryRule {
            exceptions: Vec::new(),
            interval,
            max_attempts: 9,
            backoff_rate,
            max_interval: 86_400_000.0,
            jitter,
        }
    }

    #[test]
    fn a_pause_is_never_longer_than_the_longest_and_nothing_times_much_is_nothing() {
        let step = StepId::from("i:A");
        assert_eq!(rule(1_000.0, 2.0, 0.0).pause(3, &step), 4_000);
        assert_eq!(rule(1_000.0, 1e300, 0.0).pause(3, &step), 86_400_000);
        assert_eq!(rule(0.0, 1e300, 0.5).pause(30, &step), 0);
    }

    #[test]
    fn jitter_takes_off_its_share_at_most_and_differs_by_step_and_attempt() {
        let rule = rule(1_000.0, 1.0, 0.4);
        let mut pauses: Vec<_> = (1..50)
            .map(|nth| rule.pause(nth, &StepId::from(format!("i:{}", nth % 7))))
            .collect();
        assert!(
            pauses.iter().all(|pause| (600..=1_000).contains(pause)),
            "{pauses:?}"
        );
        pauses.sort_unstable();
        pauses.dedup();
        assert!(pauses.len() > 30, "{pauses:?}");
        assert_eq!(
            rule.pause(3, &StepId::from("i:A")),
            rule.pause(3, &StepId::from("i:A"))
        );
    }
}
