//! Why the gateway has no success to report, before it becomes WIT's `gateway-error`.

use paypay::result::{AnswerError, Meaning};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::barrier::StepError;

use crate::wire::WireError;

/// Milliseconds after which a throttled call is worth another try. PayPay names none.
const THROTTLE_PAUSE_MS: u32 = 1_000;

/// A refusal that stands: recorded as a step's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejection {
    pub code: String,
    pub message: String,
}

/// See `gateway-error` in wit/payment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("PayPay refused: {} ({})", .0.code, .0.message)]
    Rejected(Rejection),
    #[error("PayPay knows no such code or payment")]
    NotFound,
    #[error("the step was compensated before it ran")]
    Canceled,
    #[error("it is unknown whether the call took effect: {0}")]
    InDoubt(String),
    #[error("PayPay cannot be reached: {0}")]
    Unavailable(String),
    #[error("too many calls; again in {0} ms")]
    RateLimited(u32),
    #[error("the database did not answer: {0}")]
    Storage(String),
}

impl Fault {
    /// A refusal of our own: PayPay would refuse it too.
    pub(crate) fn invalid(message: impl ToString) -> Self {
        let code = paypay::result::ResultCode::InvalidRequestParams.to_string();
        Self::Rejected(Rejection {
            code,
            message: message.to_string(),
        })
    }

    /// The same fault of a call that changes nothing: there is no effect to be in doubt of.
    pub(crate) fn of_reading(self) -> Self {
        match self {
            Self::InDoubt(reason) => Self::Unavailable(reason),
            other => other,
        }
    }
}

impl From<AnswerError> for Fault {
    fn from(error: AnswerError) -> Self {
        match (error.meaning(), &error) {
            (Meaning::Refused, AnswerError::Refused { info, .. }) => Self::Rejected(Rejection {
                code: info.code.to_string(),
                message: info.message.clone(),
            }),
            (Meaning::NotFound, _) => Self::NotFound,
            (Meaning::Throttled, _) => Self::RateLimited(THROTTLE_PAUSE_MS),
            (Meaning::Closed, _) => Self::Unavailable(error.to_string()),
            (Meaning::Refused | Meaning::InDoubt, _) => Self::InDoubt(error.to_string()),
        }
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        match error {
            WireError::NotSent(reason) => Self::Unavailable(reason),
            WireError::Broken(reason) => Self::InDoubt(reason),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<StepError<Rejection>> for Fault {
    fn from(error: StepError<Rejection>) -> Self {
        match error {
            StepError::Refused(rejection) => Self::Rejected(rejection),
            StepError::Canceled { .. } => Self::Canceled,
            StepError::Reused { .. } | StepError::Invalid(_) => Self::invalid(error),
            StepError::Store(error) => error.into(),
        }
    }
}
