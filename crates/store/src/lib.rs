//! SQL from inside a component.
//!
//! A [`Database`] is one connection to a database that `spin.toml` grants to the component, a SQLite file or a MySQL schema as the variable
//! `database` says. [`Database::transact`] does something in a [`Transaction`]; [`barrier`] makes a saga step exactly-once in effect.
//!
//! ```no_run
//! # async fn example() -> Result<(), store::StoreError> {
//! use store::{Database, params};
//!
//! let database = Database::open("inventory").await?;
//! let (database, changed) = database
//!     .transact(async |tx| tx.execute("UPDATE stock SET on_hand = on_hand + ? WHERE product_id = ?", params![3, 42]).await)
//!     .await?;
//! let row = database.query_one("SELECT on_hand FROM stock WHERE product_id = ?", params![42]).await?;
//! let on_hand: i64 = row.get("on_hand")?;
//! # let _ = (changed, on_hand);
//! # Ok(())
//! # }
//! ```
//!
//! What differs between databases is in the driver modules (`spin_sqlite`, `mysql`, and `native` for tests). What differs in their SQL is said with
//! [`Sql`] and [`Dialect`], and little does if a statement is written for both.

pub mod barrier;
pub mod clock;
mod database;
mod dialect;
mod driver;
mod error;
mod mysql;
#[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
mod native;
mod retry;
mod row;
mod source;
mod spin_sqlite;
mod sql;
#[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
pub mod testing;
mod value;

pub use database::{Database, Session, Transaction};
pub use dialect::{Dialect, Sql, Statement};
pub use error::{Constraint, StoreError};
pub use row::Row;
pub use sql::placeholders;
pub use value::{FromValue, Value};
