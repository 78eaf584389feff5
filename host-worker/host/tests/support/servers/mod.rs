//! Servers of a test's own: on a free port, in a folder that goes away with them.

pub mod mariadb;
pub mod process;
pub mod redis;

pub use self::{mariadb::MariaDb, redis::Redis};
