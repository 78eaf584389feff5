//! Why a definition is refused.

use std::fmt;

use crate::expression::ParseError;

/// A definition was refused: where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// `Name`; empty if the text has none that could be read.
    pub machine: String,
    pub state: Option<String>,
    /// The key, as a path inside the state: `Catch[0].Next`.
    pub key: Option<String>,
    /// Boxed, because errors should be small.
    pub problem: Box<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("is missing")]
    Missing,
    #[error("must be {0}")]
    Wrong(&'static str),
    #[error("`{0}` is no state type")]
    UnknownStateType(String),
    #[error("`{0}` is no state of this machine")]
    UnknownState(String),
    #[error("`{0}` is not supported as `ScriptType`; use `expression`")]
    UnknownScriptType(String),
    #[error("`{0}` is no status; use SU, FA or UN")]
    UnknownStatus(String),
    #[error(
        "`{state}` cannot compensate this: a ServiceTask can, and for a SubStateMachine a CompensateSubMachine"
    )]
    CannotCompensate { state: String },
    #[error("no way out: from here the machine can never end")]
    Inescapable,
    #[error("the expression `{expression}` does not parse: {error}")]
    Expression { expression: String, error: ParseError },
    #[error("a machine cannot be its own sub-machine")]
    Recursive,
    #[error("a state's name is part of step ids: no `:`, no `~`, and no `-loop-` with a number at its end")]
    UnsafeName,
    #[error("comes twice")]
    ComesTwice,
    #[error("larger than {0}")]
    TooLarge(&'static str),
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = if self.machine.is_empty() {
            "?"
        } else {
            &self.machine
        };
        write!(f, "machine `{machine}`")?;
        if let Some(state) = &self.state {
            write!(f, ", state `{state}`")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", `{key}`")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for DefinitionError {}
