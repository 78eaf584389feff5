//! An order as its buyer's browser sees it.

use domain::{FailCode, OrderNo, OrderStatus, OrderStatusChanged, PaymentStatus, Yen};
use serde::{Deserialize, Serialize};

/// What goes over the socket. The buyer's id stays behind: the channel's token already stands for the buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    pub order_no: OrderNo,
    pub status: OrderStatus,
    pub payment_status: PaymentStatus,
    pub amount: Yen,
    /// Grows with every change of the order.
    pub version: u64,
    /// ISO 8601, UTC.
    pub updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_code: Option<FailCode>,
    /// The payment deadline: ISO 8601, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl From<OrderStatusChanged> for OrderView {
    fn from(event: OrderStatusChanged) -> OrderView {
        OrderView {
            order_no: event.order_no,
            status: event.status,
            payment_status: event.payment_status,
            amount: event.amount,
            version: event.version,
            updated_at: event.at,
            fail_code: event.fail_code,
            expires_at: event.expires_at,
        }
    }
}
