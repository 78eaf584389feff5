//! `saga_archive`: final sagas of old. They are read where they lie, and come back when somebody has to work on them.

use domain::Instant;
use store::{Dialect, StoreError, Transaction, Value, params, placeholders};

/// Moves at most `limit` final sagas that ended before `ended_before`, those that were started first; how many it moved.
pub async fn fill(
    tx: &Transaction,
    ended_before: Instant,
    limit: u32,
    now: Instant,
) -> Result<u64, StoreError> {
    if tx.dialect() == Dialect::MySql {
        return fill_locked(tx, ended_before, limit, now).await;
    }
    let copy = format!(
        "{COPY} WHERE id IN (SELECT id FROM saga_instances WHERE {OLD} ORDER BY created_at, id LIMIT ?)"
    );
    let moved = tx
        .execute(
            &copy,
            params![now.millis(), ended_before.millis(), ended_before.millis(), limit],
        )
        .await?;
    if moved > 0 {
        let delete =
            "DELETE FROM saga_instances WHERE id IN (SELECT id FROM saga_archive WHERE archived_at = ?)";
        tx.run(delete, params![now.millis()]).await?;
    }
    Ok(moved)
}

/// What ended by then was started before: it is found by that time, so that no index is kept of when sagas ended.
const OLD: &str = "created_at < ? AND ended_at < ? AND due_at IS NULL AND lease_until = 0 \
                   AND phase IN ('SUCCEEDED', 'FAILED', 'COMPENSATED')";

const COPY: &str = "INSERT INTO saga_archive (id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, fence, \
                    created_at, updated_at, ended_at, archived_at) \
                    SELECT id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, fence, created_at, \
                    updated_at, ended_at, ? FROM saga_instances";

/// For MySQL: what is moved is locked first, by its keys alone, and judged again as it is then. What somebody works on is left where it is.
async fn fill_locked(
    tx: &Transaction,
    ended_before: Instant,
    limit: u32,
    now: Instant,
) -> Result<u64, StoreError> {
    let old = params![ended_before.millis(), ended_before.millis()];
    let sql = format!("SELECT id FROM saga_instances WHERE {OLD} ORDER BY created_at, id LIMIT ?");
    let mut values = old.clone();
    values.push(limit.into());
    let candidates = super::ids(&tx.query(&sql, values).await?)?;
    if candidates.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "SELECT id FROM saga_instances FORCE INDEX (PRIMARY) WHERE id IN ({}) AND {OLD} FOR UPDATE SKIP LOCKED",
        placeholders(candidates.len())
    );
    let rows = tx.query(&sql, [candidates, old].concat()).await?;
    let moved = super::ids(&rows)?;
    if moved.is_empty() {
        return Ok(0);
    }
    let among = format!("WHERE id IN ({})", placeholders(moved.len()));
    let mut values: Vec<Value> = params![now.millis()];
    values.extend(moved.iter().cloned());
    tx.run(&format!("{COPY} {among}"), values).await?;
    tx.run(&format!("DELETE FROM saga_instances {among}"), moved)
        .await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

/// Brings a saga back to the living; `false` if it is not in the archive.
pub async fn restore(tx: &Transaction, id: &str) -> Result<bool, StoreError> {
    let copy = "INSERT INTO saga_instances (id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, \
                fence, created_at, updated_at, ended_at) \
                SELECT id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, fence, created_at, \
                updated_at, ended_at FROM saga_archive WHERE id = ?";
    if tx.dialect() == Dialect::MySql {
        let sql = "SELECT 1 AS found FROM saga_archive WHERE id = ? FOR UPDATE";
        if tx.query_optional(sql, params![id]).await?.is_none() {
            return Ok(false);
        }
    }
    let found = tx.execute(copy, params![id]).await? == 1;
    if found {
        tx.run("DELETE FROM saga_archive WHERE id = ?", params![id])
            .await?;
    }
    Ok(found)
}
