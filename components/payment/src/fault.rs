//! Why the gateway has no success to report, before it becomes WIT's `gateway-error`.

use std::time::Duration;

use paypay::result::{AnswerError, Meaning};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::barrier::StepError;

use crate::wire::WireError;

/// After how long a throttled call is worth another try if PayPay does not say.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);

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
    #[error("PayPay knows no such code, payment or refund")]
    NotFound,
    #[error("the step was compensated before it ran")]
    Canceled,
    #[error("it is unknown whether the call took effect: {0}")]
    InDoubt(String),
    /// Whether it takes effect is the buyer's to say: in doubt for whoever called, and not worth another try.
    #[error("PayPay waits for the buyer: {0}")]
    AwaitsBuyer(String),
    /// `again`: when PayPay wants to be asked again, if it said so.
    #[error("PayPay cannot be reached: {reason}")]
    Unavailable { reason: String, again: Option<Duration> },
    #[error("too many calls; again in {} ms", .0.as_millis())]
    RateLimited(Duration),
    #[error("the database did not answer: {0}")]
    Storage(String),
}

impl Fault {
    /// A refusal of our own: PayPay would refuse it too.
    pub(crate) fn invalid(message: impl ToString) -> Self {
        Self::refused(paypay::result::ResultCode::InvalidRequestParams, message)
    }

    /// A refusal of our own: the payment's state does not allow the call.
    pub(crate) fn unacceptable(message: impl ToString) -> Self {
        Self::refused(paypay::result::ResultCode::UnacceptableOp, message)
    }

    pub(crate) fn refused(code: paypay::result::ResultCode, message: impl ToString) -> Self {
        Self::Rejected(Rejection {
            code: code.to_string(),
            message: message.to_string(),
        })
    }

    pub(crate) fn unavailable(reason: impl ToString) -> Self {
        Self::Unavailable {
            reason: reason.to_string(),
            again: None,
        }
    }

    /// What an answer without success says. `again`: its `Retry-After`.
    pub(crate) fn of_answer(error: &AnswerError, again: Option<Duration>) -> Self {
        match (error.meaning(), error) {
            (Meaning::Refused, AnswerError::Refused { info, .. }) => Self::Rejected(Rejection {
                code: info.code.to_string(),
                message: info.message.clone(),
            }),
            (Meaning::NotFound, _) => Self::NotFound,
            (Meaning::Throttled, _) => Self::RateLimited(again.unwrap_or(THROTTLE_PAUSE)),
            (Meaning::Closed, _) => Self::Unavailable {
                reason: error.to_string(),
                again,
            },
            (Meaning::AwaitsBuyer, _) => Self::AwaitsBuyer(error.to_string()),
            (Meaning::Refused | Meaning::InDoubt, _) => Self::InDoubt(error.to_string()),
        }
    }

    /// The same fault of a call that changes nothing: there is no effect to be in doubt of.
    pub(crate) fn of_reading(self) -> Self {
        match self {
            Self::InDoubt(reason) | Self::AwaitsBuyer(reason) => Self::unavailable(reason),
            other => other,
        }
    }

    /// The same fault of the last of several tries, one of which was left in doubt: that this one had no effect says nothing about that one.
    pub(crate) fn after_doubt(self, doubt: Option<String>) -> Self {
        match (self, doubt) {
            (Self::Unavailable { .. } | Self::RateLimited(_), Some(reason)) => Self::InDoubt(reason),
            (fault, _) => fault,
        }
    }

    /// How long to wait at least before another try may end differently; `None`: it will not.
    pub(crate) fn worth_repeating_after(&self) -> Option<Duration> {
        match self {
            Self::InDoubt(_) => Some(Duration::ZERO),
            Self::Unavailable { again, .. } => Some(again.unwrap_or_default()),
            Self::RateLimited(again) => Some(*again),
            Self::Rejected(_) | Self::NotFound | Self::Canceled | Self::AwaitsBuyer(_) | Self::Storage(_) => {
                None
            }
        }
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        match error {
            WireError::NotSent(reason) => Self::unavailable(reason),
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
