//! The processor over a real outbox.

#![allow(clippy::unwrap_used)]

mod support;

use domain::{Instant, OrderStatus as O, PaymentStatus as P, topic};
use kessai_alerts::{
    ActError, Action, AlertStatus, Filter, InProcess, InProcessConfig, Record, Store, rules,
};
use serde_json::json;
use sqlx::SqliteConnection;
use std::time::Duration;
use support::{Files, START, bought, order, order_no, payment, raised};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

async fn commit(orders: &mut SqliteConnection, record: &Record) {
    let sql =
        "INSERT OR IGNORE INTO outbox (id, topic, key, type, data, created_at) VALUES (?, ?, ?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(&record.id)
        .bind(&record.topic)
        .bind(&record.key)
        .bind(&record.kind)
        .bind(String::from_utf8_lossy(&record.data).into_owned())
        .bind(Instant::now().millis())
        .execute(orders)
        .await
        .unwrap();
}

fn config() -> InProcessConfig {
    InProcessConfig {
        batch: 7,
        gather: Duration::ZERO,
        interval: Duration::from_millis(20),
        ..InProcessConfig::new(rules::Config::default())
    }
}

async fn processor(files: &Files) -> InProcess {
    InProcess::open(&files.path("orders"), files.store().await, config())
        .await
        .unwrap()
}

/// Orders of an hour ago, one with each fault, the others right.
async fn an_hour_ago(orders: &mut SqliteConnection) -> i64 {
    let at = Instant::now().millis() - 3_600_000;
    let mut records = Vec::new();
    for number in 10..20 {
        records.extend(bought(&order_no(number), at));
    }
    records.extend(bought(&order_no(1), at).into_iter().take(3));
    records.extend(
        bought(&order_no(2), at)
            .into_iter()
            .filter(|record| record.topic == topic::ORDERS),
    );
    let (late, twice) = (order_no(3), order_no(4));
    records.extend(bought(&late, at).into_iter().take(2));
    records.push(order(&late, at + 300_000, 3, O::Failed, P::Expired));
    records.push(payment(&late, at + 310_000, 1, P::Completed));
    records.extend(bought(&twice, at));
    records.push(payment(&twice, at + 20_000, 2, P::Completed));
    for record in &records {
        commit(orders, record).await;
    }
    at
}

fn each_rule() -> Vec<(String, String)> {
    let of = |rule: &str, number| (rule.to_owned(), order_no(number).to_string());
    vec![of("A", 1), of("B", 2), of("C", 3), of("D", 4)]
}

#[tokio::test]
async fn each_fault_in_the_outbox_becomes_one_alert_and_a_replay_adds_none() {
    let files = Files::new().await;
    let mut orders = files.open("orders").await;
    an_hour_ago(&mut orders).await;
    processor(&files).await.pump().await.unwrap();
    let store = files.store().await;
    assert_eq!(raised(&store).await, each_rule());

    let mut worker = files.open("worker").await;
    for lost in [
        "UPDATE alert_offsets SET next_offset = 0",
        "DELETE FROM alert_state",
        "UPDATE alert_offsets SET next_offset = 0",
    ] {
        sqlx::query(lost).execute(&mut worker).await.unwrap();
        processor(&files).await.pump().await.unwrap();
        assert_eq!(raised(&store).await, each_rule(), "{lost}");
    }
}

#[tokio::test]
async fn a_running_processor_hears_of_commits_and_lets_deadlines_fire_without_events() {
    let files = Files::new().await;
    let mut orders = files.open("orders").await;
    let mut config = config();
    config.rules.update_grace = Duration::from_millis(300);
    let processor = InProcess::open(&files.path("orders"), files.store().await, config)
        .await
        .unwrap();
    let (status, store) = (processor.status(), files.store().await);
    let (ticks, commits) = watch::channel(0);
    let stop = CancellationToken::new();
    let running = tokio::spawn(processor.run(commits, stop.clone()));
    let now = Instant::now().millis();
    for record in bought(&order_no(1), now - 9_000).iter().take(3) {
        commit(&mut orders, record).await;
    }
    ticks.send_modify(|ticks| *ticks += 1);
    let alerted = async {
        while raised(&store).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, alerted).await.unwrap();
    assert_eq!(raised(&store).await, [("A".to_owned(), order_no(1).to_string())]);
    let alert = &store
        .list(&Filter {
            size: 1,
            ..Filter::default()
        })
        .await
        .unwrap()
        .items[0];
    assert!(alert.detected_at.millis() >= now + 300, "not before its deadline");
    assert_eq!(status.trouble(), None);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_with_its_reason_and_stops_nothing() {
    let files = Files::new().await;
    let mut orders = files.open("orders").await;
    let mut broken = bought(&order_no(1), START).remove(0);
    broken.data = b"{\"orderNo\":".to_vec();
    commit(&mut orders, &broken).await;
    an_hour_ago(&mut orders).await;
    processor(&files).await.pump().await.unwrap();
    assert_eq!(raised(&files.store().await).await, each_rule());
    let mut worker = files.open("worker").await;
    let dead: Vec<(String, String, String)> =
        sqlx::query_as("SELECT topic, event_id, reason FROM alert_dead_letters")
            .fetch_all(&mut worker)
            .await
            .unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].0.as_str(), dead[0].1.as_str()),
        (topic::ORDERS, broken.id.as_deref().unwrap())
    );
    assert!(
        dead[0].2.starts_with("not a OrderStatusChanged: "),
        "{}",
        dead[0].2
    );
}

#[tokio::test]
async fn what_components_raise_themselves_comes_into_the_same_table() {
    let files = Files::new().await;
    let mut orders = files.open("orders").await;
    let order_no = order_no(1);
    let mut alert = bought(&order_no, START).remove(0);
    let data = json!({"alertId": format!("M:{order_no}:x"), "ruleId": "M", "severity": "CRITICAL", "orderNo": order_no, "observed": "a payment of ¥1",
                      "expected": "a payment of ¥2", "detectedAt": "2026-11-22T01:00:00.000Z", "source": "order", "facts": {"a": 1}});
    alert.topic = topic::ALERTS.to_owned();
    alert.kind = "AlertRaised".to_owned();
    alert.data = data.to_string().into_bytes();
    commit(&mut orders, &alert).await;
    processor(&files).await.pump().await.unwrap();
    let store = files.store().await;
    let known = store.show(&format!("M:{order_no}:x")).await.unwrap().unwrap();
    assert_eq!(known.facts, json!({"a": 1}));
    assert_eq!(known.summary.detected_at.millis(), START);
    assert_eq!(known.summary.status, AlertStatus::New);
}

#[tokio::test]
async fn orders_that_were_made_anew_are_read_from_their_start() {
    let files = Files::new().await;
    let mut worker = files.open("worker").await;
    let sql = "INSERT INTO alert_offsets (topic, part, next_offset, epoch, updated_at) VALUES ('outbox', 0, 900, 3, 0)";
    sqlx::query(sql).execute(&mut worker).await.unwrap();
    let mut orders = files.open("orders").await;
    an_hour_ago(&mut orders).await;
    processor(&files).await.pump().await.unwrap();
    assert_eq!(raised(&files.store().await).await, each_rule());
}

async fn with_alerts(files: &Files) -> Store {
    an_hour_ago(&mut files.open("orders").await).await;
    processor(files).await.pump().await.unwrap();
    files.store().await
}

#[tokio::test]
async fn an_alert_goes_from_new_to_resolved_and_says_who_did_it() {
    let files = Files::new().await;
    let store = with_alerts(&files).await;
    let id = store
        .list(&Filter {
            size: 1,
            ..Filter::default()
        })
        .await
        .unwrap()
        .items[0]
        .alert_id
        .clone();
    let at = Instant::from_millis(START);
    let seen = store
        .act(&id, Action::Acknowledge, "ana", Some("looking"), at)
        .await
        .unwrap();
    assert_eq!(seen.summary.status, AlertStatus::Acknowledged);
    let again = store
        .act(&id, Action::Acknowledge, "ana", None, at)
        .await
        .unwrap();
    assert_eq!(again.audit.len(), 1, "a repeat leaves no trace");
    let done = store.act(&id, Action::Resolve, "ben", None, at).await.unwrap();
    assert_eq!(done.summary.status, AlertStatus::Resolved);
    let audit: Vec<(&str, &str, Option<&str>)> = done
        .audit
        .iter()
        .map(|entry| (entry.actor.as_str(), entry.action.as_str(), entry.note.as_deref()))
        .collect();
    assert_eq!(
        audit,
        [("ana", "ACKNOWLEDGE", Some("looking")), ("ben", "RESOLVE", None)]
    );
    let refused = store.act(&id, Action::Acknowledge, "ana", None, at).await;
    assert!(matches!(refused, Err(ActError::Conflict(AlertStatus::Resolved))));
    assert!(matches!(
        store.act("none", Action::Resolve, "ana", None, at).await,
        Err(ActError::NotFound)
    ));

    // A replay does not open it again.
    sqlx::query("UPDATE alert_offsets SET next_offset = 0")
        .execute(&mut files.open("worker").await)
        .await
        .unwrap();
    processor(&files).await.pump().await.unwrap();
    assert_eq!(
        store.show(&id).await.unwrap().unwrap().summary.status,
        AlertStatus::Resolved
    );
}

#[tokio::test]
async fn a_list_is_filtered_counted_and_paged() {
    let files = Files::new().await;
    let store = with_alerts(&files).await;
    let all = store
        .list(&Filter {
            size: 100,
            ..Filter::default()
        })
        .await
        .unwrap();
    assert_eq!((all.items.len(), all.next_cursor), (4, None));
    let mut filter = Filter {
        size: 1,
        ..Filter::default()
    };
    let mut paged = Vec::new();
    loop {
        let page = store.list(&filter).await.unwrap();
        assert_eq!(page.counts["NEW"], 4);
        paged.extend(page.items);
        let Some(cursor) = page.next_cursor else { break };
        filter.cursor = Filter::read_cursor(&cursor);
        assert!(filter.cursor.is_some());
    }
    assert_eq!(paged, all.items);

    let resolved = paged.iter().find(|alert| alert.rule_id == "C").unwrap();
    store
        .act(&resolved.alert_id, Action::Resolve, "ana", None, Instant::now())
        .await
        .unwrap();
    let of = async |filter: Filter| store.list(&Filter { size: 10, ..filter }).await.unwrap();
    let new = of(Filter {
        status: Some(AlertStatus::New),
        ..Filter::default()
    })
    .await;
    assert_eq!(new.items.len(), 3);
    assert_eq!(
        (
            new.counts["NEW"],
            new.counts["ACKNOWLEDGED"],
            new.counts["RESOLVED"]
        ),
        (3, 0, 1)
    );
    assert_eq!(new.open.keys().collect::<Vec<_>>(), ["A", "B", "D"]);
    assert_eq!(
        of(Filter {
            rule: Some("C".into()),
            ..Filter::default()
        })
        .await
        .items
        .len(),
        1
    );
    assert_eq!(
        of(Filter {
            order_no: Some(order_no(4).to_string()),
            ..Filter::default()
        })
        .await
        .items[0]
            .rule_id,
        "D"
    );
    let now = Some(Instant::now().plus(Duration::from_secs(1)));
    assert_eq!(
        of(Filter {
            to: now,
            ..Filter::default()
        })
        .await
        .items
        .len(),
        4
    );
    assert_eq!(
        of(Filter {
            from: now,
            ..Filter::default()
        })
        .await
        .items
        .len(),
        0
    );
}
