//! Sagas: found, shown, steered.

use super::{SAGAS, ids, open_shop, refused, register, stops, waits};
use anyhow::{Context, Result};
use reqwest::Method;
use scenarios::{Buyer, eventually, shelf};
use serde_json::{Value, json};

#[tokio::test]
async fn an_orders_saga_is_found_filtered_shown_and_not_steered_against_its_state() -> Result<()> {
    let shop = open_shop().await?;
    let buyer = Buyer::login(&shop, "buyer@example.com").await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 1)], "o-1").await?;
    let other = buyer.buy(&[(product.id, 1)], "o-2").await?;
    let order_no = order["orderNo"].as_str().context("orderNo")?;

    let page = admin.get(&format!("{SAGAS}?orderNo={order_no}")).await?;
    assert_eq!(ids(&page), [order_no]);
    let summary = &page.json["items"][0];
    assert_eq!(
        (&summary["machine"], &summary["phase"], &summary["orderNo"]),
        (&json!("order_create"), &json!("WAITING"), &json!(order_no))
    );
    assert_eq!(page.json["counts"]["WAITING"], 2);
    for (query, count) in [
        ("phase=WAITING&machine=order_create", 2),
        ("phase=PARKED", 0),
        ("machine=sums", 0),
        ("olderThan=3600", 0),
        ("olderThan=0", 2),
    ] {
        let page = admin.get(&format!("{SAGAS}?{query}")).await?;
        assert_eq!(ids(&page).len(), count, "{query}: {}", page.json);
    }
    // Page by page, nothing twice.
    let first = admin.get(&format!("{SAGAS}?size=1")).await?;
    let cursor = first.json["nextCursor"].as_str().context("nextCursor")?;
    let second = admin.get(&format!("{SAGAS}?size=1&cursor={cursor}")).await?;
    let mut both = [ids(&first), ids(&second)].concat();
    both.sort_unstable();
    let mut expected = [order_no, other["orderNo"].as_str().context("orderNo")?];
    expected.sort_unstable();
    assert_eq!(both, expected);

    let path = format!("{SAGAS}/{order_no}");
    let saga = admin.get(&path).await?.json;
    assert_eq!(saga["definition"]["Name"], "order_create");
    assert!(
        saga["states"].as_array().is_some_and(|states| !states.is_empty()),
        "{saga}"
    );
    refused(
        &admin
            .post(&format!("{path}/skip"), &json!({"reason": "impatient"}))
            .await?,
        409,
        "SAGA_CONFLICT",
    );
    let audit = admin.get(&path).await?.json["audit"].clone();
    assert_eq!(audit[0]["action"], "skip");
    assert_eq!(audit[0]["reason"], "impatient");
    assert_ne!(audit[0]["outcome"], "done");

    let payment = buyer.get(&format!("/api/orders/{order_no}/payment")).await?;
    assert_eq!(payment.status, 200, "{payment:?}");
    for field in ["url", "deeplink", "expiresAt"] {
        assert_eq!(payment.json[field], order["payment"][field]);
    }
    refused(
        &admin.get(&format!("/api/orders/{order_no}/payment")).await?,
        404,
        "ORDER_NOT_FOUND",
    );
    shop.approve(payment.json["url"].as_str().context("url")?).await?;
    buyer.until(&order, "PAID").await?;
    refused(
        &buyer.get(&format!("/api/orders/{order_no}/payment")).await?,
        409,
        "ORDER_FINAL",
    );
    eventually(
        "the saga's end",
        async || Ok(admin.get(&path).await?.json),
        |saga| saga["phase"] == "SUCCEEDED" && saga["actions"] == json!([]),
    )
    .await?;
    refused(
        &admin.post(&format!("{path}/compensate"), &json!({})).await?,
        409,
        "SAGA_CONFLICT",
    );
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_saga_that_stopped_is_steered_and_every_attempt_is_kept() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    register(&admin, &stops()).await?;
    let wish = json!({"machine": "stops", "params": {"question": "why", "password": "s3cret"}});
    let saga = admin.post(SAGAS, &wish).await?.json;
    assert_eq!(saga["phase"], "RECOVERING", "{saga}");
    assert!(
        saga["nextAt"].is_string() && saga["error"]["state"] == "Ask",
        "{saga}"
    );
    let input = &saga["states"][0]["input"][0];
    assert_eq!(
        (
            &input["question"],
            &input["apiToken"],
            &saga["context"]["password"]
        ),
        (&json!("why"), &json!("•••"), &json!("•••")),
        "{saga}"
    );
    let path = format!("{SAGAS}/{}", saga["id"].as_str().context("id")?);

    let still = admin
        .post(&format!("{path}/retry"), &json!({"reason": "perhaps now"}))
        .await?;
    assert_eq!(
        (still.status, &still.json["phase"]),
        (200, &json!("RECOVERING")),
        "{still:?}"
    );
    // No body is a body without a reason.
    let skipped = admin
        .send(Method::POST, &format!("{path}/skip"), &[], None)
        .await?;
    assert_eq!(
        (skipped.status, &skipped.json["phase"]),
        (200, &json!("SUCCEEDED")),
        "{skipped:?}"
    );
    refused(
        &admin.post(&format!("{path}/forward"), &json!({})).await?,
        409,
        "SAGA_CONFLICT",
    );

    let audit = admin.get(&path).await?.json["audit"].clone();
    let told: Vec<(&str, bool)> = audit
        .as_array()
        .context("audit")?
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().unwrap_or_default(),
                entry["outcome"] == "done",
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("start", true),
            ("retry", true),
            ("skip", true),
            ("forward", false)
        ]
    );
    assert_eq!(audit[1]["reason"], "perhaps now");
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_saga_that_waits_is_woken_by_its_event_only_once() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    register(&admin, &waits()).await?;
    let saga = admin.post(SAGAS, &json!({"machine": "waits"})).await?.json;
    assert_eq!(
        (&saga["phase"], &saga["waitingFor"]),
        (&json!("WAITING"), &json!(["ARRIVED"])),
        "{saga}"
    );
    let id = saga["id"].as_str().context("id")?;
    let events = format!("{SAGAS}/{id}/events");

    refused(
        &admin.post(&events, &json!({"event": "LEFT"})).await?,
        409,
        "SAGA_CONFLICT",
    );
    refused(
        &admin.post(&events, &json!({"payload": 1})).await?,
        400,
        "VALIDATION_FAILED",
    );
    let arrived = json!({"event": "ARRIVED", "payload": {"pieces": 3}});
    let woken = admin.post(&events, &arrived).await?;
    assert_eq!(
        (
            woken.status,
            &woken.json["phase"],
            &woken.json["context"]["pieces"]
        ),
        (200, &json!("SUCCEEDED"), &json!(3)),
        "{woken:?}"
    );
    refused(&admin.post(&events, &arrived).await?, 409, "SAGA_CONFLICT");
    let nobody = format!("{SAGAS}/S0/events");
    refused(&admin.post(&nobody, &arrived).await?, 404, "SAGA_NOT_FOUND");
    let audit = admin.get(&format!("{SAGAS}/{id}")).await?.json["audit"].clone();
    let told: Vec<(&Value, bool)> = audit
        .as_array()
        .context("audit")?
        .iter()
        .map(|entry| (&entry["action"], entry["outcome"] == "done"))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("start"), true),
            (&json!("signal LEFT"), false),
            (&json!("signal ARRIVED"), true),
            (&json!("signal ARRIVED"), false)
        ]
    );

    let other = admin.post(SAGAS, &json!({"machine": "waits"})).await?.json;
    let id = other["id"].as_str().context("id")?;
    let output = shop.kessai(&["saga", "signal", id, "ARRIVED", "--payload", r#"{"pieces": 1}"#])?;
    let told = String::from_utf8(output.stdout)?;
    assert!(output.status.success() && told.contains("SUCCEEDED"), "{told}");
    shop.check_at_rest().await
}
