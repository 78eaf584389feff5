//! What keeps the system running besides its work: migrations, sample data, the invariants, health, metrics, logs.

mod check;
mod clock;
mod database;
mod databases;
mod health;
mod lock;
mod logging;
mod migrate;
pub mod mysql;
mod rounds;
mod seed;
mod telemetry;

pub use check::{CheckError, Finding, Looks, Outcome, Report, check, check_with};
pub use clock::SharedClock;
pub use database::Database;
pub use databases::Databases;
pub use health::{DatabaseProbe, Health, Probe};
pub use lock::{DataLock, LockError, Role};
pub use logging::{LogFormat, LoggingError, install as install_logging};
pub use migrate::{Migrated, MigrationError, migrate, outdated};
pub use rounds::{Rounds, Times, Turn};
pub use seed::{SeedError, Seeded, seed};
pub use telemetry::Telemetry;
