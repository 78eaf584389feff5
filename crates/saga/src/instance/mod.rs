//! One execution of a state machine, as it is stored.

mod activity;
mod looping;
mod run;
mod status;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use activity::Phase;
pub use looping::{LoopError, Looping, Strand};
pub(crate) use run::iteration_suffix;
pub use run::{Failure, Iteration, StateRun, StateType};
pub use status::Status;

use crate::definition::StateMachine;

/// Epoch milliseconds, UTC.
pub type Millis = u64;

/// What an instance does next. `run` is an index into [`Instance::states`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "camelCase")]
pub enum Cursor {
    /// About to enter a state.
    Enter {
        state: String,
    },
    /// A service was called, or is about to be; or a sub-machine runs, or is being compensated.
    Invoking {
        run: usize,
        attempt: u32,
    },
    /// A failed call, or sub-machine, is due again.
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
    /// In a loop: see [`Instance::looping`].
    Looping,
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
    /// The loop in progress, or the last one if it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looping: Option<Box<Looping>>,
    pub started_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// When the whole instance times out; absent if the machine has no `TimeoutSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Millis>,
    /// Grows by one with each accepted event that changed anything.
    pub version: u64,
    /// How often it was recovered since an operator last set it going.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub recoveries: u32,
    /// Set on an instance that ended unsettled: from when on [`Event::Recover`](crate::Event::Recover) is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_at: Option<Millis>,
    /// Since when it has been left to an operator, because recovering it did not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_at: Option<Millis>,
    /// How many runs have been completed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub completed: u32,
}

impl Instance {
    pub(crate) fn new(
        machine: &StateMachine,
        id: String,
        business_key: Option<&str>,
        params: Map<String, Value>,
        now: Millis,
    ) -> Self {
        Self {
            id,
            machine: machine.name.clone(),
            business_key: business_key.map(str::to_owned),
            status: Status::Running,
            compensation_status: None,
            context: params,
            error: None,
            states: Vec::new(),
            cursor: Cursor::Enter {
                state: machine.start_state.clone(),
            },
            compensation: None,
            looping: None,
            started_at: now,
            ended_at: None,
            deadline: machine.timeout.map(|timeout| now.saturating_add(timeout)),
            version: 0,
            recoveries: 0,
            recover_at: None,
            parked_at: None,
            completed: 0,
        }
    }

    /// Nothing is left to do, except for a recovery or an operator.
    pub fn is_ended(&self) -> bool {
        self.cursor == Cursor::Ended
    }

    /// Recovering it did not help, so that it waits for an operator.
    pub fn is_parked(&self) -> bool {
        self.parked_at.is_some()
    }

    /// Ended, and nothing needs repair: it succeeded, or changed nothing, or everything it changed was compensated.
    pub fn is_settled(&self) -> bool {
        self.is_ended()
            && match self.compensation_status {
                Some(status) => status == Status::Succeeded || self.status == Status::Succeeded,
                None => matches!(self.status, Status::Succeeded | Status::Failed),
            }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(value: &u32) -> bool {
    *value == 0
}
