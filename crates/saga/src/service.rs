//! What passes between a saga and the services that it calls.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expression::EvalError;
use crate::instance::Millis;
use crate::step_id::StepId;

/// One call of a service, as a saga wants it made.
///
/// # Contract
///
/// The same `step_id` always comes with the same service, method and input, however often the call is repeated: after an
/// error, after a crash, by another process. A service that keeps the outcome of each step id and answers a repeat from
/// it has its effect once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCall {
    pub instance_id: String,
    pub machine: String,
    pub business_key: Option<String>,
    /// The state that calls.
    pub state: String,
    /// `ServiceName`.
    pub service: String,
    /// `ServiceMethod`.
    pub method: String,
    /// `ServiceType`: how to reach the service; absent if the definition does not say.
    pub service_type: Option<String>,
    /// One value for each argument.
    pub input: Vec<Value>,
    pub step_id: StepId,
    /// 1 for the first call, growing by one with each `Retry`. A repeat after a crash has the number of the call it repeats.
    pub attempt: u32,
    /// `TimeoutSeconds`, in milliseconds: how long to wait for the answer; absent if the definition does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Millis>,
    /// The service changes something (`IsForUpdate`).
    pub for_update: bool,
    /// Set when this call compensates: the step id that the action was, or would have been, called with.
    pub compensates: Option<StepId>,
    /// `IsAsync`: hand the call on and report `Ok(null)` without waiting for it.
    pub asynchronous: bool,
    /// `IsPersist` of the state and of the machine: whether the definition wants the outcome on disk before the next step.
    pub persist: bool,
}

/// Names of the engine's own errors, which definitions may catch.
pub(crate) mod name {
    pub const EXPRESSION_FAILED: &str = "ExpressionFailed";
    pub const NO_MATCHING_STATUS: &str = "NoMatchingStatus";
    pub const NO_MATCHING_CHOICE: &str = "NoMatchingChoice";
    pub const TOO_MANY_STATES: &str = "TooManyStates";
    pub const VALUE_TOO_LARGE: &str = "ValueTooLarge";
    pub const LOOP_TOO_LARGE: &str = "LoopTooLarge";
    pub const WAIT_TIMED_OUT: &str = "WaitTimedOut";
    pub const MACHINE_TIMED_OUT: &str = "StateMachineTimedOut";
    pub const UNKNOWN_STATE_MACHINE: &str = "UnknownStateMachine";
    pub const TOO_DEEP: &str = "TooDeep";
    pub const SUB_MACHINE_FAILED: &str = "SubStateMachineFailed";
    pub const SUB_MACHINE_COMPENSATION_FAILED: &str = "SubStateMachineCompensationFailed";
    pub const FAILED: &str = "Failed";
}

/// Where a call went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// The service was never reached: the call had no effect.
    Connect,
    /// No answer came in time: the call may have had its effect.
    Timeout,
    /// The service answered that it will not: the call had no effect, and a repeat with the same step id gets the same answer.
    Business,
    /// Anything else: the call may have had its effect.
    Other,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{name}: {message}")]
#[serde(rename_all = "camelCase")]
pub struct ServiceError {
    /// What `Exceptions` and `$Exception{…}` in a definition are compared with.
    pub name: String,
    /// More general names of the same error, compared likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
    pub message: String,
    pub kind: ErrorKind,
}

impl ServiceError {
    pub fn new(kind: ErrorKind, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ancestors: Vec::new(),
            message: message.into(),
            kind,
        }
    }

    pub(crate) fn expression_failed(what: &str, error: &EvalError) -> Self {
        Self::new(
            ErrorKind::Other,
            name::EXPRESSION_FAILED,
            format!("{what}: {error}"),
        )
    }

    /// A definite refusal by the service.
    pub fn business(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Business, name, message)
    }

    pub fn with_ancestors<I>(mut self, ancestors: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.ancestors = ancestors.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a definition that says `name` means this error: by its name, by an ancestor, by its kind (`ConnectError`,
    /// `TimeoutError`, `BusinessError`, `OtherError`), or by what definitions written for Seata call "any error" and the two
    /// failures of a connection.
    pub fn is(&self, name: &str) -> bool {
        let (kind, java) = match self.kind {
            ErrorKind::Connect => ("ConnectError", "java.net.ConnectException"),
            ErrorKind::Timeout => ("TimeoutError", "java.net.SocketTimeoutException"),
            ErrorKind::Business => ("BusinessError", ""),
            ErrorKind::Other => ("OtherError", ""),
        };
        matches!(name, "java.lang.Throwable" | "java.lang.Exception")
            || self.name == name
            || (!name.is_empty() && (name == kind || name == java))
            || self.ancestors.iter().any(|ancestor| ancestor == name)
    }
}
