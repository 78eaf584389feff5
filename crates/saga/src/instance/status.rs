//! How a state or an instance stands.

use serde::{Deserialize, Serialize};

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
