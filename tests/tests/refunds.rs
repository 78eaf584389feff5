//! An administrator gives a paid order's money back; of an order that is not paid, nothing is promised.

use anyhow::{Context, Result};
use scenarios::{Answer, Buyer, Shop, ShopOptions, shelf};
use serde_json::{Value, json};

async fn give_back(admin: &Buyer<'_>, order: &Value) -> Result<Answer> {
    let order_no = order["orderNo"].as_str().context("no orderNo")?;
    let wish = json!({"reason": "returned", "restock": true});
    admin
        .post(&format!("/api/admin/payments/{order_no}/refund"), &wish)
        .await
}

#[tokio::test]
async fn a_refund_is_done_when_it_is_answered_or_it_is_refused() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "returns@example.com").await?;
    let admin = Buyer::admin(&shop, "admin@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    shop.faults(json!({"webhook": {"drop": 1}})).await?;
    let order = buyer.buy(&[(product.id, 1)], "returned").await?;

    let early = give_back(&admin, &order).await?;
    assert_eq!(
        (early.status, early.code()),
        (409, "ORDER_NOT_REFUNDABLE"),
        "{early:?}"
    );
    assert_eq!(buyer.order_state(&order).await?["status"], "WAITING_PAYMENT");

    // Paid, though the shop has not heard of it: it asks PayPay, and gives back at once what it finds.
    shop.approve(order["payment"]["url"].as_str().context("payment.url")?)
        .await?;
    for _ in 0..2 {
        let done = give_back(&admin, &order).await?;
        assert_eq!(
            (done.status, &done.json["status"]),
            (200, &json!("REFUNDED")),
            "{done:?}"
        );
    }
    assert_eq!(buyer.stock(product.id).await?, product.stock);
    let payment = shop
        .paypay_payment(&format!("{}-1", order["orderNo"].as_str().unwrap_or_default()))
        .await?;
    assert_eq!(payment["status"], "REFUNDED");
    assert_eq!(payment["refunds"].as_array().map(Vec::len), Some(1), "{payment}");
    shop.check_at_rest().await
}
