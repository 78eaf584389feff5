//! Events that overtake each other. In each scenario the order of events is forced by a gate between the shop and PayPay, never by a pause.

mod gate;
mod stage;

use anyhow::{Context, Result};
use gate::{Call, Fate};
use scenarios::{Buyer, Incoming, Live, eventually};
use serde_json::json;
use stage::{AUTHORIZATION_SECONDS, Purchase, Stage, order_no, times};

/// Until the deadline; long enough to buy in, short enough to wait for.
const SHORT: Option<u32> = Some(3);

// --- paid while it ends -----------------------------------------------------------------------------------------------

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
    let mut reading = stage.gate.rule(Call::Details, Fate::HeldBefore);
    let purchase = Purchase::of(&buyer).await?;
    reading.met().await?;
    stage.approve(&purchase.payment).await?;
    // PayPay says nothing until well after the deadline.
    eventually(
        "the deadline to have passed",
        async || buyer.order_state(&purchase.order).await,
        |order| order["status"] != "WAITING_PAYMENT" || is_past(order["expiresAt"].as_str()),
    )
    .await?;
    let asked = reading.meetings();
    eventually(
        "PayPay to be asked again",
        async || Ok(reading.meetings()),
        |now| *now > asked + 1,
    )
    .await?;
    assert_eq!(
        buyer.order_state(&purchase.order).await?["status"],
        "WAITING_PAYMENT"
    );
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

// --- twice ------------------------------------------------------------------------------------------------------------

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
            // This look is a request, too: with it there are two, and three with the other tab's.
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

// --- too late ---------------------------------------------------------------------------------------------------------

/// An order that has expired, and whose code can still be paid: PayPay has not carried the deletion out.
async fn expired_but_payable(stage: &Stage, buyer: &Buyer<'_>) -> Result<Purchase> {
    let deleting = stage.gate.rule(Call::DeleteCode, Fate::Swallowed);
    let purchase = Purchase::of(buyer).await?;
    let failed = buyer.until(&purchase.order, "FAILED").await?;
    assert_eq!(failed["failCode"], "PAYMENT_EXPIRED");
    deleting.lift();
    Ok(purchase)
}

async fn assert_given_back_once(stage: &Stage, buyer: &Buyer<'_>, purchase: &Purchase) -> Result<()> {
    stage.shop.check_at_rest().await?;
    let order = buyer.order_state(&purchase.order).await?;
    assert_eq!(
        (order["status"].as_str(), order["paymentStatus"].as_str()),
        (Some("FAILED"), Some("REFUNDED")),
        "{order}"
    );
    assert_eq!(
        (times(&order, "PAYMENT_REFUNDED"), times(&order, "PAID")),
        (1, 0),
        "{order}"
    );
    assert_eq!(stage.count(&purchase.order, "RefundIssued", json!({})).await?, 1);
    assert_eq!(stage.gate.served(Call::Refund), 1);
    let payment = stage.paypay_payment(&purchase.payment).await?;
    assert_eq!(payment["refunds"].as_array().map(Vec::len), Some(1), "{payment}");
    assert_eq!(payment["refunds"][0]["amount"]["amount"], payment["amount"]);
    purchase.is_undone(buyer).await
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
    assert_given_back_once(&stage, &buyer, &purchase).await
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
    assert_given_back_once(&stage, &buyer, &purchase).await
}

// --- not what was asked for -------------------------------------------------------------------------------------------

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
    assert_given_back_once(&stage, &buyer, &purchase).await
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
