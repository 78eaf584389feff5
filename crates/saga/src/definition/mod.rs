//! A definition as the engine runs it. Everything in it was checked when it was loaded.

mod check;
mod error;
mod load;
mod reader;

use std::collections::BTreeMap;

pub use error::{DefinitionError, Problem};

use crate::expression::{Expression, Template};
use crate::service::ServiceError;

/// A state machine, ready to run.
#[derive(Debug, Clone)]
pub struct StateMachine {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) start_state: String,
    pub(crate) recover_strategy: RecoverStrategy,
    pub(crate) persist: bool,
    /// A retry by an operator overwrites the run that failed, instead of adding one.
    pub(crate) update_on_retry: bool,
    /// A repeated compensation overwrites the one that failed, instead of adding one.
    pub(crate) update_on_compensate: bool,
    /// Milliseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) states: BTreeMap<String, State>,
}

/// What is done with an instance that timed out as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecoverStrategy {
    #[default]
    Compensate,
    Forward,
}

#[derive(Debug, Clone)]
pub(crate) enum State {
    Service(ServiceTask),
    Script(ScriptTask),
    Choice(Choice),
    CompensationTrigger { next: Option<String> },
    Succeed,
    Fail { code: Template, message: Template },
    Wait(WaitForEvent),
}

pub(crate) type Output = Vec<(String, Template)>;

#[derive(Debug, Clone)]
pub(crate) struct ServiceTask {
    pub service: String,
    pub method: String,
    pub service_type: Option<String>,
    pub input: Vec<Template>,
    pub output: Output,
    pub status: Vec<StatusRule>,
    pub retry: Vec<RetryRule>,
    pub catch: Vec<CatchRule>,
    pub compensate_state: Option<String>,
    pub for_update: bool,
    pub persist: bool,
    pub asynchronous: bool,
    pub next: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct ScriptTask {
    pub script: Expression,
    pub input: Vec<Template>,
    pub output: Output,
    pub catch: Vec<CatchRule>,
    pub next: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub choices: Vec<(Expression, String)>,
    pub default: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct WaitForEvent {
    pub events: Vec<(String, EventRule)>,
    pub until: Until,
    pub timeout_next: Option<String>,
    pub catch: Vec<CatchRule>,
}

#[derive(Debug, Clone)]
pub(crate) enum Until {
    /// Epoch milliseconds.
    Deadline(Template),
    /// Seconds after the state was entered.
    Timeout(Template),
}

#[derive(Debug, Clone)]
pub(crate) struct EventRule {
    pub next: String,
    pub output: Output,
}

#[derive(Debug, Clone)]
pub(crate) struct StatusRule {
    pub condition: StatusCondition,
    pub status: crate::instance::Status,
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
    pub max_interval: Option<f64>,
}

impl RetryRule {
    pub(crate) fn rules(&self, error: &ServiceError) -> bool {
        self.exceptions.is_empty() || self.exceptions.iter().any(|name| error.is(name))
    }

    /// Milliseconds before the `nth` (from 1) retry.
    pub(crate) fn pause(&self, nth: u32) -> u64 {
        let power = i32::try_from(nth.saturating_sub(1)).unwrap_or(i32::MAX);
        let pause =
            (self.interval * self.backoff_rate.powi(power)).min(self.max_interval.unwrap_or(f64::MAX));
        // A float outside the range becomes its nearest end: a pause for ever is no pause that overflows.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let millis = pause.round() as u64;
        millis
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

impl StateMachine {
    /// `Name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `Version`.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// `Comment`.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    pub fn recover_strategy(&self) -> RecoverStrategy {
        self.recover_strategy
    }

    /// Every sub-machine that a state of this machine runs, by the state's name.
    pub fn sub_machines(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::empty()
    }

    /// Every service that a step of this machine can call, with its method and `ServiceType`: what a host checks before it accepts the machine.
    pub fn services(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        self.states.values().filter_map(|state| match state {
            State::Service(task) => Some((
                task.service.as_str(),
                task.method.as_str(),
                task.service_type.as_deref(),
            )),
            _ => None,
        })
    }
}

impl State {
    /// Every state that can follow this one, and whether the machine can end here.
    pub(crate) fn exits(&self) -> (Vec<&str>, bool) {
        fn task<'s>(next: Option<&'s String>, catch: &'s [CatchRule]) -> (Vec<&'s str>, bool) {
            let caught = catch.iter().map(|rule| rule.next.as_str());
            (
                next.map(String::as_str).into_iter().chain(caught).collect(),
                next.is_none(),
            )
        }
        match self {
            Self::Service(state) => task(state.next.as_ref(), &state.catch),
            Self::Script(state) => task(state.next.as_ref(), &state.catch),
            Self::Choice(state) => {
                let choices = state.choices.iter().map(|(_, next)| next.as_str());
                (
                    choices.chain(state.default.as_deref()).collect(),
                    state.default.is_none(),
                )
            }
            Self::CompensationTrigger { next } => task(next.as_ref(), &[]),
            Self::Succeed | Self::Fail { .. } => (Vec::new(), true),
            Self::Wait(state) => {
                let events = state.events.iter().map(|(_, rule)| rule.next.as_str());
                let caught = state.catch.iter().map(|rule| rule.next.as_str());
                (
                    events
                        .chain(state.timeout_next.as_deref())
                        .chain(caught)
                        .collect(),
                    state.timeout_next.is_none(),
                )
            }
        }
    }

    pub(crate) fn compensate_state(&self) -> Option<&str> {
        match self {
            Self::Service(task) => task.compensate_state.as_deref(),
            _ => None,
        }
    }
}
