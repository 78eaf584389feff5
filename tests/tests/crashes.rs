//! Kills at the worst moments. Whatever dies, the order goes on by itself after a restart.

use anyhow::{Context, Result};
use scenarios::{Buyer, Shop, ShopOptions, eventually, shelf};
use serde_json::{Value, json};
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[tokio::test]
async fn an_order_paid_while_the_shop_was_dead_is_paid_after_its_restart() -> Result<()> {
    let mut shop = Shop::start(ShopOptions::default()).await?;
    shop.faults(json!({"webhook": {"delayMs": 60_000}})).await?;
    let order = {
        let buyer = Buyer::login(&shop, "patient@example.com").await?;
        let product = shelf::plenty(&buyer, 1).await?[0];
        let order = buyer.buy(&[(product.id, 1)], "k-1").await?;
        // PayPay takes the money; its webhook will never arrive.
        shop.approve(order["payment"]["url"].as_str().context("url")?)
            .await?;
        order
    };
    shop.kill()?;
    shop.restart().await?;
    let buyer = Buyer::login(&shop, "patient@example.com").await?;
    buyer.until(&order, "PAID").await?;
    shop.check_at_rest().await
}

/// Places an order and pays it, through whatever crash; returns whether the shop crashed on the way.
async fn buy_through_a_crash(crash_at: &str) -> Result<bool> {
    let mut shop = Shop::start(ShopOptions {
        crash_at: Some(crash_at.to_owned()),
        ..ShopOptions::default()
    })
    .await?;
    let body = {
        let stranger = Buyer::stranger(&shop);
        let product = shelf::plenty(&stranger, 1).await?[0];
        // More than the welcome gift covers, so that balance and PayPay both have their part.
        let quantity = 3_000 / product.price + 1;
        json!({"items": [{"productId": product.id, "quantity": quantity}], "useBalance": true})
    };
    let mut crashed = false;
    let order: Value = loop {
        let answer = async {
            let buyer = Buyer::login(&shop, "stubborn@example.com").await?;
            buyer.order_body(&body, "one-key").await
        }
        .await;
        match answer {
            Ok(answer) if answer.status == 201 => break answer.json,
            Ok(answer) => assert!(
                matches!(
                    answer.code(),
                    "REQUEST_IN_PROGRESS" | "SERVICE_UNAVAILABLE" | "PAYMENT_UNAVAILABLE"
                ),
                "{crash_at}: {answer:?}"
            ),
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        if shop.has_crashed().await? {
            crashed = true;
            shop.restart().await?;
        }
    };
    let url = order["payment"]["url"].as_str().context("url")?.to_owned();
    // The approval's webhook may bring the crash too, and then the answer to the phone is lost.
    while shop.approve(&url).await.is_err() {
        if shop.has_crashed().await? {
            crashed = true;
            shop.restart().await?;
        }
        let id = format!("{}-1", order["orderNo"].as_str().context("orderNo")?);
        if shop
            .paypay_payment(&id)
            .await
            .is_ok_and(|payment| payment["status"] == "COMPLETED")
        {
            break;
        }
    }
    // Give a crash that is still to come the chance: either the order is paid or the shop is down.
    let paid = loop {
        if shop.has_crashed().await? {
            crashed = true;
            shop.restart().await?;
        }
        let state = async {
            Buyer::login(&shop, "stubborn@example.com")
                .await?
                .order_state(&order)
                .await
        }
        .await;
        match state {
            Ok(state) if state["status"] == "PAID" => break state,
            Ok(state) if state["status"] == "FAILED" => anyhow::bail!("{crash_at}: {state}"),
            _ => tokio::time::sleep(LOOK_AGAIN).await,
        }
    };
    assert_eq!(paid["paymentStatus"], "COMPLETED", "{crash_at}");
    if shop.has_crashed().await? {
        crashed = true;
        shop.restart().await?;
    }
    shop.check_at_rest().await.with_context(|| crash_at.to_owned())?;
    Ok(crashed)
}

/// Shops that crash side by side: each mostly waits for a lease to run out.
const AT_ONCE: usize = 6;

/// Every commit and every call to PayPay of one purchase is a place to die, before and after it. The purchase is repeated with a
/// crash at each, until crash points lie beyond its end.
#[tokio::test]
async fn a_purchase_survives_a_crash_between_any_two_steps() -> Result<()> {
    let mut points = 0;
    for place in ["before-commit", "after-commit", "before-send", "after-send"] {
        let mut first = 1;
        loop {
            let batch = (first..first + AT_ONCE)
                .map(|number| async move { buy_through_a_crash(&format!("{place}:{number}")).await });
            let crashed: Vec<bool> = futures::future::try_join_all(batch).await?;
            let survived = crashed.iter().filter(|crashed| **crashed).count();
            points += survived;
            if survived < AT_ONCE {
                println!("{place}: {} crash points survived", first - 1 + survived);
                break;
            }
            first += AT_ONCE;
            assert!(first < 60, "a purchase has no more steps than this");
        }
    }
    println!("{points} crash points survived in all");
    assert!(
        points >= 10,
        "only {points} crash points were met: is the crash switch built in?"
    );
    Ok(())
}

#[tokio::test]
async fn stopping_drains_and_exits_with_zero() -> Result<()> {
    let mut shop = Shop::start(ShopOptions::default()).await?;
    assert_eq!(shop.stop().await?, Some(0), "{}", shop.log_tail());
    shop.restart().await?;
    eventually(
        "the catalogue",
        async || Ok(Buyer::stranger(&shop).get("/api/categories").await?.status),
        |status| *status == 200,
    )
    .await?;
    Ok(())
}
