//! From events to alerts.

use crate::{
    on_each_database,
    seen::read,
    shop::{HOUR, alert, an_hour_ago, each_rule, not_updated, right},
    stage::{Stage, quick},
    support::{bought, order_no, raised, shop::Shop},
};
use domain::{Instant, topic};
use kessai_alerts::{Action, AlertStatus};
use std::{collections::BTreeSet, time::Duration};

on_each_database! {
async fn each_fault_is_raised_once_in_topic_and_table_and_a_replay_raises_nothing_more(shop: Shop) {
    let stage = Stage::on(shop, 3).await;
    stage.tell(&an_hour_ago(0)).await;
    let first = stage.worker().await;
    stage.until_raised(&each_rule(&[0])).await;
    assert_eq!(first.status.trouble(), None);
    first.end().await;
    stage.assert_once_everywhere(&each_rule(&[0])).await;

    let published = read(&stage.settings, topic::ALERTS).await;
    let names: BTreeSet<&str> = [
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_specversion",
        "ce_time",
        "content-type",
    ]
    .into();
    for message in &published {
        let header = |name: &str| message.headers[name].as_str();
        assert_eq!(
            message
                .headers
                .keys()
                .map(String::as_str)
                .collect::<BTreeSet<_>>(),
            names
        );
        assert_eq!(message.key, message.data["orderNo"].as_str().unwrap());
        assert_eq!(header("ce_id"), message.data["alertId"].as_str().unwrap());
        assert_eq!(
            (header("ce_type"), header("ce_source"), header("ce_specversion")),
            ("AlertRaised", "/kessai/alerts", "1.0")
        );
    }

    // Everything again, by a worker that has forgotten all of it but what it raised and what people did.
    let store = stage.store().await;
    let id = published[0].headers["ce_id"].clone();
    store
        .act(&id, Action::Resolve, "ana", None, Instant::now())
        .await
        .unwrap();
    for forget in ["DELETE FROM alert_offsets", "DELETE FROM alert_state"] {
        stage.shop.tamper(forget).await;
    }
    let second = stage.worker().await;
    stage.tell(&an_hour_ago(100)).await;
    stage.until_raised(&each_rule(&[0, 100])).await;
    second.end().await;
    stage.assert_once_everywhere(&each_rule(&[0, 100])).await;
    assert_eq!(
        store.show(&id).await.unwrap().unwrap().summary.status,
        AlertStatus::Resolved
    );
}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_fires_without_events_and_not_before_its_time() {
    let stage = Stage::new(2).await;
    let mut config = quick();
    config.rules.update_grace = Duration::from_secs(3);
    let worker = stage.worker_with(config).await;
    let paid_at = Instant::now().millis();
    stage.tell(&not_updated(1, paid_at - 9_000)).await;
    stage.tell(&right(2..3, paid_at - 9_000)).await;
    stage.until_raised(&[alert("A", 1)]).await;
    let store = stage.store().await;
    let filter = kessai_alerts::Filter {
        size: 9,
        ..Default::default()
    };
    let detected_at = store.list(&filter).await.unwrap().items[0].detected_at;
    assert!(
        detected_at.millis() >= paid_at + 3_000,
        "too early: {detected_at}"
    );
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_clock_may_not_speak_the_events_time_does_and_waits_for_late_ones() {
    let stage = Stage::new(1).await;
    let mut config = quick();
    // Kafka is never known to be read to its end.
    config.settling = Duration::from_secs(86_400);
    let worker = stage.worker_with(config).await;
    let start = Instant::now().millis() - HOUR;

    // Two minutes of grace and a minute and a half of disorder after its payment: it counts with the events of 220 s later.
    stage.tell(&not_updated(1, start)).await;
    let late = bought(&order_no(2), start + 60_000);
    // Its payment first, then everything else backwards, and much newer orders before it is said to be paid.
    stage
        .tell(&[late[2].clone(), late[1].clone(), late[0].clone()])
        .await;
    stage.tell(&right(10..20, start + 180_000)).await;
    stage.tell(&[late[3].clone()]).await;
    stage.tell(&right(20..21, start + 212_000)).await;
    stage.tell(&right(21..22, start + 195_000)).await;
    stage.until_raised(&[alert("A", 1)]).await;

    // Later than the disorder: nobody could know that it comes.
    let too_late = bought(&order_no(3), start + 213_000);
    stage.tell(&too_late[..3]).await;
    stage.tell(&right(30..31, start + 600_000)).await;
    stage.until_raised(&[alert("A", 1), alert("A", 3)]).await;
    stage.tell(&too_late[3..]).await;
    stage.tell(&right(40..41, start + 900_000)).await;
    worker.end().await;
    assert_eq!(raised(&stage.store().await).await, [alert("A", 1), alert("A", 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_were_made_anew_are_read_from_their_start() {
    let stage = Stage::new(2).await;
    let mut tables = stage.files().open("worker").await;
    for (stream, part) in [(topic::ORDERS, 0), (topic::PAYMENTS, 1)] {
        let sql = "INSERT INTO alert_offsets (topic, part, next_offset, epoch, updated_at) VALUES (?, ?, 9000, 3, 0)";
        sqlx::query(sql)
            .bind(stream)
            .bind(part)
            .execute(&mut tables)
            .await
            .unwrap();
    }
    stage.tell(&an_hour_ago(0)).await;
    let worker = stage.worker().await;
    stage.until_raised(&each_rule(&[0])).await;
    worker.end().await;
}
