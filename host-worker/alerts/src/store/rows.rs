//! Single rows, inserted once however often they come.

use super::{DeadLetter, StoreError};
use crate::rules;
use domain::{AlertRaised, Instant};
use sqlx::SqliteConnection;

/// What an event that cannot be read is cut to.
const DEAD_LETTER_CHARACTERS: usize = 16 * 1024;

/// 1 if the alert was not known. One that is keeps what people did to it.
pub(super) async fn insert_alert(
    tx: &mut SqliteConnection,
    alert: &AlertRaised,
    now: Instant,
) -> Result<u64, StoreError> {
    // Checked when it was read; the time of writing is the next best.
    let detected_at = rules::instant(&alert.detected_at).unwrap_or(now);
    let sql = "INSERT INTO alerts (alert_id, rule_id, severity, order_no, observed, expected, detected_at, source, facts, status, updated_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'NEW', ?) ON CONFLICT (alert_id) DO NOTHING";
    let insert = sqlx::query(sql)
        .bind(&alert.alert_id)
        .bind(&alert.rule_id)
        .bind(&alert.severity)
        .bind(&alert.order_no)
        .bind(&alert.observed)
        .bind(&alert.expected)
        .bind(detected_at.millis())
        .bind(&alert.source)
        .bind(alert.facts.to_string())
        .bind(now.millis());
    Ok(insert.execute(tx).await?.rows_affected())
}

/// 1 if the alert was not known to the outbox.
pub(super) async fn insert_outgoing(
    tx: &mut SqliteConnection,
    alert: &AlertRaised,
    now: Instant,
) -> Result<u64, StoreError> {
    let data = serde_json::to_string(alert).map_err(|error| StoreError::Corrupt {
        what: "alert",
        key: alert.alert_id.clone(),
        reason: error.to_string(),
    })?;
    let sql = "INSERT INTO alert_outbox (alert_id, message_key, data, created_at) VALUES (?, ?, ?, ?) \
               ON CONFLICT (alert_id) DO NOTHING";
    let insert = sqlx::query(sql)
        .bind(&alert.alert_id)
        .bind(alert.order_no.as_ref().unwrap_or(&alert.alert_id))
        .bind(data)
        .bind(now.millis());
    Ok(insert.execute(tx).await?.rows_affected())
}

pub(super) async fn insert_dead(
    tx: &mut SqliteConnection,
    part: i64,
    letter: &DeadLetter,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert_dead_letters (topic, part, source_offset, event_id, reason, data, at) VALUES (?, ?, ?, ?, ?, ?, ?) \
               ON CONFLICT (topic, part, source_offset) DO NOTHING";
    let data: String = letter.data.chars().take(DEAD_LETTER_CHARACTERS).collect();
    let insert = sqlx::query(sql)
        .bind(&letter.topic)
        .bind(part)
        .bind(letter.offset)
        .bind(&letter.event_id)
        .bind(&letter.reason)
        .bind(data)
        .bind(now.millis());
    insert.execute(tx).await?;
    Ok(())
}
