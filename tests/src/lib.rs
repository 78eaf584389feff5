//! What the scenarios share: a shop that runs as its own process, buyers who use it as a browser would, and PayPay's sandbox.
//!
//! Nothing here waits for a time; [`eventually`] waits for a condition and says what it last saw if it never comes.

mod books;
mod buyer;
mod contract;
mod events;
mod live;
pub mod load;
pub mod outage;
mod paypay;
mod servers;
pub mod shelf;
mod shop;
mod topics;

pub use buyer::{Answer, Buyer};
pub use contract::Contract;
pub use events::EventContract;
pub use live::{Incoming, Live};
pub use paypay::PayPay;
pub use servers::{OWNERS, Place, Servers};
pub use shop::{Shop, ShopOptions, root};
pub use topics::Told;

use anyhow::{Result, bail};
use std::fmt::Debug;
use std::time::Duration;

/// How long a condition may take before a scenario gives up: far above anything that is normal on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until `found` accepts what `look` brings, and returns it.
///
/// # Errors
/// What was seen last, if it is not accepted within [`PATIENCE`].
pub async fn eventually<T: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T>,
    found: impl Fn(&T) -> bool,
) -> Result<T> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(seen) if found(&seen) => return Ok(seen),
            seen if tokio::time::Instant::now() > give_up => {
                bail!("gave up waiting for {what}; last seen: {seen:?}")
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
