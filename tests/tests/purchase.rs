//! The ways an order can go, each to its end.

use anyhow::{Context, Result};
use scenarios::{Buyer, Incoming, Shop, ShopOptions, eventually, shelf};
use serde_json::json;

#[tokio::test]
async fn a_paid_order_reaches_the_buyer_by_push() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "hanako@example.com").await?;
    let [one, two] = shelf::plenty(&buyer, 2).await?[..] else {
        unreachable!()
    };
    let order = buyer.buy(&[(one.id, 1), (two.id, 2)], "purchase-1").await?;
    assert_eq!(order["status"], "WAITING_PAYMENT");
    assert_eq!(order["amount"], one.price + 2 * two.price);
    let mut live = buyer.watch(&order).await?;
    let Incoming::Message(first) = live.next().await? else {
        panic!("closed")
    };
    assert_eq!(
        (&first["type"], &first["order"]["status"]),
        (&json!("SNAPSHOT"), &json!("WAITING_PAYMENT"))
    );

    shop.approve(order["payment"]["url"].as_str().context("url")?)
        .await?;
    let pushed = live.until("PAID").await?;
    assert_eq!(
        (&pushed["type"], &pushed["order"]["orderNo"]),
        (&json!("ORDER_UPDATED"), &order["orderNo"])
    );

    let paid = buyer.order_state(&order).await?;
    assert_eq!(
        (&paid["status"], &paid["paymentStatus"]),
        (&json!("PAID"), &json!("COMPLETED"))
    );
    let events: Vec<_> = paid["timeline"]
        .as_array()
        .context("timeline")?
        .iter()
        .map(|entry| entry["event"].clone())
        .collect();
    assert_eq!(events, ["ORDER_PLACED", "PAYMENT_REQUESTED", "PAID"]);
    assert_eq!(buyer.stock(one.id).await?, one.stock - 1);
    assert_eq!(buyer.stock(two.id).await?, two.stock - 2);
    shop.check_at_rest().await
}

#[tokio::test]
async fn the_qr_code_is_drawn_while_there_is_something_to_pay() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "qr@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 1)], "qr-1").await?;
    let path = format!(
        "/api/orders/{}/qrcode",
        order["orderNo"].as_str().context("orderNo")?
    );
    let svg = buyer
        .send(reqwest::Method::GET, &path, &[("accept", "image/svg+xml")], None)
        .await?;
    assert_eq!((svg.status, svg.content_type.as_str()), (200, "image/svg+xml"));
    assert!(String::from_utf8_lossy(&svg.bytes).contains("<svg"));
    let png = buyer
        .send(reqwest::Method::GET, &path, &[("accept", "image/png")], None)
        .await?;
    assert_eq!((png.status, &png.bytes[..4]), (200, &b"\x89PNG"[..]));
    shop.approve(order["payment"]["url"].as_str().context("url")?)
        .await?;
    buyer.until(&order, "PAID").await?;
    let late = buyer.get(&path).await?;
    assert_eq!((late.status, late.code()), (409, "ORDER_FINAL"));
    Ok(())
}

#[tokio::test]
async fn a_declined_payment_fails_the_order_and_gives_everything_back() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "declined@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer
        .order_body(
            &json!({"items": [{"productId": product.id, "quantity": 3}], "useBalance": false}),
            "d-1",
        )
        .await?
        .json;
    assert_eq!(buyer.stock(product.id).await?, product.stock - 3);
    shop.decline(order["payment"]["url"].as_str().context("url")?)
        .await?;
    let failed = buyer.until(&order, "FAILED").await?;
    assert_eq!(failed["failCode"], "PAYMENT_DECLINED");
    assert_eq!(buyer.stock(product.id).await?, product.stock);
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_canceled_order_gives_everything_back_and_its_code_is_dead() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "canceled@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let before = buyer.get("/api/account").await?.json["balance"]
        .as_i64()
        .context("balance")?;
    let order = buyer
        .order_body(
            &json!({"items": [{"productId": product.id, "quantity": 10}], "useBalance": true}),
            "c-1",
        )
        .await?
        .json;
    let canceled = buyer.cancel(&order).await?;
    assert_eq!(
        (canceled.status, &canceled.json["failCode"]),
        (200, &json!("CANCELED_BY_USER")),
        "{canceled:?}"
    );
    assert_eq!(buyer.stock(product.id).await?, product.stock);
    assert_eq!(buyer.get("/api/account").await?.json["balance"], before);
    assert!(
        shop.approve(order["payment"]["url"].as_str().context("url")?)
            .await
            .is_err()
    );
    let again = buyer.cancel(&order).await?;
    assert_eq!((again.status, again.code()), (409, "ORDER_NOT_CANCELABLE"));
    shop.check_at_rest().await
}

#[tokio::test]
async fn an_unpaid_order_expires_and_gives_everything_back() -> Result<()> {
    let shop = Shop::start(ShopOptions {
        payment_ttl_seconds: Some(2),
        ..ShopOptions::default()
    })
    .await?;
    let buyer = Buyer::login(&shop, "expired@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 2)], "e-1").await?;
    let failed = buyer.until(&order, "FAILED").await?;
    assert_eq!(failed["failCode"], "PAYMENT_EXPIRED");
    assert_eq!(buyer.stock(product.id).await?, product.stock);
    assert!(
        shop.approve(order["payment"]["url"].as_str().context("url")?)
            .await
            .is_err()
    );
    shop.check_at_rest().await
}

#[tokio::test]
async fn an_order_within_the_balance_is_paid_at_once() -> Result<()> {
    let shop = Shop::start(ShopOptions {
        variables: [("account_welcome_yen".to_owned(), "100000".to_owned())].into(),
        ..ShopOptions::default()
    })
    .await?;
    let buyer = Buyer::login(&shop, "balance@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let body = json!({"items": [{"productId": product.id, "quantity": 1}], "useBalance": true});
    let answer = buyer.order_body(&body, "b-1").await?;
    assert_eq!(
        (answer.status, &answer.json["status"]),
        (201, &json!("PAID")),
        "{answer:?}"
    );
    assert_eq!(
        buyer.get("/api/account").await?.json["balance"],
        100_000 - product.price
    );
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_double_click_buys_once() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "double@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let line = [(product.id, 1)];
    let (first, second) = tokio::try_join!(buyer.order(&line, "same-key"), buyer.order(&line, "same-key"))?;
    let third = buyer.order(&line, "same-key").await?;
    let placed = if first.status == 201 { &first } else { &second };
    for answer in [&first, &second] {
        assert!(
            answer.status == 201 || answer.code() == "REQUEST_IN_PROGRESS",
            "{answer:?}"
        );
    }
    assert_eq!(
        (third.status, &third.json),
        (201, &placed.json),
        "a repeat gets the same answer"
    );
    assert_eq!(
        buyer.get("/api/orders").await?.json["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(buyer.stock(product.id).await?, product.stock - 1);
    let other = buyer.order(&[(product.id, 2)], "same-key").await?;
    assert_eq!((other.status, other.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
    Ok(())
}

#[tokio::test]
async fn two_buyers_and_one_last_item_make_one_order() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let (one, two) = (
        Buyer::login(&shop, "one@example.com").await?,
        Buyer::login(&shop, "two@example.com").await?,
    );
    let last = shelf::with_stock(&one, 1).await?;
    let line = [(last.id, 1)];
    let (first, second) = tokio::try_join!(one.order(&line, "k"), two.order(&line, "k"))?;
    let mut outcomes = [
        (first.status, first.code().to_owned()),
        (second.status, second.code().to_owned()),
    ];
    outcomes.sort();
    assert_eq!(outcomes, [(201, String::new()), (409, "OUT_OF_STOCK".to_owned())]);
    assert_eq!(one.stock(last.id).await?, 0);
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_buyer_pages_through_all_orders_once() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "pages@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let mut placed = Vec::new();
    for number in 0..5 {
        placed.push(buyer.buy(&[(product.id, 1)], &format!("p-{number}")).await?["orderNo"].clone());
    }
    placed.reverse();
    let (mut seen, mut path) = (Vec::new(), "/api/orders?size=2".to_owned());
    loop {
        let page = buyer.get(&path).await?.json;
        seen.extend(
            page["items"]
                .as_array()
                .context("items")?
                .iter()
                .map(|order| order["orderNo"].clone()),
        );
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/orders?size=2&cursor={cursor}");
    }
    assert_eq!(seen, placed);
    Ok(())
}

/// An order whose code PayPay never gave is undone, which takes as long as PayPay is away. Its buyer is not kept in the belief that something is under way.
#[tokio::test]
async fn a_repeat_while_paypay_is_away_is_told_so_and_not_to_wait() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "away@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    shop.faults(json!({"maintenance": true})).await?;
    let first = buyer.order(&[(product.id, 1)], "away-1").await?;
    assert_eq!((first.status, first.code()), (503, "PAYMENT_UNAVAILABLE"));
    let told = eventually(
        "an answer to the repeat",
        async || buyer.order(&[(product.id, 1)], "away-1").await,
        // While the worker is at the order, for a moment, it is in progress indeed.
        |answer| answer.code() != "REQUEST_IN_PROGRESS",
    )
    .await?;
    assert_eq!((told.status, told.code()), (503, "PAYMENT_UNAVAILABLE"));
    shop.faults(json!({"maintenance": false})).await?;
    eventually(
        "all stock given back",
        async || buyer.stock(product.id).await,
        |stock| *stock == product.stock,
    )
    .await?;
    shop.check_at_rest().await
}
