//! What is due, done: polling, expiry, stored webhooks, sagas that somebody left half-way.
//!
//! One loop claims due orders by lease and does their work a few at a time. When something is due is the orders' business; this
//! crate only asks, works and sleeps, so any number of workers may run it side by side.

mod archive;
mod clock;
mod orders;
mod reconcile;
mod rota;
mod scheduler;

pub use archive::{Archive, ArchiveConfig, Archivist};
pub use clock::{Clock, SystemClock};
pub use orders::{Claim, Due, Kind, Orders, WorkError};
pub use reconcile::{Books, Compared, ReconcileConfig, Reconciler};
pub use rota::{Rota, Round, Turn};
pub use scheduler::{ScheduleConfig, Scheduler, Watched};
