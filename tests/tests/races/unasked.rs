//! Payments that are not what was asked for.

use crate::gate::{Call, Fate};
use crate::stage::{AUTHORIZATION_SECONDS, Purchase, Stage, times};
use anyhow::Result;
use scenarios::{Buyer, eventually};
use serde_json::json;

#[tokio::test]
async fn a_payment_of_another_amount_is_told_and_given_back_and_never_pays() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "short@example.com").await?;
    // PayPay takes one yen less than it was asked for.
    let asking = stage.gate.rule(
        Call::CreateCode,
        Fate::Rewritten(|body| {
            let amount = body["amount"]["amount"].as_i64().unwrap_or_default();
            body["amount"]["amount"] = json!(amount - 1);
        }),
    );
    let purchase = Purchase::of(&buyer).await?;
    asking.lift();
    stage.approve(&purchase.payment).await?;
    let told = async || buyer.order_state(&purchase.order).await;
    eventually("the mismatch to be told", told, |order| {
        times(order, "PAYMENT_MISMATCH") > 0
    })
    .await?;
    // However often it is looked at again.
    let seen = stage.gate.served(Call::Details);
    eventually(
        "PayPay to be read again",
        async || Ok(stage.gate.served(Call::Details)),
        |now| *now > seen + 1,
    )
    .await?;
    let waiting = buyer.order_state(&purchase.order).await?;
    assert_eq!(
        (waiting["status"].as_str(), times(&waiting, "PAYMENT_MISMATCH")),
        (Some("WAITING_PAYMENT"), 1),
        "{waiting}"
    );
    let about = json!({"ruleId": "M", "orderNo": purchase.order["orderNo"]});
    assert_eq!(stage.count(&purchase.order, "AlertRaised", about).await?, 1);
    // What the order must end with, sooner or later: everything back, at the amount that was taken.
    let canceled = buyer.cancel(&purchase.order).await?;
    assert_eq!(
        (canceled.status, &canceled.json["status"]),
        (200, &json!("FAILED")),
        "{canceled:?}"
    );
    assert_eq!(
        stage
            .count(&purchase.order, "OrderStatusChanged", json!({"status": "PAID"}))
            .await?,
        0
    );
    purchase.is_given_back_once(&stage, &buyer).await
}

#[tokio::test]
async fn an_event_of_another_merchant_pays_nothing() -> Result<()> {
    let stage = Stage::open(None).await?;
    stage.lose_webhooks().await?;
    let buyer = Buyer::login(&stage.shop, "merchant@example.com").await?;
    let purchase = Purchase::of(&buyer).await?;
    // Nothing is read of PayPay meanwhile, so that whatever happens to the order comes of the webhook.
    let mut reading = stage.gate.rule(Call::Details, Fate::HeldBefore);
    let before = buyer.order_state(&purchase.order).await?;
    let payment = stage.approve(&purchase.payment).await?;
    let change = json!({"merchant_id": "somebody-else", "order_id": payment["paymentId"]});
    let refused = stage.webhook(&purchase.order, change).await?;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "MERCHANT_MISMATCH"),
        "{refused:?}"
    );
    let after = buyer.order_state(&purchase.order).await?;
    assert_eq!(
        (&after["status"], &after["version"]),
        (&json!("WAITING_PAYMENT"), &before["version"])
    );
    // The payment is real all the same, and polling finds it.
    reading.met().await?;
    reading.lift();
    buyer.until(&purchase.order, "PAID").await?;
    stage.shop.check_at_rest().await
}

#[tokio::test]
async fn an_authorization_that_expires_fails_the_order() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "authorized@example.com").await?;
    let asking = stage.gate.rule(
        Call::CreateCode,
        Fate::Rewritten(|body| body["isAuthorization"] = json!(true)),
    );
    let purchase = Purchase::of(&buyer).await?;
    asking.lift();
    let approved = stage.approve(&purchase.payment).await?;
    assert_eq!(approved["status"], "AUTHORIZED");
    // An authorization pays nothing yet.
    let state = async || buyer.order_state(&purchase.order).await;
    let authorized = eventually("the authorization to be seen", state, |order| {
        order["paymentStatus"] == "AUTHORIZED"
    })
    .await?;
    assert_eq!(authorized["status"], "WAITING_PAYMENT");
    stage.let_pass(AUTHORIZATION_SECONDS + 1);
    let failed = buyer.until(&purchase.order, "FAILED").await?;
    assert_eq!(
        (failed["failCode"].as_str(), failed["paymentStatus"].as_str()),
        (Some("PAYMENT_DECLINED"), Some("EXPIRED"))
    );
    assert_eq!(
        (times(&failed, "PAID"), times(&failed, "FAILED")),
        (0, 1),
        "{failed}"
    );
    purchase.is_undone(&buyer).await?;
    stage.shop.check_at_rest().await
}
