//! `saga_archive`: final sagas of old. They are read where they lie, and come back when somebody has to work on them.

use domain::Instant;
use store::{StoreError, Transaction, params};

/// Moves at most `limit` final sagas that ended before `ended_before`, those that were started first; how many it moved.
pub async fn fill(
    tx: &Transaction,
    ended_before: Instant,
    limit: u32,
    now: Instant,
) -> Result<u64, StoreError> {
    // What ended by then was started before: it is found by that time, so that no index is kept of when sagas ended.
    let chosen = "SELECT id FROM saga_instances WHERE created_at < ? AND ended_at < ? AND due_at IS NULL AND lease_until = 0 \
                  AND phase IN ('SUCCEEDED', 'FAILED', 'COMPENSATED') ORDER BY created_at, id LIMIT ?";
    let copy = format!(
        "INSERT INTO saga_archive (id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, fence, \
         created_at, updated_at, ended_at, archived_at) \
         SELECT id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, fence, created_at, \
         updated_at, ended_at, ? FROM saga_instances WHERE id IN ({chosen})"
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
        tx.execute(delete, params![now.millis()]).await?;
    }
    Ok(moved)
}

/// Brings a saga back to the living; `false` if it is not in the archive.
pub async fn restore(tx: &Transaction, id: &str) -> Result<bool, StoreError> {
    let copy = "INSERT INTO saga_instances (id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, \
                fence, created_at, updated_at, ended_at) \
                SELECT id, machine, definitions, business_key, order_no, phase, status, compensation_status, instance, fence, created_at, \
                updated_at, ended_at FROM saga_archive WHERE id = ?";
    let found = tx.execute(copy, params![id]).await? == 1;
    if found {
        tx.execute("DELETE FROM saga_archive WHERE id = ?", params![id])
            .await?;
    }
    Ok(found)
}
