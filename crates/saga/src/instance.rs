//! One execution of a state machine, as it is stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::service::{ErrorKind, ServiceError};
use crate::step_id::StepId;

/// Epoch milliseconds, UTC.
pub type Millis = u64;

/// Seata's execution statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Running.
    #[serde(rename = "RU")]
    Running,
    /// Succeeded.
    #[serde(rename = "SU")]
    Succeeded,
    /// Failed, with nothing changed.
    #[serde(rename = "FA")]
    Failed,
    /// Unknown: something was changed, or may have been.
    #[serde(rename = "UN")]
    Unknown,
    /// Skipped by an operator.
    #[serde(rename = "SK")]
    Skipped,
}

impl Status {
    /// The two letters by which definitions, databases and consoles know it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Running => "RU",
            Self::Succeeded => "SU",
            Self::Failed => "FA",
            Self::Unknown => "UN",
            Self::Skipped => "SK",
        }
    }

    /// The status with that two-letter code.
    pub fn from_code(code: &str) -> Option<Self> {
        [
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Unknown,
            Self::Skipped,
        ]
        .into_iter()
        .find(|status| status.code() == code)
    }
}

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
}

impl StateRun {
    /// How often the step was tried again after its first call.
    pub fn retries(&self) -> u32 {
        self.retry_counts.iter().sum()
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

/// What an instance does next. `run` is an index into [`Instance::states`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "camelCase")]
pub enum Cursor {
    /// About to enter a state.
    Enter {
        state: String,
    },
    /// A service was called, or is about to be.
    Invoking {
        run: usize,
        attempt: u32,
    },
    /// A failed call is due again.
    BackingOff {
        run: usize,
        attempt: u32,
        until: Millis,
    },
    /// Asleep until an event or the deadline.
    Waiting {
        run: usize,
        deadline: Millis,
    },
    /// About to compensate the next state of [`Compensation::stack`].
    Compensating,
    Ended,
}

/// A compensation in progress, or one that stopped at an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compensation {
    /// Runs still to be compensated, as indices into [`Instance::states`], the next one last.
    pub stack: Vec<usize>,
    /// The `CompensationTrigger` that began it, to go on from when all is compensated; absent if an operator or a time-out did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
}

/// One execution of a state machine: the whole of it, to be stored as one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    pub id: String,
    /// The machine's name.
    pub machine: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_key: Option<String>,
    /// How the way forward stands. A machine that compensates is `Unknown` although it still has something to do: see [`Instance::is_ended`].
    pub status: Status,
    /// How compensation stands; absent until it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation_status: Option<Status>,
    /// The variables.
    pub context: Map<String, Value>,
    /// Why it failed; while it runs, the last error that was caught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Every state entered, in order.
    pub states: Vec<StateRun>,
    pub cursor: Cursor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    pub started_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// When the whole instance times out; absent if the machine has no `TimeoutSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Millis>,
    /// Grows by one with each accepted event that changed anything.
    pub version: u64,
}

impl Instance {
    /// Nothing is left to do without an operator.
    pub fn is_ended(&self) -> bool {
        self.cursor == Cursor::Ended
    }

    /// Ended, and nothing needs repair: it succeeded, or changed nothing, or everything it changed was compensated.
    pub fn is_settled(&self) -> bool {
        self.is_ended()
            && match self.compensation_status {
                Some(status) => status == Status::Succeeded || self.status == Status::Succeeded,
                None => matches!(self.status, Status::Succeeded | Status::Failed),
            }
    }

    /// When it must be advanced even if nothing happens: 0 (at once) while a step is in hand, the end of a pause or of a
    /// wait otherwise, absent when ended.
    pub fn due_at(&self) -> Option<Millis> {
        let own = match self.cursor {
            Cursor::Ended => return None,
            Cursor::Waiting { deadline, .. } => deadline,
            Cursor::BackingOff { until, .. } => until,
            Cursor::Enter { .. } | Cursor::Invoking { .. } | Cursor::Compensating => 0,
        };
        Some(self.deadline.map_or(own, |deadline| own.min(deadline)))
    }

    /// The step in hand, if a service is being called or will be again after a pause.
    pub fn step_in_hand(&self) -> Option<&StateRun> {
        match self.cursor {
            Cursor::Invoking { run, .. } | Cursor::BackingOff { run, .. } => self.states.get(run),
            _ => None,
        }
    }

    /// The state that waits for an event, if one does.
    pub fn waiting_in(&self) -> Option<&StateRun> {
        match self.cursor {
            Cursor::Waiting { run, .. } => self.states.get(run),
            _ => None,
        }
    }
}
