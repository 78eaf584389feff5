//! Money that comes when the order has failed.

use crate::gate::{Call, Fate};
use crate::stage::{Purchase, SHORT, Stage};
use anyhow::Result;
use scenarios::{Buyer, eventually};
use serde_json::json;

/// An order that has expired, and whose code can still be paid: PayPay has not carried the deletion out.
async fn expired_but_payable(stage: &Stage, buyer: &Buyer<'_>) -> Result<Purchase> {
    let deleting = stage.gate.rule(Call::DeleteCode, Fate::Swallowed);
    let purchase = Purchase::of(buyer).await?;
    let failed = buyer.until(&purchase.order, "FAILED").await?;
    assert_eq!(failed["failCode"], "PAYMENT_EXPIRED");
    deleting.lift();
    Ok(purchase)
}

#[tokio::test]
async fn a_payment_that_comes_after_the_failure_is_given_back_once() -> Result<()> {
    let stage = Stage::open(SHORT).await?;
    let buyer = Buyer::login(&stage.shop, "late@example.com").await?;
    let purchase = expired_but_payable(&stage, &buyer).await?;
    let mut refunding = stage.gate.rule(Call::Refund, Fate::HeldAfter);
    stage.approve(&purchase.payment).await?;
    // The money is on its way back; nobody here knows yet, and the same news comes again and again.
    refunding.met().await?;
    stage.replay(&purchase.payment).await?;
    for minute in 1..4 {
        let paid_at = format!("2026-11-22T10:0{minute}:00+09:00");
        stage
            .webhook_taken(&purchase.order, json!({"paid_at": paid_at}))
            .await?;
    }
    refunding.lift();
    stage.delivered(&purchase.payment, 2).await?;
    stage.shop.check_at_rest().await?;
    stage.replay(&purchase.payment).await?;
    stage.delivered(&purchase.payment, 4).await?;
    purchase.is_given_back_once(&stage, &buyer).await
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_not_made_again() -> Result<()> {
    let stage = Stage::open(SHORT).await?;
    let buyer = Buyer::login(&stage.shop, "doubt@example.com").await?;
    let purchase = expired_but_payable(&stage, &buyer).await?;
    let mut refunding = stage.gate.rule(Call::Refund, Fate::AnswerLost(1));
    stage.approve(&purchase.payment).await?;
    refunding.met().await?;
    stage.delivered(&purchase.payment, 1).await?;
    eventually(
        "the refund to be known",
        async || stage.count(&purchase.order, "RefundIssued", json!({})).await,
        |count| *count > 0,
    )
    .await?;
    refunding.lift();
    stage.replay(&purchase.payment).await?;
    stage.delivered(&purchase.payment, 2).await?;
    purchase.is_given_back_once(&stage, &buyer).await
}
