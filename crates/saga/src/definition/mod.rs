//! A definition as the engine runs it. Everything in it was checked when it was loaded.

mod check;
mod error;
mod json;
mod load;
mod load_task;
mod reader;
mod rules;
mod task;

use std::collections::BTreeMap;

pub use error::{DefinitionError, Problem};
pub(crate) use rules::{CatchRule, StatusCondition};
pub(crate) use task::{Collection, Loop, Service, Task, Work};

use crate::expression::{Expression, Template};

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
    Task(Box<Task>),
    Choice(Choice),
    CompensationTrigger { next: Option<String> },
    Succeed,
    Fail { code: Template, message: Template },
    Wait(WaitForEvent),
}

pub(crate) type Output = Vec<(String, Template)>;

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
        self.tasks().filter_map(|(state, task)| match &task.work {
            Work::SubMachine(name) => Some((state, name.as_str())),
            _ => None,
        })
    }

    /// Every service that a step of this machine can call, with its method and `ServiceType`: what a host checks before it accepts the machine.
    pub fn services(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        self.tasks().filter_map(|(_, task)| match &task.work {
            Work::Service(service) => Some((
                service.name.as_str(),
                service.method.as_str(),
                service.kind.as_deref(),
            )),
            _ => None,
        })
    }

    fn tasks(&self) -> impl Iterator<Item = (&str, &Task)> {
        self.states.iter().filter_map(|(name, state)| match state {
            State::Task(task) => Some((name.as_str(), task.as_ref())),
            _ => None,
        })
    }

    pub(crate) fn task(&self, name: &str) -> Option<&Task> {
        match self.states.get(name) {
            Some(State::Task(task)) => Some(task),
            _ => None,
        }
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
            Self::Task(state) => task(state.next.as_ref(), &state.catch),
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
}
