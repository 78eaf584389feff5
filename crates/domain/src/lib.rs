//! What an order, a payment and a yen are, and how they may change. No I/O, no async: the rules that every component and the worker
//! share, tested in milliseconds.

pub mod clock;
mod event;
mod instant;
mod money;
mod order;
mod order_no;
mod payment;

pub use event::{
    AlertRaised, EVENT_TYPES, EventRejected, OrderStatusChanged, PaymentStatusObserved, RefundIssued, topic,
};
pub use instant::Instant;
pub use money::{MoneyError, Quantity, QuantityError, Yen};
pub use order::{FailCode, IllegalTransition, OrderStatus};
pub use order_no::{InvalidOrderNo, MerchantPaymentId, OrderNo};
pub use payment::{Evidence, PaymentStatus, UnknownPaymentStatus, Verdict};
