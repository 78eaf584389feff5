//! Single rows, inserted once however often they come.

use super::{
    DeadLetter, StoreError,
    pool::{Tx, within},
};
use crate::rules;
use domain::{AlertRaised, Instant};

/// What an event that cannot be read is cut to.
const DEAD_LETTER_CHARACTERS: usize = 16 * 1024;

/// 1 if the alert was not known. One that is keeps what people did to it.
pub(super) async fn insert_alert(tx: &mut Tx, alert: &AlertRaised, now: Instant) -> Result<u64, StoreError> {
    // Checked when it was read; the time of writing is the next best.
    let detected_at = rules::instant(&alert.detected_at).unwrap_or(now);
    let sql = "INSERT INTO alerts (alert_id, rule_id, severity, order_no, observed, expected, detected_at, source, facts, status, updated_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'NEW', ?)";
    inserted(within!(tx, connection => sqlx::query(sql)
        .bind(&alert.alert_id)
        .bind(&alert.rule_id)
        .bind(&alert.severity)
        .bind(&alert.order_no)
        .bind(&alert.observed)
        .bind(&alert.expected)
        .bind(detected_at.millis())
        .bind(&alert.source)
        .bind(alert.facts.to_string())
        .bind(now.millis())
        .execute(connection)
        .await
        .map(drop)))
}

/// 1 if the alert was not known to the outbox.
pub(super) async fn insert_outgoing(
    tx: &mut Tx,
    alert: &AlertRaised,
    now: Instant,
) -> Result<u64, StoreError> {
    let data = serde_json::to_string(alert).map_err(|error| StoreError::Corrupt {
        what: "alert",
        key: alert.alert_id.clone(),
        reason: error.to_string(),
    })?;
    let sql = "INSERT INTO alert_outbox (alert_id, message_key, data, created_at) VALUES (?, ?, ?, ?)";
    inserted(within!(tx, connection => sqlx::query(sql)
        .bind(&alert.alert_id)
        .bind(alert.order_no.as_ref().unwrap_or(&alert.alert_id))
        .bind(data)
        .bind(now.millis())
        .execute(connection)
        .await
        .map(drop)))
}

pub(super) async fn insert_dead(
    tx: &mut Tx,
    part: i64,
    letter: &DeadLetter,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert_dead_letters (topic, part, source_offset, event_id, reason, data, at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let data: String = letter.data.chars().take(DEAD_LETTER_CHARACTERS).collect();
    inserted(within!(tx, connection => sqlx::query(sql)
        .bind(&letter.topic)
        .bind(part)
        .bind(letter.offset)
        .bind(&letter.event_id)
        .bind(&letter.reason)
        .bind(data)
        .bind(now.millis())
        .execute(connection)
        .await
        .map(drop)))?;
    Ok(())
}

/// How many rows an insert made: none if there is one of this key, which ends no transaction. The counts of rows that `ON DUPLICATE KEY` reports
/// to this driver do not tell the two cases apart.
fn inserted(result: Result<(), sqlx::Error>) -> Result<u64, StoreError> {
    match result {
        Ok(()) => Ok(1),
        Err(error)
            if error
                .as_database_error()
                .is_some_and(|error| error.is_unique_violation()) =>
        {
            Ok(0)
        }
        Err(error) => Err(error.into()),
    }
}
