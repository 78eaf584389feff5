//! What cannot be read, and alerts that others raise.

use crate::{
    seen::read,
    shop::{an_hour_ago, each_rule},
    stage::{Stage, eventually},
    support::{START, bought, order_no, raised},
};
use domain::topic;
use kessai_alerts::Record;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_goes_to_the_dead_letters_with_its_reason_and_stops_nothing() {
    let stage = Stage::new(1).await;
    let good = bought(&order_no(900), START);
    let mut broken = good[0].clone();
    broken.data = b"{".to_vec();
    let mut nameless = good[1].clone();
    nameless.id = None;
    nameless.kind = String::new();
    let mut elsewhere = good[2].clone();
    elsewhere.key = order_no(901).to_string();
    let mut huge = good[3].clone();
    huge.data = vec![b'x'; 900_000];
    stage.tell(&[broken.clone(), nameless, elsewhere, huge]).await;
    stage.tell(&an_hour_ago(0)).await;
    let worker = stage.worker().await;
    stage.until_raised(&each_rule(&[0])).await;
    worker.end().await;

    let mut letters = read(&stage.settings, topic::DEAD_LETTERS).await;
    letters.sort_by_key(|letter| (letter.data["topic"].to_string(), letter.data["offset"].as_i64()));
    let reasons: Vec<&str> = letters
        .iter()
        .map(|letter| letter.data["reason"].as_str().unwrap())
        .collect();
    assert_eq!(letters.len(), 4, "{reasons:?}");
    for (reason, beginning) in reasons.iter().zip([
        "not a OrderStatusChanged: ",
        "it has no type",
        "not a OrderStatusChanged: ",
        "stored under the key `",
    ]) {
        assert!(reason.starts_with(beginning), "{reason}");
    }
    let letter = &letters[0];
    assert_eq!(letter.key, broken.key);
    assert_eq!(letter.headers["ce_type"], "EventRejected");
    let name = stage.settings.topic(topic::ORDERS);
    assert_eq!(letter.headers["ce_id"], format!("{name}/0/0"));
    assert_eq!(
        (
            &letter.data["topic"],
            &letter.data["partition"],
            &letter.data["offset"],
            &letter.data["data"]
        ),
        (&json!(name), &json!(0), &json!(0), &json!("{"))
    );
    assert_eq!(letter.data["eventId"], json!(broken.id));
    assert!(
        letters[2].data["data"].as_str().unwrap().len() < 20_000,
        "not cut"
    );
    let mut tables = stage.files().open("worker").await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM alert_dead_letters")
        .fetch_one(&mut tables)
        .await
        .unwrap();
    assert_eq!(kept, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_components_raise_comes_from_the_topic_into_the_table() {
    let stage = Stage::new(2).await;
    let order_no = order_no(1);
    let alert = |id: &str, data: Vec<u8>| Record {
        topic: topic::ALERTS.to_owned(),
        offset: 0,
        id: Some(id.to_owned()),
        kind: "AlertRaised".to_owned(),
        key: order_no.to_string(),
        data,
    };
    let data = json!({"alertId": "M:1", "ruleId": "M", "severity": "CRITICAL", "orderNo": order_no, "observed": "a payment of ¥1",
                      "expected": "a payment of ¥2", "detectedAt": "2026-11-22T01:00:00.000Z", "source": "order", "facts": {"a": 1}});
    let (broken, whole) = (
        alert("x", b"[]".to_vec()),
        alert("M:1", data.to_string().into_bytes()),
    );
    stage.tell(&[broken, whole.clone(), whole]).await;
    let worker = stage.worker().await;
    stage
        .until_raised(&[("M".to_owned(), order_no.to_string())])
        .await;
    let store = stage.store().await;
    let known = store.show("M:1").await.unwrap().unwrap();
    assert_eq!(
        (known.facts, known.summary.detected_at.millis()),
        (json!({"a": 1}), START)
    );
    eventually("the broken one with the dead letters", async || {
        !read(&stage.settings, topic::DEAD_LETTERS).await.is_empty()
    })
    .await;
    worker.end().await;
    let letters = read(&stage.settings, topic::DEAD_LETTERS).await;
    assert!(
        letters[0].data["reason"]
            .as_str()
            .unwrap()
            .starts_with("not an AlertRaised: ")
    );
    assert_eq!(raised(&store).await.len(), 1);
}
