//! Everything twice: tabs, cancellations, approvals, codes.

use crate::gate::{Call, Fate};
use crate::stage::{Purchase, Stage, order_no, times};
use anyhow::{Context, Result};
use scenarios::{Buyer, Incoming, Live, eventually};
use serde_json::json;

#[tokio::test]
async fn two_tabs_see_the_same_payment() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "tabs@example.com").await?;
    let purchase = Purchase::of(&buyer).await?;
    let path = format!("/api/orders/{}/channel", order_no(&purchase.order)?);
    let other = buyer.post(&path, &json!({})).await?.json;
    let text = |name: &str| other[name].as_str().context("channel");
    let mut tabs = [
        buyer.watch(&purchase.order).await?,
        Live::open_with(text("url")?, order_no(&purchase.order)?, text("token")?).await?,
    ];
    for tab in &mut tabs {
        let Incoming::Message(first) = tab.next().await? else {
            panic!("closed")
        };
        assert_eq!(first["type"], "SNAPSHOT");
    }
    stage.approve(&purchase.payment).await?;
    let mut versions = Vec::new();
    for tab in &mut tabs {
        versions.push(tab.until("PAID").await?["order"]["version"].clone());
    }
    assert_eq!(versions[0], versions[1]);
    stage.shop.check_at_rest().await
}

#[tokio::test]
async fn an_order_canceled_in_two_tabs_is_undone_once() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "cancels@example.com").await?;
    let purchase = Purchase::of(&buyer).await?;
    let mut disabling = stage.gate.rule(Call::DeleteCode, Fate::HeldBefore);
    let second = async {
        disabling.met().await?;
        let other_tab = async {
            eventually(
                "both cancellations to be under way",
                async || stage.in_flight().await,
                |n| *n >= 2,
            )
            .await?;
            disabling.lift();
            anyhow::Ok(())
        };
        let (canceled, ()) = tokio::try_join!(buyer.cancel(&purchase.order), other_tab)?;
        anyhow::Ok(canceled)
    };
    let (first, second) = tokio::try_join!(buyer.cancel(&purchase.order), second)?;
    assert_eq!(
        (first.status, &first.json["failCode"]),
        (200, &json!("CANCELED_BY_USER")),
        "{first:?}"
    );
    assert_eq!(
        (second.status, second.code()),
        (409, "ORDER_NOT_CANCELABLE"),
        "{second:?}"
    );
    let failed = buyer.order_state(&purchase.order).await?;
    assert_eq!(times(&failed, "FAILED"), 1, "{failed}");
    purchase.is_undone(&buyer).await?;
    stage.shop.check_at_rest().await
}

#[tokio::test]
async fn an_order_approved_twice_is_paid_once() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "eager@example.com").await?;
    let purchase = Purchase::of(&buyer).await?;
    let mut reading = stage.gate.rule(Call::Details, Fate::HeldBefore);
    let (first, second) =
        tokio::try_join!(stage.approve(&purchase.payment), stage.approve(&purchase.payment))?;
    assert_eq!(first["paymentId"], second["paymentId"]);
    reading.met().await?;
    // Whatever comes while PayPay is being asked is taken, and answered before PayPay has said anything.
    stage.replay(&purchase.payment).await?;
    let again = stage
        .webhook_taken(&purchase.order, json!({"order_id": first["paymentId"]}))
        .await?;
    assert_eq!(again.json["outcome"], "stored", "{again:?}");
    stage.delivered(&purchase.payment, 2).await?;
    assert_eq!(
        buyer.order_state(&purchase.order).await?["status"],
        "WAITING_PAYMENT"
    );
    reading.lift();
    buyer.until(&purchase.order, "PAID").await?;
    assert_eq!(
        stage.approve(&purchase.payment).await?["paymentId"],
        first["paymentId"]
    );
    stage.replay(&purchase.payment).await?;
    stage.delivered(&purchase.payment, 4).await?;
    stage.shop.check_at_rest().await?;
    let paid = buyer.order_state(&purchase.order).await?;
    assert_eq!(
        (paid["status"].as_str(), times(&paid, "PAID")),
        (Some("PAID"), 1),
        "{paid}"
    );
    let completed = json!({"status": "COMPLETED"});
    assert_eq!(
        stage
            .count(&purchase.order, "PaymentStatusObserved", completed)
            .await?,
        1
    );
    purchase.is_sold(&buyer).await
}

/// The answer to the first request for a code is lost, so there are two codes, and somebody pays both.
#[tokio::test]
async fn of_two_codes_that_are_both_paid_one_is_given_back() -> Result<()> {
    let stage = Stage::open(None).await?;
    let buyer = Buyer::login(&stage.shop, "generous@example.com").await?;
    let asking = stage.gate.rule(Call::CreateCode, Fate::AnswerLost(1));
    let purchase = Purchase::of(&buyer).await?;
    asking.lift();
    let second = format!("{}-2", order_no(&purchase.order)?);
    stage.approve(&second).await?;
    buyer.until(&purchase.order, "PAID").await?;
    stage.approve(&purchase.payment).await?;
    eventually(
        "the first payment to be given back",
        async || stage.paypay_payment(&purchase.payment).await,
        |payment| payment["status"] == "REFUNDED",
    )
    .await?;
    stage.replay(&purchase.payment).await?;
    stage.replay(&second).await?;
    stage.delivered(&purchase.payment, 2).await?;
    stage.delivered(&second, 2).await?;
    stage.shop.check_at_rest().await?;
    assert_eq!(stage.gate.served(Call::Refund), 1);
    assert_eq!(
        stage
            .count(
                &purchase.order,
                "RefundIssued",
                json!({"merchantPaymentId": purchase.payment})
            )
            .await?,
        1
    );
    let paid = buyer.order_state(&purchase.order).await?;
    assert_eq!(
        (paid["status"].as_str(), times(&paid, "PAYMENT_REFUNDED")),
        (Some("PAID"), 1),
        "{paid}"
    );
    assert_eq!(stage.paypay_payment(&second).await?["status"], "COMPLETED");
    purchase.is_sold(&buyer).await
}
