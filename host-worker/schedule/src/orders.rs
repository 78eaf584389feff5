//! What this crate asks of whoever keeps the orders.

use domain::{Instant, OrderNo};
use futures::future::BoxFuture;
use std::time::Duration;

/// Why an order is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Its saga was left between two steps.
    Resume,
    /// Its payment should be read from PayPay.
    Poll,
    /// Its payment deadline has passed.
    Expire,
    /// A webhook was stored and not applied.
    Inbox,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Resume => "resume",
            Kind::Poll => "poll",
            Kind::Expire => "expire",
            Kind::Inbox => "inbox",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub order_no: OrderNo,
    pub kind: Kind,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    pub work: Vec<Due>,
    /// When something will be due next, as far as is known; `None` if nothing waits.
    pub next_due_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    #[error("there is no such order")]
    NotFound,
    /// The order moved on since it was claimed; there is nothing to do.
    #[error("the order's state does not allow it: {0}")]
    Conflict(String),
    #[error("another worker holds the order")]
    Busy,
    #[error("a database or PayPay did not answer: {0}")]
    Unavailable(String),
}

/// The orders, as far as time moves them.
///
/// # Contract
///
/// - `claim_due` gives each due order to one owner for the lease: until it ends no other claim returns that order. A claim that returns no work
///   changes nothing, and commits nothing.
/// - The four kinds of work may be called at any time, repeatedly, and by several workers at once; what is already done is
///   not done again. Each leaves behind when the order is due next. After an error the order is due again at the latest when the lease ends.
/// - Every function may be dropped half-way.
pub trait Orders: Send + Sync + 'static {
    fn claim_due<'a>(
        &'a self,
        owner: &'a str,
        lease: Duration,
        limit: u32,
    ) -> BoxFuture<'a, Result<Claim, WorkError>>;

    fn resume_saga<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>>;

    /// `watched`: a buyer is looking, so the next reading should come soon.
    fn poll_payment<'a>(
        &'a self,
        order_no: &'a OrderNo,
        watched: bool,
    ) -> BoxFuture<'a, Result<(), WorkError>>;

    fn expire<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>>;

    fn apply_inbox<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>>;
}
