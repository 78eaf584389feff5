//! PayPay's webhooks: checked here, stored and applied by the order component, answered in time.
//!
//! A body proves nothing, since PayPay signs none. So this component only decides whether a body can be an event of ours at all; the
//! order component stores it, reads PayPay's own details and believes those.

#[cfg(target_family = "wasm")]
mod component;

mod address;
mod event;
mod hand_on;
mod journal;
mod payment_id;
mod route;
mod source;

pub use route::route;
