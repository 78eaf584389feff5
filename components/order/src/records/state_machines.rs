//! `state_machines`: definitions that were registered, every version of each.

use domain::Instant;
use serde_json::Value;
use store::{Row, Session, StoreError, Transaction, params};

/// One version of a registered definition.
#[derive(Debug, Clone)]
pub struct Registered {
    pub name: String,
    /// From 1.
    pub version_no: u32,
    /// JSON text, as it was registered.
    pub definition: String,
    pub registered_at: Instant,
}

/// The newest version.
pub async fn newest(session: &Session, name: &str) -> Result<Option<Registered>, StoreError> {
    let sql = "SELECT name, version_no, definition, registered_at FROM state_machines WHERE name = ? ORDER BY version_no DESC LIMIT 1";
    let row = session.query_optional(sql, params![name]).await?;
    row.as_ref().map(registered).transpose()
}

/// One version, as instances that began with it need it.
pub async fn version(
    session: &Session,
    name: &str,
    version_no: u32,
) -> Result<Option<Registered>, StoreError> {
    let sql = "SELECT name, version_no, definition, registered_at FROM state_machines WHERE name = ? AND version_no = ?";
    let row = session.query_optional(sql, params![name, version_no]).await?;
    row.as_ref().map(registered).transpose()
}

/// The newest version of each, by name.
pub async fn all(session: &Session) -> Result<Vec<Registered>, StoreError> {
    let sql = "SELECT name, version_no, definition, registered_at FROM state_machines AS m \
               WHERE version_no = (SELECT MAX(version_no) FROM state_machines WHERE name = m.name) ORDER BY name";
    session
        .query(sql, params![])
        .await?
        .iter()
        .map(registered)
        .collect()
}

/// A unique violation if the version is there already.
pub async fn insert(
    tx: &Transaction,
    name: &str,
    version_no: u32,
    definition: &Value,
    actor: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO state_machines (name, version_no, definition, registered_at, registered_by) VALUES (?, ?, ?, ?, ?)";
    tx.run(
        sql,
        params![name, version_no, definition.to_string(), now.millis(), actor],
    )
    .await
}

fn registered(row: &Row) -> Result<Registered, StoreError> {
    Ok(Registered {
        name: row.text("name")?,
        version_no: row.get("version_no")?,
        definition: row.text("definition")?,
        registered_at: Instant::from_millis(row.get("registered_at")?),
    })
}
