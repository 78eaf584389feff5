//! PayPay's webhooks: lost, repeated, reordered, forged.

mod flood;
mod mismatch;
mod sources;

use anyhow::{Context, Result};
use reqwest::Method;
use scenarios::{Answer, Buyer, Shop, ShopOptions, shelf};
use serde_json::{Value, json};

async fn waiting_order(buyer: &Buyer<'_>, key: &str) -> Result<Value> {
    let product = shelf::plenty(buyer, 1).await?[0];
    buyer.buy(&[(product.id, 1)], key).await
}

fn url(order: &Value) -> Result<&str> {
    order["payment"]["url"].as_str().context("no payment url")
}

#[tokio::test]
async fn an_order_is_paid_although_every_webhook_is_lost() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    shop.faults(json!({"webhook": {"drop": 1}})).await?;
    let buyer = Buyer::login(&shop, "lost@example.com").await?;
    let order = waiting_order(&buyer, "l-1").await?;
    shop.approve(url(&order)?).await?;
    let approved = std::time::Instant::now();
    buyer.until(&order, "PAID").await?;
    println!("PAID by polling after {:.1} s", approved.elapsed().as_secs_f32());
    shop.check_at_rest().await
}

#[tokio::test]
async fn webhooks_sent_three_times_and_out_of_order_pay_once() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    shop.faults(json!({"webhook": {"duplicate": 1, "reorder": 1}}))
        .await?;
    let buyer = Buyer::login(&shop, "thrice@example.com").await?;
    let mut orders = Vec::new();
    for number in 0..4 {
        orders.push(waiting_order(&buyer, &format!("t-{number}")).await?);
    }
    for order in &orders {
        shop.approve(url(order)?).await?;
    }
    for order in &orders {
        let paid = buyer.until(order, "PAID").await?;
        let times = paid["timeline"]
            .as_array()
            .context("timeline")?
            .iter()
            .filter(|entry| entry["event"] == "PAID")
            .count();
        assert_eq!(times, 1);
    }
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_webhook_with_another_amount_pays_nothing_and_the_details_decide() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    shop.faults(json!({"webhook": {"wrongAmount": 1}})).await?;
    let buyer = Buyer::login(&shop, "amount@example.com").await?;
    let order = waiting_order(&buyer, "a-1").await?;
    shop.approve(url(&order)?).await?;
    // The webhooks are refused; the truth comes by polling.
    buyer.until(&order, "PAID").await?;
    shop.check_at_rest().await
}

fn webhook(order: &Value, change: Value) -> Value {
    let mut body = json!({
        "notification_type": "Transaction", "merchant_id": "kessai-sandbox-merchant", "store_id": null, "pos_id": null,
        "order_id": "04000000000000000001", "merchant_order_id": format!("{}-1", order["orderNo"].as_str().unwrap_or_default()),
        "authorized_at": null, "expires_at": null, "paid_at": "2026-11-22T10:00:00+09:00",
        "order_amount": order["amount"].to_string(), "state": "COMPLETED",
    });
    if let (Some(body), Value::Object(change)) = (body.as_object_mut(), change) {
        body.extend(change);
    }
    body
}

async fn post(shop: &Shop, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
    let body = Some(body.to_string().into_bytes());
    Buyer::stranger(shop)
        .send(Method::POST, path, headers, body)
        .await
}

#[tokio::test]
async fn forged_webhooks_get_their_answer_and_change_nothing() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "forged@example.com").await?;
    let order = waiting_order(&buyer, "f-1").await?;
    let before = buyer.order_state(&order).await?;
    let large = format!("{{\"state\":\"{}\"}}", "x".repeat(1024 * 1024));
    let json_type = "application/json";
    let table = [
        (
            webhook(&order, json!({"merchant_order_id": "K20261122-0000000000-1"})).to_string(),
            json_type,
            404,
            "ORDER_NOT_FOUND",
        ),
        (
            webhook(&order, json!({"merchant_id": "somebody"})).to_string(),
            json_type,
            422,
            "MERCHANT_MISMATCH",
        ),
        (
            webhook(&order, json!({"order_amount": "1"})).to_string(),
            json_type,
            422,
            "AMOUNT_MISMATCH",
        ),
        (
            webhook(&order, json!({"state": "SPLENDID"})).to_string(),
            json_type,
            422,
            "UNKNOWN_STATE",
        ),
        (large, json_type, 413, "BODY_TOO_LARGE"),
        ("not json".to_owned(), json_type, 400, "MALFORMED_JSON"),
        ("{}".to_owned(), json_type, 400, "VALIDATION_FAILED"),
        (
            webhook(&order, json!({})).to_string(),
            "text/plain",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ];
    let paypay = Buyer::stranger(&shop);
    for (body, content_type, status, code) in table {
        let start: String = body.chars().take(80).collect();
        let headers = [("content-type", content_type)];
        let answer = paypay
            .send(Method::POST, "/paypay/webhook", &headers, Some(body.into_bytes()))
            .await?;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{start}: {}",
            answer.json
        );
        assert_eq!(answer.content_type, "application/problem+json");
    }
    // Well formed and a lie: it is kept, PayPay is asked, and nothing happens.
    let headers = [("content-type", json_type)];
    let answer = post(&shop, "/paypay/webhook", &headers, &webhook(&order, json!({}))).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let after = buyer.order_state(&order).await?;
    assert_eq!(
        (&after["status"], &after["version"]),
        (&before["status"], &before["version"])
    );
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_failure_that_comes_after_the_payment_is_kept_and_not_applied() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "final@example.com").await?;
    let order = waiting_order(&buyer, "n-1").await?;
    shop.approve(url(&order)?).await?;
    let paid = buyer.until(&order, "PAID").await?;
    for state in ["FAILED", "CANCELED", "COMPLETED"] {
        let headers = [("content-type", "application/json")];
        let body = webhook(&order, json!({"state": state}));
        let answer = post(&shop, "/paypay/webhook", &headers, &body).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let after = buyer.order_state(&order).await?;
    assert_eq!(
        (&after["status"], &after["version"]),
        (&json!("PAID"), &paid["version"])
    );
    shop.check_at_rest().await
}
