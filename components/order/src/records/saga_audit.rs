//! `saga_audit`: who did what to a saga.

use domain::Instant;
use store::{Session, StoreError, params};

/// One attempt to steer a saga.
#[derive(Debug, Clone)]
pub struct Entry {
    pub at: Instant,
    pub actor: String,
    pub action: String,
    pub reason: Option<String>,
    /// `done`, or why it was refused.
    pub outcome: String,
}

pub async fn append(session: &Session, saga_id: &str, entry: &Entry) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO saga_audit (saga_id, at, actor, action, reason, outcome) VALUES (?, ?, ?, ?, ?, ?)";
    let values = params![
        saga_id,
        entry.at.millis(),
        entry.actor.as_str(),
        entry.action.as_str(),
        entry.reason.as_deref(),
        entry.outcome.as_str()
    ];
    session.run(sql, values).await
}

/// Everything that was done to a saga, oldest first.
pub async fn of_saga(session: &Session, saga_id: &str) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT at, actor, action, reason, outcome FROM saga_audit WHERE saga_id = ? ORDER BY entry_no";
    let rows = session.query(sql, params![saga_id]).await?;
    rows.iter()
        .map(|row| {
            Ok(Entry {
                at: Instant::from_millis(row.get("at")?),
                actor: row.text("actor")?,
                action: row.text("action")?,
                reason: row.opt_text("reason")?,
                outcome: row.text("outcome")?,
            })
        })
        .collect()
}
