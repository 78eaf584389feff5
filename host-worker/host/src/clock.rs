//! The wall clock that components read. Their monotonic clock is this machine's.

use std::time::Duration;
use wasmtime_wasi::HostWallClock;

/// The shop's clock: what the worker has corrected for itself is right for its components, too.
pub(crate) struct ShopClock;

impl HostWallClock for ShopClock {
    /// No coarser than the machine's: the correction is in whole milliseconds, what it is added to is not.
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        domain::clock::since_epoch()
    }
}
