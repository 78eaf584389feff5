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

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Order {
        order_no: OrderNo,
        kind: Kind,
    },
    /// A saga that is not an order's has something to do; its id.
    Saga(String),
}

impl Due {
    /// What for, as metrics and the log name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Due::Order { kind, .. } => kind.as_str(),
            Due::Saga(_) => "saga",
        }
    }

    /// The order's number, or the saga's id.
    pub fn id(&self) -> &str {
        match self {
            Due::Order { order_no, .. } => order_no.as_str(),
            Due::Saga(id) => id,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    pub work: Vec<Due>,
    /// When something will be due next, as far as is known; `None` if nothing waits.
    pub next_due_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    #[error("there is no such order or saga")]
    NotFound,
    /// It moved on since it was claimed; there is nothing to do.
    #[error("its state does not allow it: {0}")]
    Conflict(String),
    #[error("another worker holds it")]
    Busy,
    #[error("a database or PayPay did not answer: {0}")]
    Unavailable(String),
}

/// The orders and the other sagas, as far as time moves them.
///
/// # Contract
///
/// - `claim_due` gives whatever is due to one owner for the lease: until it ends no other claim returns that order or saga. A claim that
///   returns no work changes nothing, and commits nothing.
/// - The five kinds of work may be called at any time, repeatedly, and by several workers at once; what is already done is
///   not done again. Each leaves behind when the order or saga is due next. After an error it is due again at the latest when the lease ends.
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

    /// Goes on with a saga that is not an order's.
    fn continue_saga<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), WorkError>>;
}
