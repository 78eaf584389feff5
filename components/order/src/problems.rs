//! Our errors as the API tells them.

use crate::order::Order;
use crate::work::WorkError;
use domain::FailCode;
use edge::{Code, Problem};
use store::StoreError;

pub fn of(error: WorkError) -> Problem {
    match error {
        WorkError::NotFound => Problem::new(Code::OrderNotFound),
        WorkError::Busy => Problem::new(Code::RequestInProgress)
            .with_detail(error.to_string())
            .with_retry_after(1),
        WorkError::Conflict(why) => Problem::new(Code::OrderNotCancelable).with_detail(why),
        WorkError::Unavailable(why) => Problem::new(Code::ServiceUnavailable)
            .with_detail(why)
            .with_retry_after(2),
        WorkError::Broken(why) => Problem::new(Code::Internal).with_detail(why),
    }
}

pub fn of_store(error: StoreError) -> Problem {
    of(error.into())
}

/// Something that cannot happen did.
pub fn broken(error: &impl std::fmt::Display) -> Problem {
    Problem::new(Code::Internal).with_detail(error.to_string())
}

/// Why a checkout came to nothing.
pub fn of_failed(order: &Order, detail: Option<String>) -> Problem {
    let code = match order.fail_code {
        Some(FailCode::OutOfStock) => Code::OutOfStock,
        Some(FailCode::InsufficientBalance) => Code::InsufficientBalance,
        Some(FailCode::PaymentUnavailable) | None => Code::PaymentUnavailable,
        Some(FailCode::PaymentDeclined | FailCode::PaymentExpired | FailCode::CanceledByUser) => {
            Code::OrderFinal
        }
    };
    let mut problem = Problem::new(code).with_extension("orderNo", order.order_no.as_str());
    if let Some(detail) = detail {
        problem = problem.with_detail(detail);
    }
    if code == Code::PaymentUnavailable {
        problem.with_retry_after(5)
    } else {
        problem
    }
}
