//! One entry into one state, as it is stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Instance, Millis, Status};
use crate::service::{ErrorKind, ServiceError};
use crate::step_id::StepId;

/// Why a state or an instance failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The service's error name, a `Fail` state's `ErrorCode`, or one of the engine's own names (`docs/statelang.md`).
    pub name: String,
    pub message: String,
    pub kind: ErrorKind,
    /// The state that failed.
    pub state: String,
}

impl Failure {
    pub(crate) fn at(state: &str, error: &ServiceError) -> Self {
        Self {
            name: error.name.clone(),
            message: error.message.clone(),
            kind: error.kind,
            state: state.to_owned(),
        }
    }
}

/// What kind of state a run belongs to. `Choice`, `Succeed`, `Fail` and `CompensationTrigger` leave no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StateType {
    ServiceTask,
    ScriptTask,
    SubStateMachine,
    CompensateSubMachine,
    WaitForEvent,
}

/// One entry into one state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateRun {
    /// The state's name; in a loop `Name-loop-N`.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: StateType,
    pub status: Status,
    pub step_id: StepId,
    /// The arguments, evaluated when the state was entered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Value>,
    /// What the service, script or event gave; absent if that was null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The last error, also if a retry overcame it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// How often the step was tried again after its first call.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// How often each entry of `Retry` was used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry_counts: Vec<u32>,
    /// The service changes something.
    #[serde(default, skip_serializing_if = "is_false")]
    pub for_update: bool,
    pub started_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// Set on a compensation: the step id of the run it compensates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensated_for: Option<StepId>,
    /// Set on an action: how its compensation went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation_status: Option<Status>,
    /// The number in its step id: the how-manieth entry into the state, or round of the compensation, from 1.
    pub ordinal: u32,
    /// The state that the instance went to from here; absent while it runs, where it ended, and on compensations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// A later run took its place (`Forward`): it counts no more and is not compensated.
    #[serde(default, skip_serializing_if = "is_false")]
    pub superseded: bool,
    /// Which of the instance's runs it was to be completed, from 1: the order to compensate against. 0 while it runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub completed: u32,
    /// Set in a loop, also on the compensation of an iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration: Option<Iteration>,
    /// The instance of the sub-machine that runs here. Its id is this run's first step id; its `version` stays 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Box<Instance>>,
}

/// Which turn of a loop a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// From 0.
    pub index: u32,
    /// The element and the index, under the names that the loop gives them: seen by this iteration only.
    pub variables: Map<String, Value>,
}

/// What stands behind the state's name in the name of an iteration's run.
pub(crate) fn iteration_suffix(index: u32) -> String {
    format!("-loop-{index}")
}

impl StateRun {
    /// The name of its state in the definition.
    pub fn state_name(&self) -> &str {
        let Some(iteration) = &self.iteration else {
            return &self.name;
        };
        let suffix = iteration_suffix(iteration.index);
        self.name.strip_suffix(&suffix).unwrap_or(&self.name)
    }

    /// A sub-machine, or its compensation.
    pub(crate) fn is_child(&self) -> bool {
        matches!(
            self.kind,
            StateType::SubStateMachine | StateType::CompensateSubMachine
        )
    }

    /// A compensation, not an action.
    pub fn is_compensation(&self) -> bool {
        self.compensated_for.is_some()
    }

    /// Whether the service's answer is final, so that the same step id could only bring the same answer again.
    pub(crate) fn is_refused(&self) -> bool {
        self.status != Status::Succeeded
            && self
                .error
                .as_ref()
                .map_or(self.status == Status::Failed, |error| {
                    error.kind == ErrorKind::Business
                })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
    !*value
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(value: &u32) -> bool {
    *value == 0
}
