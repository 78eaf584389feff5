//! SQL from inside a component.
//!
//! A [`Database`] is one connection to a database that `spin.toml` grants to the component. [`Database::begin`] turns it into a
//! [`Transaction`], which alone holds the database's writer until it is committed, rolled back or dropped. [`barrier`] makes a
//! saga step exactly-once in effect on top of that.
//!
//! ```no_run
//! # async fn example() -> Result<(), store::StoreError> {
//! use store::{Database, params};
//!
//! let tx = Database::open("inventory").await?.begin().await?;
//! let changed = tx.execute("UPDATE stock SET on_hand = on_hand + ? WHERE product_id = ?", params![3, 42]).await?;
//! let database = tx.commit().await?;
//! let row = database.query_one("SELECT on_hand FROM stock WHERE product_id = ?", params![42]).await?;
//! let on_hand: i64 = row.get("on_hand")?;
//! # let _ = (changed, on_hand);
//! # Ok(())
//! # }
//! ```
//!
//! What differs between databases is in the driver modules (`spin_sqlite`, and `native` for tests); values, rows, errors, transactions and
//! the barrier know nothing about them.

pub mod barrier;
pub mod clock;
mod database;
mod driver;
mod error;
#[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
mod native;
mod row;
mod spin_sqlite;
mod sql;
mod value;

pub use database::{Database, Session, Transaction};
pub use error::{Constraint, StoreError};
pub use row::Row;
pub use sql::placeholders;
pub use value::{FromValue, Value};
