//! From whom the shop takes webhooks.

use crate::{post, url, waiting_order, webhook};
use anyhow::Result;
use scenarios::{Answer, Buyer, Shop, ShopOptions};
use serde_json::{Value, json};

/// An address that may be PayPay's, and one that is not.
const LISTED: &str = "198.51.100.7";
const STRANGER: &str = "203.0.113.9";

async fn shop_behind_a_proxy() -> Result<Shop> {
    let variables = [
        ("paypay_webhook_sources", "198.51.100.0/24, 2001:db8::/32"),
        ("trusted_proxies", "1"),
        ("paypay_webhook_secret", "unguessable"),
    ];
    Shop::start(ShopOptions {
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..ShopOptions::default()
    })
    .await
}

async fn from(shop: &Shop, path: &str, forwarded_for: &str, body: &Value) -> Result<Answer> {
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-for", forwarded_for),
    ];
    post(shop, path, &headers, body).await
}

#[tokio::test]
async fn only_listed_sources_are_heard_and_only_at_the_secret_address() -> Result<()> {
    let shop = shop_behind_a_proxy().await?;
    let buyer = Buyer::login(&shop, "listed@example.com").await?;
    let order = waiting_order(&buyer, "s-1").await?;
    let lie = webhook(&order, json!({}));
    let address = "/paypay/webhook/unguessable";
    for (path, forwarded_for, status, code) in [
        // What stands left of our own proxy's word is the sender's own claim.
        (address, STRANGER, 403, "FORBIDDEN"),
        (address, "198.51.100.7, 203.0.113.9", 403, "FORBIDDEN"),
        (address, "unknown", 403, "FORBIDDEN"),
        // Whoever is refused for the source learns nothing about the secret.
        ("/paypay/webhook", STRANGER, 403, "FORBIDDEN"),
        ("/paypay/webhook/guess", STRANGER, 403, "FORBIDDEN"),
        ("/paypay/webhook", LISTED, 404, "NOT_FOUND"),
        ("/paypay/webhook/guess", LISTED, 404, "NOT_FOUND"),
        ("/paypay/webhook/unguessable/", LISTED, 404, "NOT_FOUND"),
    ] {
        let answer = from(&shop, path, forwarded_for, &lie).await?;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{path} {forwarded_for}: {answer:?}"
        );
    }
    let direct = post(&shop, address, &[("content-type", "application/json")], &lie).await?;
    assert_eq!(
        (direct.status, direct.code()),
        (403, "FORBIDDEN"),
        "past the proxy: {direct:?}"
    );

    let heard = from(&shop, address, "203.0.113.9, 198.51.100.7", &lie).await?;
    assert_eq!(heard.status, 200, "{heard:?}");
    let figures = shop
        .http
        .get(format!("{}/metrics", shop.url()))
        .send()
        .await?
        .text()
        .await?;
    for line in [
        "kessai_webhook_total{outcome=\"forbidden\"} 6",
        "kessai_webhook_total{outcome=\"not_found\"} 3",
        "kessai_webhook_total{outcome=\"applied\"} 1",
        "kessai_webhook_duration_seconds_count{outcome=\"applied\"} 1",
    ] {
        assert!(figures.contains(line), "{line}\n{figures}");
    }

    // The sandbox's own webhooks do not come through the proxy: all are refused, and polling finds the payment.
    shop.approve(url(&order)?).await?;
    buyer.until(&order, "PAID").await?;
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_list_that_cannot_be_read_lets_nobody_in() -> Result<()> {
    let shop = Shop::start(ShopOptions {
        variables: [(
            "paypay_webhook_sources".to_owned(),
            "127.0.0.1, paypay".to_owned(),
        )]
        .into(),
        ..ShopOptions::default()
    })
    .await?;
    let buyer = Buyer::login(&shop, "broken@example.com").await?;
    let order = waiting_order(&buyer, "s-2").await?;
    let answer = post(
        &shop,
        "/paypay/webhook",
        &[("content-type", "application/json")],
        &webhook(&order, json!({})),
    )
    .await?;
    assert_eq!((answer.status, answer.code()), (500, "INTERNAL"), "{answer:?}");
    assert!(
        shop.log_tail().contains("paypay_webhook_sources"),
        "the operator is told"
    );
    Ok(())
}
