//! What this crate asks of whoever keeps the orders.

use crate::OrderView;
use domain::OrderNo;
use futures::future::BoxFuture;

/// Why a channel could not be opened, or an order not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("there is no such order")]
    NotFound,
    #[error("the channel token is wrong or has expired")]
    Unauthorized,
    /// Nobody answered; the client should come again later.
    #[error("the order cannot be read now: {0}")]
    Unavailable(String),
}

/// The orders, as far as a watching browser may ask about them.
///
/// # Contract
///
/// - `open_channel` answers with an order only to a token that was issued for exactly that order and has not expired. It may be called any
///   number of times with one token: a browser reconnects with the one it has.
/// - Both functions answer with a state that was committed, at least as new as the newest one committed before the call.
/// - Neither moves the order, and both may be dropped half-way.
pub trait Orders: Send + Sync + 'static {
    fn open_channel<'a>(
        &'a self,
        order_no: &'a OrderNo,
        token: &'a str,
    ) -> BoxFuture<'a, Result<OrderView, OpenError>>;

    fn snapshot<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<OrderView, OpenError>>;
}
