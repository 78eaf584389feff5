//! What the core is told and what it asks for.

use serde_json::Value;

use crate::instance::Millis;
use crate::service::{ServiceCall, ServiceError};
use crate::step_id::StepId;

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Nothing in particular: the instance is taken up again, after a start, a pause or a crash.
    Resume,
    /// A call that was asked for with [`Command::Invoke`] has come back.
    Outcome {
        step_id: StepId,
        result: Result<Value, ServiceError>,
    },
    /// A named event for an instance that waits for it.
    Signal { name: String, payload: Value },
    /// The deadline of the wait, or of the whole instance, has passed.
    DeadlinePassed,
    /// The instance ended unsettled and its recovery is due: go on with a compensation that stopped, or do what `RecoverStrategy` says.
    Recover,
    /// An operator: try the state that failed again and go on.
    Forward,
    /// An operator: compensate everything that was done, or go on with a compensation that stopped.
    Compensate,
    /// An operator: take the state that failed as skipped and go on after it.
    SkipAndForward,
}

/// What the outside has to do next.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // one at a time, and most of them are the large one
pub enum Command {
    /// Make these calls, at the same time if possible, and report each with [`Event::Outcome`] as soon as it has come back.
    Invoke {
        /// Every call that should be in flight now, those that earlier commands asked for included: a call that is in flight
        /// already, known by its step id and attempt, is not made again, and one that is not listed any more is forgotten. Never
        /// empty. Whoever makes only the first of them, and reports it, goes the same way more slowly.
        calls: Vec<ServiceCall>,
        /// Epoch milliseconds. From then on something else is due as well, a pause or a deadline: send [`Instance::due_event`]
        /// without waiting for the calls.
        ///
        /// [`Instance::due_event`]: crate::Instance::due_event
        wake_at: Option<Millis>,
    },
    /// Report one of these events with [`Event::Signal`], or [`Event::DeadlinePassed`] from `deadline` (epoch milliseconds) on. With
    /// sub-machines under way, the events that any of them waits for and whatever is due first.
    WaitForEvent { names: Vec<String>, deadline: Millis },
    /// Send [`Instance::due_event`](crate::Instance::due_event) from `until` (epoch milliseconds) on.
    Sleep { until: Millis },
    /// Nothing: the instance has ended. Only [`Event::Recover`], if it ended unsettled, or an operator's event can set it going again.
    Finished,
}

/// Why an event was refused. The instance is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdvanceError {
    #[error("no machine `{machine}` is registered")]
    UnknownMachine { machine: String },
    #[error(
        "the instance is in state `{state}`, which this definition does not have, or has as another type"
    )]
    ForeignState { state: String },
    #[error("the instance does not wait for an event, so `{event}` has no effect")]
    NotWaiting { event: String },
    #[error("{what}")]
    TooLarge { what: String },
    #[error("state `{state}` does not wait for `{event}`")]
    UnknownEvent { event: String, state: String },
    #[error("the deadline {deadline} has not passed")]
    TooEarly { deadline: Millis },
    #[error("an outcome of step `{got}` was not expected")]
    UnexpectedOutcome { got: StepId },
    #[error("the instance has not ended: resume it")]
    NotEnded,
    #[error("the instance is not one that is to be recovered")]
    NothingToRecover,
    #[error("the instance was compensated")]
    AlreadyCompensated,
    #[error("state `{state}` has no successor to skip to")]
    CannotSkip { state: String },
}
