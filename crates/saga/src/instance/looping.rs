//! A loop in progress, as it is stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Cursor, Millis};
use crate::service::ServiceError;

/// A state's loop that is running, or that ended without every iteration having succeeded, so that it can be sent forward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Looping {
    /// The state's name.
    pub state: String,
    /// The collection as it was when the state was entered.
    pub elements: Vec<Value>,
    /// The first element that no iteration was started for.
    pub next: u32,
    /// Iterations to be repeated, by index, the next one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<u32>,
    /// What is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<Strand>,
    /// No iteration is started any more: one did not succeed, or the completion condition holds.
    #[serde(default)]
    pub closing: bool,
    /// How many iterations have succeeded.
    pub succeeded: u32,
    /// What `Output` made of each result, by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<(u32, Map<String, Value>)>,
    /// The errors that iterations ended with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<LoopError>,
}

/// The error that an iteration ended with, kept until the others have ended too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoopError {
    /// An index into [`Instance::states`](super::Instance::states).
    pub run: usize,
    pub error: ServiceError,
}

/// A call or a sub-machine that is under way, or pauses before it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strand {
    /// An index into [`Instance::states`](super::Instance::states).
    pub run: usize,
    /// From 1.
    pub attempt: u32,
    /// The end of the pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

impl From<Strand> for Cursor {
    fn from(Strand { run, attempt, until }: Strand) -> Self {
        match until {
            None => Self::Invoking { run, attempt },
            Some(until) => Self::BackingOff { run, attempt, until },
        }
    }
}

impl Cursor {
    pub(crate) fn strand(&self) -> Option<Strand> {
        match *self {
            Self::Invoking { run, attempt } => Some(Strand {
                run,
                attempt,
                until: None,
            }),
            Self::BackingOff { run, attempt, until } => Some(Strand {
                run,
                attempt,
                until: Some(until),
            }),
            _ => None,
        }
    }
}
