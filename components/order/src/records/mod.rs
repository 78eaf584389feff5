//! The tables of the database `orders`, one file each: what their rows mean, and the only SQL that touches them.

pub mod attempts;
pub mod channels;
pub mod idempotency;
pub mod inbox;
pub mod orders;
pub mod outbox;
pub mod payment_list;
pub mod saga_archive;
pub mod saga_audit;
pub mod saga_list;
pub mod sagas;
pub mod state_machines;
#[cfg(test)]
pub mod testing;

use store::{Database, Row, StoreError, Value};

/// The database that this component owns.
pub const DATABASE: &str = "orders";

pub async fn open() -> Result<Database, StoreError> {
    Database::open(DATABASE).await
}

/// The column `id` of each row, for an `IN (…)`.
fn ids(rows: &[Row]) -> Result<Vec<Value>, StoreError> {
    rows.iter().map(|row| Ok(row.text("id")?.into())).collect()
}

/// A column that holds one of our own words, parsed; anything else in it is a broken row.
fn parsed<T>(row: &Row, column: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    row.text(column)?
        .parse()
        .map_err(|error: T::Err| row.broken(column, error.to_string()))
}
