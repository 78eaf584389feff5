//! PayPay's Open Payment API (OPA) as types, for both ends of the wire.
//!
//! Nothing here does I/O or reads a clock: callers bring bytes and the time. Requests serialize to what PayPay expects and
//! parse from what a merchant sends, so that the sandbox refuses exactly what the types refuse.

mod text_enum;

pub mod codes;
pub mod ids;
pub mod money;
pub mod payments;
pub mod refunds;
pub mod request;
pub mod result;
pub mod retry_after;
pub mod signing;
pub mod webhook;
