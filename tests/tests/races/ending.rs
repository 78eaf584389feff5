//! An order that ends while its buyer pays.

use crate::gate::{Call, Fate};
use crate::stage::{Purchase, SHORT, Stage, times};
use anyhow::Result;
use scenarios::{Buyer, eventually};

#[tokio::test]
async fn a_payment_made_while_the_order_expires_is_accepted() -> Result<()> {
    let stage = Stage::open(SHORT).await?;
    let buyer = Buyer::login(&stage.shop, "expiring@example.com").await?;
    let mut disabling = stage.gate.rule(Call::DeleteCode, Fate::HeldBefore);
    let purchase = Purchase::of(&buyer).await?;
    // The deadline has passed and the shop is about to disable the code, when the buyer pays.
    disabling.met().await?;
    stage.approve(&purchase.payment).await?;
    disabling.lift();
    let paid = buyer.until(&purchase.order, "PAID").await?;
    assert_eq!((times(&paid, "PAID"), times(&paid, "FAILED")), (1, 0), "{paid}");
    purchase.is_sold(&buyer).await?;
    assert_eq!(stage.gate.served(Call::Refund), 0);
    stage.shop.check_at_rest().await
}

#[tokio::test]
async fn an_order_whose_payment_paypay_cannot_tell_at_the_deadline_is_not_failed() -> Result<()> {
    let stage = Stage::open(SHORT).await?;
    let buyer = Buyer::login(&stage.shop, "silence@example.com").await?;
    stage.lose_webhooks().await?;
    let reading = stage.gate.rule(Call::Details, Fate::Closed);
    let purchase = Purchase::of(&buyer).await?;
    stage.approve(&purchase.payment).await?;
    eventually(
        "the deadline to have passed",
        async || buyer.order_state(&purchase.order).await,
        |order| order["status"] != "WAITING_PAYMENT" || is_past(order["expiresAt"].as_str()),
    )
    .await?;
    // More often than one look at an order asks, so that one has begun and ended since.
    let asked = reading.meetings();
    let looked_at = eventually(
        "PayPay to be asked again and again",
        async || buyer.order_state(&purchase.order).await,
        |order| order["status"] != "WAITING_PAYMENT" || reading.meetings() > asked + 12,
    )
    .await?;
    assert_eq!(looked_at["status"], "WAITING_PAYMENT");
    reading.lift();
    let paid = buyer.until(&purchase.order, "PAID").await?;
    assert_eq!(times(&paid, "FAILED"), 0);
    stage.shop.check_at_rest().await
}

fn is_past(instant: Option<&str>) -> bool {
    let at: Option<jiff::Timestamp> = instant.and_then(|text| text.parse().ok());
    at.is_some_and(|at| at < jiff::Timestamp::now())
}

#[tokio::test]
async fn a_payment_made_while_the_buyer_cancels_beats_the_cancellation() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "torn@example.com").await?;
    let purchase = Purchase::of(&buyer).await?;
    let mut disabling = stage.gate.rule(Call::DeleteCode, Fate::HeldBefore);
    let pay_meanwhile = async {
        disabling.met().await?;
        stage.approve(&purchase.payment).await?;
        // The webhook comes while the cancellation is worked on; it is kept for later.
        stage.delivered(&purchase.payment, 1).await?;
        disabling.lift();
        anyhow::Ok(())
    };
    let (canceled, ()) = tokio::try_join!(buyer.cancel(&purchase.order), pay_meanwhile)?;
    assert_eq!(
        (canceled.status, canceled.code()),
        (409, "ORDER_NOT_CANCELABLE"),
        "{canceled:?}"
    );
    let paid = buyer.until(&purchase.order, "PAID").await?;
    assert_eq!((times(&paid, "PAID"), times(&paid, "FAILED")), (1, 0), "{paid}");
    purchase.is_sold(&buyer).await?;
    stage.shop.check_at_rest().await
}

#[tokio::test]
async fn a_cancellation_looks_for_a_payment_that_nobody_has_told_of() -> Result<()> {
    let stage = Stage::open(None).await?;
    stage.lose_webhooks().await?;
    let buyer = Buyer::login(&stage.shop, "regret@example.com").await?;
    let purchase = Purchase::of(&buyer).await?;
    stage.approve(&purchase.payment).await?;
    let canceled = buyer.cancel(&purchase.order).await?;
    assert_eq!(
        (canceled.status, canceled.code()),
        (409, "ORDER_NOT_CANCELABLE"),
        "{canceled:?}"
    );
    assert_eq!(buyer.order_state(&purchase.order).await?["status"], "PAID");
    stage.shop.check_at_rest().await
}
