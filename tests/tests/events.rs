//! What other systems hear of orders, held to `docs/asyncapi.yaml`. (The scenarios in `races` hold theirs to it too, alerts among them.)

use anyhow::{Context, Result, ensure};
use scenarios::{Buyer, EventContract, Shop, ShopOptions, root, shelf};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn contract() -> Result<EventContract> {
    EventContract::load(&root().join("docs/asyncapi.yaml"))
}

/// Every text that follows `before` in a source file, up to the next quotation mark.
fn quoted_after(file: &str, before: &str) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join(file))?;
    let found = text
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    Ok(found.map(str::to_owned).collect())
}

#[test]
fn the_document_and_the_code_name_the_same_events_topics_and_headers() -> Result<()> {
    let contract = contract()?;
    let listed: BTreeSet<(String, String)> = domain::EVENT_TYPES
        .iter()
        .map(|(kind, topic)| ((*kind).to_owned(), (*topic).to_owned()))
        .collect();
    assert_eq!(contract.types()?, listed);
    let declared = quoted_after("crates/domain/src/event.rs", "TYPE: &'static str = \"")?;
    let kinds: BTreeSet<String> = listed.iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(declared, kinds, "EVENT_TYPES lists every type");
    let topics: BTreeSet<String> = listed.into_iter().map(|(_, topic)| topic).collect();
    assert_eq!(topics, domain::topic::ALL.map(str::to_owned).into());

    let (headers, required) = contract.headers()?;
    let sent = quoted_after("host-worker/relay/src/kafka/message.rs", "(\"")?;
    assert_eq!(sent, headers);
    assert!(required.is_subset(&headers));
    Ok(())
}

#[test]
fn the_contract_refuses_what_it_does_not_describe() -> Result<()> {
    let contract = contract()?;
    let refund = json!({
        "orderNo": "K20261122-7F3K9Q2MXA", "merchantPaymentId": "K20261122-7F3K9Q2MXA-1", "merchantRefundId": "r-1",
        "amount": 1200, "reason": "returned", "at": "2026-11-22T01:00:00.000Z",
    });
    contract.hold("payments.events.v1", "RefundIssued", &refund)?;
    assert!(
        contract
            .hold("orders.events.v1", "RefundIssued", &refund)
            .is_err(),
        "another topic"
    );
    assert!(
        contract
            .hold("payments.events.v1", "RefundTaken", &refund)
            .is_err(),
        "another type"
    );
    for (member, value) in [
        ("amount", json!(-1)),
        ("amount", json!("1200")),
        ("at", json!("2026-11-22")),
        ("orderNo", json!("1")),
        ("unheardOf", json!(true)),
    ] {
        let mut wrong = refund.clone();
        wrong[member] = value;
        assert!(
            contract
                .hold("payments.events.v1", "RefundIssued", &wrong)
                .is_err(),
            "{wrong}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_shop_tells_is_as_the_document_says() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "events@example.com").await?;
    let admin = Buyer::admin(&shop, "admin@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let paid = buyer.buy(&[(product.id, 1)], "events-paid").await?;
    shop.approve(paid["payment"]["url"].as_str().context("payment.url")?)
        .await?;
    buyer.until(&paid, "PAID").await?;
    let order_no = paid["orderNo"].as_str().context("orderNo")?;
    let wish = json!({"reason": "returned", "restock": true});
    let refund = admin
        .post(&format!("/api/admin/payments/{order_no}/refund"), &wish)
        .await?;
    assert_eq!(refund.status, 200, "{refund:?}");
    let declined = buyer.buy(&[(product.id, 1)], "events-declined").await?;
    shop.decline(declined["payment"]["url"].as_str().context("payment.url")?)
        .await?;
    buyer.until(&declined, "FAILED").await?;
    let canceled = buyer.buy(&[(product.id, 1)], "events-canceled").await?;
    buyer.cancel(&canceled).await?;
    buyer.until(&canceled, "FAILED").await?;
    shop.check_at_rest().await?;

    let seen = hold_outbox(&shop).await?;
    for (kind, least) in [
        ("OrderStatusChanged", 9),
        ("PaymentStatusObserved", 2),
        ("RefundIssued", 1),
    ] {
        let count = seen.get(kind).copied().unwrap_or_default();
        assert!(count >= least, "{count} × {kind}: {seen:?}");
    }
    Ok(())
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
);

/// Holds every event in the outbox to the contract, and counts them by type.
async fn hold_outbox(shop: &Shop) -> Result<BTreeMap<String, usize>> {
    let contract = contract()?;
    let sql = "SELECT id, topic, key, type, data, request_id, traceparent FROM orders.outbox ORDER BY seq";
    let rows: Vec<Row> = sqlx::query_as(sql).fetch_all(&mut shop.books().await?).await?;
    let mut seen = BTreeMap::new();
    for (id, topic, key, kind, data, request_id, traceparent) in rows {
        let data: Value = serde_json::from_str(&data)?;
        contract.hold(&topic, &kind, &data)?;
        ensure!(data["orderNo"] == json!(key), "keyed by {key}: {data}");
        contract.hold_headers(&json!({
            "ce_id": id, "ce_type": kind, "ce_source": "/kessai/order", "ce_specversion": "1.0",
            "ce_time": data["at"], "content-type": "application/json",
            "x-request-id": request_id.context("a request's id")?, "traceparent": traceparent.context("a trace")?,
        }))?;
        *seen.entry(kind).or_default() += 1;
    }
    Ok(seen)
}
