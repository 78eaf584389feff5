//! States that do something: what they do, with what, and what becomes of the outcome.

use std::sync::OnceLock;

use super::Output;
use super::rules::{CatchRule, RetryRule, StatusRule};
use crate::expression::{Expression, Template};
use crate::instance::{Millis, StateType};
use crate::service::{ServiceError, name};

/// `ServiceTask`, `ScriptTask`, `SubStateMachine` or `CompensateSubMachine`.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub work: Work,
    pub input: Vec<Template>,
    pub output: Output,
    pub status: Vec<StatusRule>,
    pub retry: Vec<RetryRule>,
    pub catch: Vec<CatchRule>,
    pub compensate_state: Option<String>,
    /// `IsForUpdate`, where the definition says it.
    pub for_update: Option<bool>,
    pub persist: bool,
    /// As the machine's, where the state says it.
    pub update_on_retry: Option<bool>,
    /// As the machine's, where the compensation's state says it.
    pub update_on_compensate: Option<bool>,
    pub repeat: Option<Loop>,
    pub next: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Work {
    Service(Service),
    Script(Expression),
    /// The sub-machine's name.
    SubMachine(String),
    CompensateSubMachine,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub name: String,
    pub method: String,
    /// `ServiceType`.
    pub kind: Option<String>,
    /// Milliseconds.
    pub timeout: Option<Millis>,
    pub asynchronous: bool,
}

/// `Loop`: the state runs once for each element.
#[derive(Debug, Clone)]
pub(crate) struct Loop {
    pub parallel: usize,
    pub collection: Collection,
    pub element: String,
    pub index: String,
    /// Absent: when all are completed.
    pub completion: Option<Expression>,
    /// The variable in which the results gather.
    pub result: String,
    /// Names of the counts that the completion condition sees: of all iterations, those under way, those that succeeded.
    pub counts: [String; 3],
}

#[derive(Debug, Clone)]
pub(crate) enum Collection {
    Variable(String),
    Expression(Expression),
}

impl Task {
    /// `IsForUpdate`. A sub-machine of which the definition does not say it changes what its states change.
    pub(crate) fn for_update(&self) -> bool {
        self.for_update.unwrap_or(self.compensate_state.is_some())
    }

    /// What compensates a sub-machine whose state names nothing that does.
    pub(crate) fn compensating_a_child() -> &'static Self {
        static TASK: OnceLock<Task> = OnceLock::new();
        TASK.get_or_init(|| Self {
            work: Work::CompensateSubMachine,
            input: Vec::new(),
            output: Vec::new(),
            status: Vec::new(),
            retry: Vec::new(),
            catch: Vec::new(),
            compensate_state: None,
            for_update: None,
            persist: true,
            update_on_retry: None,
            update_on_compensate: None,
            repeat: None,
            next: None,
        })
    }

    pub(crate) fn asynchronous(&self) -> bool {
        matches!(&self.work, Work::Service(service) if service.asynchronous)
    }

    pub(crate) fn kind(&self) -> StateType {
        match self.work {
            Work::Service(_) => StateType::ServiceTask,
            Work::Script(_) => StateType::ScriptTask,
            Work::SubMachine(_) => StateType::SubStateMachine,
            Work::CompensateSubMachine => StateType::CompensateSubMachine,
        }
    }

    /// The entry of `Catch` for an error. A result that no status is given for ends the machine whatever it catches.
    pub(crate) fn catching(&self, error: &ServiceError) -> Option<&CatchRule> {
        let mut rules = self.catch.iter();
        rules.find(|rule| error.name != name::NO_MATCHING_STATUS && rule.catches(error))
    }
}
