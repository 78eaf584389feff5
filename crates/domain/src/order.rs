//! An order's status, and the only ways from one to the next.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// `PENDING → WAITING_PAYMENT → PAID → REFUNDED`, or `→ FAILED` from the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Taken down; stock and balance are being set aside and the code is being asked for.
    Pending,
    /// The buyer has a code to pay.
    WaitingPayment,
    /// Paid and the stock is sold. No failure that comes later changes it.
    Paid,
    /// The money was given back after it had been paid.
    Refunded,
    /// Ended unpaid; everything set aside was given back.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order cannot go from {from} to {to}")]
pub struct IllegalTransition {
    pub from: OrderStatus,
    pub to: OrderStatus,
}

impl OrderStatus {
    pub const ALL: [OrderStatus; 5] = [
        OrderStatus::Pending,
        OrderStatus::WaitingPayment,
        OrderStatus::Paid,
        OrderStatus::Refunded,
        OrderStatus::Failed,
    ];

    /// The status after a change to `to`, or why there is no such change.
    pub fn to(self, to: OrderStatus) -> Result<OrderStatus, IllegalTransition> {
        use OrderStatus::{Failed, Paid, Pending, Refunded, WaitingPayment};
        match (self, to) {
            // An order paid wholly from the balance never waits.
            (Pending, WaitingPayment | Paid | Failed)
            | (WaitingPayment, Paid | Failed)
            | (Paid, Refunded) => Ok(to),
            (from, to) => Err(IllegalTransition { from, to }),
        }
    }

    /// Nothing is asked of PayPay for it any more.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            OrderStatus::Paid | OrderStatus::Refunded | OrderStatus::Failed
        )
    }

    pub fn as_str(self) -> &'static str {
        match self {
            OrderStatus::Pending => "PENDING",
            OrderStatus::WaitingPayment => "WAITING_PAYMENT",
            OrderStatus::Paid => "PAID",
            OrderStatus::Refunded => "REFUNDED",
            OrderStatus::Failed => "FAILED",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an order status")]
pub struct UnknownOrderStatus(String);

impl FromStr for OrderStatus {
    type Err = UnknownOrderStatus;
    fn from_str(text: &str) -> Result<OrderStatus, UnknownOrderStatus> {
        OrderStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownOrderStatus(text.to_owned()))
    }
}

/// Why an order failed, as the API tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailCode {
    OutOfStock,
    InsufficientBalance,
    PaymentDeclined,
    PaymentExpired,
    CanceledByUser,
    PaymentUnavailable,
}

impl FailCode {
    pub const ALL: [FailCode; 6] = [
        FailCode::OutOfStock,
        FailCode::InsufficientBalance,
        FailCode::PaymentDeclined,
        FailCode::PaymentExpired,
        FailCode::CanceledByUser,
        FailCode::PaymentUnavailable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FailCode::OutOfStock => "OUT_OF_STOCK",
            FailCode::InsufficientBalance => "INSUFFICIENT_BALANCE",
            FailCode::PaymentDeclined => "PAYMENT_DECLINED",
            FailCode::PaymentExpired => "PAYMENT_EXPIRED",
            FailCode::CanceledByUser => "CANCELED_BY_USER",
            FailCode::PaymentUnavailable => "PAYMENT_UNAVAILABLE",
        }
    }
}

impl fmt::Display for FailCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fail code")]
pub struct UnknownFailCode(String);

impl FromStr for FailCode {
    type Err = UnknownFailCode;
    fn from_str(text: &str) -> Result<FailCode, UnknownFailCode> {
        FailCode::ALL
            .into_iter()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| UnknownFailCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_allowed_changes_are_exactly_these() {
        use OrderStatus::*;
        let allowed = [
            (Pending, WaitingPayment),
            (Pending, Paid),
            (Pending, Failed),
            (WaitingPayment, Paid),
            (WaitingPayment, Failed),
            (Paid, Refunded),
        ];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                assert_eq!(
                    from.to(to).is_ok(),
                    allowed.contains(&(from, to)),
                    "{from} → {to}"
                );
            }
        }
    }

    #[test]
    fn names_survive_a_round_trip_and_match_their_json() {
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse::<OrderStatus>().unwrap(), status);
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
        for code in FailCode::ALL {
            assert_eq!(code.as_str().parse::<FailCode>().unwrap(), code);
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
        assert!("paid".parse::<OrderStatus>().is_err());
    }

    proptest! {
        #[test]
        fn once_paid_an_order_never_fails(wishes in proptest::collection::vec(0usize..5, 0..20)) {
            let mut status = OrderStatus::Pending;
            let mut was_paid = false;
            for wish in wishes {
                if let Ok(next) = status.to(OrderStatus::ALL[wish]) {
                    status = next;
                }
                was_paid |= status == OrderStatus::Paid;
                prop_assert!(!(was_paid && status == OrderStatus::Failed));
            }
        }
    }
}
