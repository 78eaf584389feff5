//! PayPay's status of a payment, and what it means for an order.

use crate::{OrderStatus, Yen};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// PayPay's status of a payment, or `NONE` when PayPay was not asked for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    None,
    Created,
    Authorized,
    Reauthorizing,
    Completed,
    Refunded,
    Failed,
    Canceled,
    Expired,
}

impl PaymentStatus {
    pub const ALL: [PaymentStatus; 9] = [
        PaymentStatus::None,
        PaymentStatus::Created,
        PaymentStatus::Authorized,
        PaymentStatus::Reauthorizing,
        PaymentStatus::Completed,
        PaymentStatus::Refunded,
        PaymentStatus::Failed,
        PaymentStatus::Canceled,
        PaymentStatus::Expired,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PaymentStatus::None => "NONE",
            PaymentStatus::Created => "CREATED",
            PaymentStatus::Authorized => "AUTHORIZED",
            PaymentStatus::Reauthorizing => "REAUTHORIZING",
            PaymentStatus::Completed => "COMPLETED",
            PaymentStatus::Refunded => "REFUNDED",
            PaymentStatus::Failed => "FAILED",
            PaymentStatus::Canceled => "CANCELED",
            PaymentStatus::Expired => "EXPIRED",
        }
    }

    /// Whether the payment has ended: no money can come any more that has not come.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            PaymentStatus::Completed
                | PaymentStatus::Refunded
                | PaymentStatus::Failed
                | PaymentStatus::Canceled
                | PaymentStatus::Expired
        )
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a payment status")]
pub struct UnknownPaymentStatus(String);

impl FromStr for PaymentStatus {
    type Err = UnknownPaymentStatus;
    fn from_str(text: &str) -> Result<PaymentStatus, UnknownPaymentStatus> {
        PaymentStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownPaymentStatus(text.to_owned()))
    }
}

/// What PayPay's own details say about an order's payment. A webhook is not evidence: it only makes us look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub status: PaymentStatus,
    pub amount: Yen,
}

/// What an order must do about the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: not decided yet, or known already.
    Wait,
    /// The payment is good: finish the order.
    Accept,
    /// The payment cannot succeed any more: fail the order.
    Decline,
    /// Money came for an order that has failed: give it back.
    Refund,
    /// Money of another amount came. Never paid, never ignored: a person must look.
    Mismatch,
}

impl Evidence {
    /// What this evidence means for an order in `status` that asked PayPay for `expected`.
    pub fn judge(self, status: OrderStatus, expected: Yen) -> Verdict {
        use PaymentStatus::{Canceled, Completed, Expired, Failed};
        match (self.status, status) {
            (Completed, _) if self.amount != expected => Verdict::Mismatch,
            (Completed, OrderStatus::Pending | OrderStatus::WaitingPayment) => Verdict::Accept,
            (Completed, OrderStatus::Failed) => Verdict::Refund,
            // PAID is final for failures: a late one is recorded and never applied.
            (Failed | Canceled | Expired, OrderStatus::Pending | OrderStatus::WaitingPayment) => {
                Verdict::Decline
            }
            _ => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn evidence_decides_as_the_table_says() {
        use OrderStatus as O;
        use PaymentStatus as P;
        let (price, other) = (Yen::new(1_200).unwrap(), Yen::new(1_199).unwrap());
        let table = [
            (P::Completed, price, O::WaitingPayment, Verdict::Accept),
            (P::Completed, price, O::Pending, Verdict::Accept),
            (P::Completed, price, O::Paid, Verdict::Wait),
            (P::Completed, price, O::Refunded, Verdict::Wait),
            (P::Completed, price, O::Failed, Verdict::Refund),
            (P::Completed, other, O::WaitingPayment, Verdict::Mismatch),
            (P::Completed, other, O::Failed, Verdict::Mismatch),
            (P::Failed, price, O::WaitingPayment, Verdict::Decline),
            (P::Canceled, price, O::WaitingPayment, Verdict::Decline),
            (P::Expired, price, O::WaitingPayment, Verdict::Decline),
            (P::Failed, price, O::Paid, Verdict::Wait),
            (P::Failed, price, O::Failed, Verdict::Wait),
            (P::Created, price, O::WaitingPayment, Verdict::Wait),
            (P::Authorized, price, O::WaitingPayment, Verdict::Wait),
            (P::Refunded, price, O::Failed, Verdict::Wait),
        ];
        for (payment, amount, order, verdict) in table {
            assert_eq!(
                Evidence {
                    status: payment,
                    amount
                }
                .judge(order, price),
                verdict,
                "{payment} for {order}"
            );
        }
    }

    #[test]
    fn names_survive_a_round_trip() {
        for status in PaymentStatus::ALL {
            assert_eq!(status.as_str().parse::<PaymentStatus>().unwrap(), status);
        }
    }
}
