//! Names of steps, the same on every replay.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::fnv1a;

/// Names one step of one saga: the key by which a service knows a repeat. At most [`StepId::MAX_LEN`] bytes.
///
/// It is made of the instance's id, the state's name and how often the state was entered before, and of nothing that a
/// crash could change. Retries of a step share its id; a compensation has its own, made from its action's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    /// Longest step id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// The `visit`-th (from 1) entry into `state`.
    pub(crate) fn action(instance: &str, state: &str, visit: u32) -> Self {
        // A number would be taken for the visit of the step that the instance, being a sub-machine's, is named after.
        let is_number = state.bytes().all(|byte| byte.is_ascii_digit());
        Self::fitted(if visit == 1 && !is_number {
            format!("{instance}:{state}")
        } else {
            format!("{instance}:{state}:{visit}")
        })
    }

    /// The `round`-th (from 1) compensation of `action` by `state`.
    pub(crate) fn compensation(action: &StepId, state: &str, round: u32) -> Self {
        Self::fitted(if round == 1 {
            format!("{action}~{state}")
        } else {
            format!("{action}~{state}:{round}")
        })
    }

    /// Another one in place of a step that was undone, for the `attempt`-th time (from 2).
    pub(crate) fn again(&self, attempt: u32) -> Self {
        Self::fitted(format!("{self}~:{attempt}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Ids that would be too long keep their beginning and end in a hash of the whole.
    fn fitted(id: String) -> Self {
        if id.len() <= Self::MAX_LEN {
            return Self(id);
        }
        let suffix = format!("#{:016x}", fnv1a(id.as_bytes()));
        let mut keep = Self::MAX_LEN - suffix.len();
        while !id.is_char_boundary(keep) {
            keep -= 1;
        }
        Self(format!("{}{suffix}", &id[..keep]))
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for StepId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for StepId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_and_rounds_make_different_ids() {
        let first = StepId::action("i", "Pay", 1);
        assert_eq!(first.as_str(), "i:Pay");
        assert_eq!(StepId::action("i", "Pay", 2).as_str(), "i:Pay:2");
        assert_eq!(StepId::compensation(&first, "Refund", 1).as_str(), "i:Pay~Refund");
        assert_eq!(
            StepId::compensation(&first, "Refund", 2).as_str(),
            "i:Pay~Refund:2"
        );
    }

    #[test]
    fn long_ids_fit_and_stay_different() {
        let long = "状態".repeat(60);
        let (one, two) = (StepId::action("i", &long, 1), StepId::action("i", &long, 2));
        assert!(one.as_str().len() <= StepId::MAX_LEN && two.as_str().len() <= StepId::MAX_LEN);
        assert_ne!(one, two);
        assert_eq!(one, StepId::action("i", &long, 1));
    }
}
