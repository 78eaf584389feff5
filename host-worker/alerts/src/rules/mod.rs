//! The rules, without I/O and without a clock.
//!
//! What is known of an order is a set of facts ([`OrderState`]), and taking in a fact twice, or facts in another order, gives the same set. A rule is a look at that
//! set: it finds a suspicion with the instant from which it counts. Until then another event may still explain it.
//!
//! | rule | suspicion | explained by | counts from |
//! |---|---|---|---|
//! | A | a payment succeeded | the order `PAID` or `FAILED`, or the payment refunded, in time | success + `update_grace` |
//! | B | an order that asked PayPay is `PAID` | a successful payment, in time | `PAID` + `payment_grace` |
//! | B | a payment of a `PAID` order failed after its success | a later success, or its refund, in time | failure + `payment_grace` |
//! | C | a payment succeeded whose order had failed without it | nothing | at once |
//! | D | another payment of the same order succeeded | nothing | at once |
//!
//! "In time" is event time: an explanation that happened after the suspicion counted does not undo it, so that a replay finds what was found live. An order
//! that failed knowing of its payment (its first `FAILED` event says so) owes a refund, which only a refund explains; one that failed without knowing is rule C.

mod event;
mod finding;
mod set;
mod state;
mod stored;
mod suspicion;
#[cfg(test)]
mod tests;

pub(crate) use event::instant;
pub use event::{Event, Fact, Malformed};
pub use finding::{Finding, Rule};
pub use state::OrderState;
pub use stored::StoredStateError;

use domain::Yen;
use std::time::Duration;

/// What can be chosen about the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Rule A: from a payment's success until its order must say so. Longer than clocks differ and events are under way.
    pub update_grace: Duration,
    /// Rule B: from `PAID` until the payment must be known, and from a failure until it must be taken back.
    pub payment_grace: Duration,
    /// From this amount on an alert is `CRITICAL`, below `WARNING`.
    pub critical_from: Yen,
}

impl Default for Config {
    /// Two minutes for both, twice what clocks may differ; every alert critical.
    fn default() -> Config {
        Config {
            update_grace: Duration::from_secs(120),
            payment_grace: Duration::from_secs(120),
            critical_from: Yen::ZERO,
        }
    }
}
