//! A saga that nobody tries again by itself is somebody's business: an alert goes out in the transaction that parks it.

use crate::order::Event;
use crate::records::outbox;
use domain::{AlertRaised, topic};
use domain::{Instant, OrderNo};
use edge::RequestContext;
use saga::Instance;
use serde_json::json;
use store::{StoreError, Transaction};

/// Stores the alert. Its id is derived, so that one parking raises it once.
pub async fn alert(
    tx: &Transaction,
    instance: &Instance,
    order_no: Option<&OrderNo>,
    ctx: &RequestContext,
    now: Instant,
) -> Result<(), StoreError> {
    let Some(parked_at) = instance.parked_at else {
        return Ok(());
    };
    let id = format!("saga-parked:{}:{parked_at}", instance.id);
    let alert = AlertRaised {
        alert_id: id.clone(),
        rule_id: "S".to_owned(),
        severity: "CRITICAL".to_owned(),
        order_no: order_no.map(|order_no| order_no.as_str().to_owned()),
        observed: instance.phase().as_str().to_owned(),
        expected: "a saga that ends by itself".to_owned(),
        detected_at: now.to_string(),
        source: "order".to_owned(),
        facts: json!({
            "sagaId": instance.id, "machine": instance.machine, "state": instance.current_state(),
            "recoveries": instance.recoveries, "error": instance.error,
        }),
    };
    let data = serde_json::to_value(&alert).map_err(|error| StoreError::Encode {
        reason: error.to_string(),
    })?;
    let event = Event {
        id,
        topic: topic::ALERTS,
        kind: AlertRaised::TYPE,
        data,
    };
    outbox::append(
        tx,
        order_no.map_or(&instance.id, |order_no| order_no.as_str()),
        &[event],
        ctx,
        now,
    )
    .await
}
