//! The processor over a real outbox.

#![allow(clippy::unwrap_used)]

mod support;

use domain::{AlertRaised, Instant, OrderStatus as O, PaymentStatus as P, topic};
use kessai_alerts::{
    ActError, Action, AlertStatus, Commit, Filter, InProcess, InProcessConfig, Store, StoreError,
    StoredState, rules,
};
use serde_json::json;
use std::time::Duration;
use support::{START, bought, order, order_no, payment, raised, shop::Shop};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);
/// A stored state of which nothing is known.
const EMPTY: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 0];

fn config() -> InProcessConfig {
    InProcessConfig {
        batch: 7,
        gather: Duration::ZERO,
        interval: Duration::from_millis(20),
        ..InProcessConfig::new(rules::Config::default())
    }
}

async fn processor(shop: &Shop) -> InProcess {
    InProcess::open(shop.orders(), shop.store().await, config())
        .await
        .unwrap()
}

/// Orders of an hour ago, one with each fault, the others right.
async fn an_hour_ago(shop: &Shop) -> i64 {
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
    shop.commit(&records).await;
    at
}

fn each_rule() -> Vec<(String, String)> {
    let of = |rule: &str, number| (rule.to_owned(), order_no(number).to_string());
    vec![of("A", 1), of("B", 2), of("C", 3), of("D", 4)]
}

on_each_database! {
async fn each_fault_in_the_outbox_becomes_one_alert_and_a_replay_adds_none(shop: Shop) {
    an_hour_ago(&shop).await;
    processor(&shop).await.pump().await.unwrap();
    let store = shop.store().await;
    assert_eq!(raised(&store).await, each_rule());

    for lost in [
        "UPDATE alert_offsets SET next_offset = 0",
        "DELETE FROM alert_state",
        "UPDATE alert_offsets SET next_offset = 0",
    ] {
        shop.tamper(lost).await;
        processor(&shop).await.pump().await.unwrap();
        assert_eq!(raised(&store).await, each_rule(), "{lost}");
    }
}
}

on_each_database! {
async fn a_running_processor_hears_of_commits_and_lets_deadlines_fire_without_events(shop: Shop) {
    let mut config = config();
    config.rules.update_grace = Duration::from_millis(300);
    let processor = InProcess::open(shop.orders(), shop.store().await, config)
        .await
        .unwrap();
    let (status, store) = (processor.status(), shop.store().await);
    let (ticks, commits) = watch::channel(0);
    let stop = CancellationToken::new();
    let running = tokio::spawn(processor.run(commits, stop.clone()));
    let now = Instant::now().millis();
    shop.commit(&bought(&order_no(1), now - 9_000)[..3]).await;
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
}

on_each_database! {
async fn what_cannot_be_read_is_kept_with_its_reason_and_stops_nothing(shop: Shop) {
    let mut broken = bought(&order_no(1), START).remove(0);
    broken.data = b"{\"orderNo\":".to_vec();
    shop.commit(std::slice::from_ref(&broken)).await;
    an_hour_ago(&shop).await;
    let (mut processor, store) = (processor(&shop).await, shop.store().await);
        // On MySQL the repeat has left a hole among the numbers, and what comes after it waits until nobody can fill it any more.
        let all = async {
            while raised(&store).await != each_rule() {
                processor.pump().await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
    let dead = shop.dead_letters().await;
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
}

on_each_database! {
async fn what_components_raise_themselves_comes_into_the_same_table(shop: Shop) {
    let order_no = order_no(1);
    let mut alert = bought(&order_no, START).remove(0);
    let data = json!({"alertId": format!("M:{order_no}:x"), "ruleId": "M", "severity": "CRITICAL", "orderNo": order_no, "observed": "a payment of ¥1",
                      "expected": "a payment of ¥2", "detectedAt": "2026-11-22T01:00:00.000Z", "source": "order", "facts": {"a": 1}});
    alert.topic = topic::ALERTS.to_owned();
    alert.kind = "AlertRaised".to_owned();
    alert.data = data.to_string().into_bytes();
    shop.commit(&[alert]).await;
    processor(&shop).await.pump().await.unwrap();
    let store = shop.store().await;
    let known = store.show(&format!("M:{order_no}:x")).await.unwrap().unwrap();
    assert_eq!(known.facts, json!({"a": 1}));
    assert_eq!(known.summary.detected_at.millis(), START);
    assert_eq!(known.summary.status, AlertStatus::New);
}
}

on_each_database! {
async fn orders_that_were_made_anew_are_read_from_their_start(shop: Shop) {
    let sql = "INSERT INTO alert_offsets (topic, part, next_offset, epoch, updated_at) VALUES ('outbox', 0, 900, 3, 0)";
    shop.tamper(sql).await;
    an_hour_ago(&shop).await;
    processor(&shop).await.pump().await.unwrap();
    assert_eq!(raised(&shop.store().await).await, each_rule());
}
}

async fn with_alerts(shop: &Shop) -> Store {
    an_hour_ago(shop).await;
    processor(shop).await.pump().await.unwrap();
    shop.store().await
}

on_each_database! {
async fn an_alert_goes_from_new_to_resolved_and_says_who_did_it(shop: Shop) {
    let store = with_alerts(&shop).await;
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
    shop.tamper("UPDATE alert_offsets SET next_offset = 0").await;
    processor(&shop).await.pump().await.unwrap();
    assert_eq!(
        store.show(&id).await.unwrap().unwrap().summary.status,
        AlertStatus::Resolved
    );
}
}

on_each_database! {
async fn a_list_is_filtered_counted_and_paged(shop: Shop) {
    let store = with_alerts(&shop).await;
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
}

on_each_database! {
async fn an_earlier_owner_s_commit_is_refused_and_nothing_of_it_stays(shop: Shop) {
    let store = shop.store().await;
    let now = Instant::from_millis(START);
    let streams = ["b", "a"];
    let old = store.claim(3, &streams, now).await.unwrap();
    let state = |state: &[u8]| StoredState {
        order_no: order_no(1),
        state: state.to_owned(),
        next_deadline: Some(now),
    };
    let batch = |next: i64, stored: &[u8]| [Commit {
        offsets: vec![("a".into(), next), ("b".into(), next)],
        states: vec![state(stored)],
        ..Commit::of(&old)
    }];
    // Also one that changes nothing but proves whose the partition is.
    for _ in 0..2 {
        store.commit(&batch(5, EMPTY), now).await.unwrap();
    }
    let new = store.claim(3, &streams, now).await.unwrap();
    assert_eq!((new.epoch, new.offsets["a"], new.offsets["b"]), (old.epoch + 1, 5, 5));
    let refused = store.commit(&batch(9, b"broken"), now).await;
    assert!(matches!(refused, Err(StoreError::Stale { part: 3 })), "{refused:?}");
    assert_eq!(store.claim(3, &streams, now).await.unwrap().offsets["a"], 5);
    store.states(&[&order_no(1)]).await.unwrap();
    assert_eq!(store.due(3, now, 10).await.unwrap(), [order_no(1)]);
    assert_eq!(store.deadlines().await.unwrap(), 1);
    assert_eq!(store.forget(now.plus(Duration::from_secs(1))).await.unwrap(), 0, "it waits for something");
}
}

on_each_database! {
async fn commits_that_meet_on_the_same_orders_all_come_through(shop: Shop) {
    let store = shop.store().await;
    let now = Instant::from_millis(START);
    let mut at_once = tokio::task::JoinSet::new();
    for part in 0..4_u64 {
        let store = store.clone();
        at_once.spawn(async move {
            let claim = store.claim(part.cast_signed(), &["a"], now).await.unwrap();
            for turn in 0..20_u64 {
                // The same rows, taken by each from another end.
                let mut states: Vec<StoredState> = (0..8)
                    .map(|number| StoredState {
                        order_no: order_no((number + part * 3 + turn) % 8),
                        state: EMPTY.into(),
                        next_deadline: None,
                    })
                    .collect();
                if part % 2 == 1 {
                    states.reverse();
                }
                let offsets = vec![("a".to_owned(), turn.cast_signed() + 1)];
                store.commit(&[Commit { offsets, states, ..Commit::of(&claim) }], now).await.unwrap();
            }
        });
    }
    at_once.join_all().await;
    for part in 0..4 {
        assert_eq!(store.claim(part, &["a"], now).await.unwrap().offsets["a"], 20);
    }
    assert_eq!(store.forget(now.plus(Duration::from_secs(1))).await.unwrap(), 8);
}
}

on_each_database! {
async fn an_alert_on_its_way_to_its_topic_is_kept_until_the_topic_has_it(shop: Shop) {
    let store = shop.store().await;
    let now = Instant::from_millis(START);
    let claim = store.claim(0, &["a"], now).await.unwrap();
    let alert = AlertRaised {
        alert_id: "A:1".into(),
        rule_id: "A".into(),
        severity: "CRITICAL".into(),
        order_no: Some(order_no(1).to_string()),
        observed: "o".into(),
        expected: "e".into(),
        detected_at: now.to_string(),
        source: "s".into(),
        facts: json!({}),
    };
    let commit = [Commit {
        offsets: vec![("a".into(), 1)],
        alerts: vec![alert.clone()],
        outgoing: vec![alert.clone()],
        ..Commit::of(&claim)
    }];
    assert_eq!(store.commit(&commit, now).await.unwrap(), 2);
    assert_eq!(store.commit(&commit, now).await.unwrap(), 0, "known already");
    assert_eq!(store.record(&[alert], now).await.unwrap(), 0);
    assert_eq!(store.unpublished(9).await.unwrap().len(), 1);
    store.mark_published(&["A:1".to_owned()], now).await.unwrap();
    assert_eq!(store.unpublished(9).await.unwrap(), []);
    store.forget(now.plus(Duration::from_secs(1))).await.unwrap();
    assert_eq!(raised(&store).await, [("A".to_owned(), order_no(1).to_string())], "people still see it");
}
}
