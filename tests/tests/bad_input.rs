//! What bad input gets: its documented problem, and nothing changes.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use scenarios::{Answer, Buyer, Incoming, Live, Shop, ShopOptions, shelf};
use serde_json::{Value, json};

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.json);
    assert_eq!(answer.content_type, "application/problem+json");
    assert!(
        answer.json["requestId"].as_str().is_some_and(|id| !id.is_empty()),
        "{}",
        answer.json
    );
}

#[tokio::test]
async fn bad_orders_are_refused_and_change_nothing() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "careless@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let low = shelf::with_stock(&buyer, 1).await?;
    let gone = shelf::with_stock(&buyer, 0).await?;
    let line = |id: Value, quantity: Value| json!({"items": [{"productId": id, "quantity": quantity}]});
    let table = [
        (line(json!(999_999), json!(1)), 422, "UNKNOWN_PRODUCT"),
        (line(json!(product.id), json!(0)), 400, "VALIDATION_FAILED"),
        (line(json!(product.id), json!(-1)), 400, "VALIDATION_FAILED"),
        (line(json!(product.id), json!(100)), 400, "VALIDATION_FAILED"),
        (line(json!(product.id), json!(1.5)), 400, "VALIDATION_FAILED"),
        (line(json!("x"), json!(1)), 400, "VALIDATION_FAILED"),
        (line(json!(low.id), json!(2)), 409, "OUT_OF_STOCK"),
        (line(json!(gone.id), json!(1)), 409, "OUT_OF_STOCK"),
        (json!({"items": []}), 400, "EMPTY_CART"),
        (json!({}), 400, "VALIDATION_FAILED"),
    ];
    for (number, (body, status, code)) in table.into_iter().enumerate() {
        let answer = buyer.order_body(&body, &format!("bad-{number}")).await?;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{body} got {}",
            answer.json
        );
        refused(&answer, status, code);
    }
    let quantity = buyer
        .order(&[(product.id, 1), (product.id + 1, 0)], "field")
        .await?;
    assert_eq!(quantity.json["errors"][0]["field"], "items[1].quantity");
    let keyless = buyer
        .post("/api/orders", &line(json!(product.id), json!(1)))
        .await?;
    refused(&keyless, 400, "IDEMPOTENCY_KEY_REQUIRED");
    assert_eq!(buyer.get("/api/orders").await?.json["items"], json!([]));
    assert_eq!(buyer.stock(product.id).await?, product.stock);
    assert_eq!(buyer.stock(low.id).await?, 1);
    shop.check_at_rest().await
}

#[tokio::test]
async fn the_price_is_the_catalogues_whatever_the_client_says() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "haggler@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let body =
        json!({"items": [{"productId": product.id, "quantity": 1, "price": 1, "unitPrice": 1}], "amount": 1});
    let answer = buyer.order_body(&body, "h-1").await?;
    assert_eq!(
        (answer.status, &answer.json["amount"]),
        (201, &json!(product.price)),
        "{answer:?}"
    );
    Ok(())
}

#[tokio::test]
async fn requests_that_are_no_requests_are_refused() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "odd@example.com").await?;
    let key = ("idempotency-key", "k");
    let json_type = ("content-type", "application/json");
    let order = |headers: &'static [(&'static str, &'static str)], body: &'static str| {
        buyer.send(
            Method::POST,
            "/api/orders",
            headers,
            Some(body.as_bytes().to_vec()),
        )
    };
    const JSON_AND_KEY: &[(&str, &str)] = &[("content-type", "application/json"), ("idempotency-key", "k")];
    const TEXT_AND_KEY: &[(&str, &str)] = &[("content-type", "text/plain"), ("idempotency-key", "k")];
    refused(&order(JSON_AND_KEY, "{\"items\":").await?, 400, "MALFORMED_JSON");
    refused(
        &order(TEXT_AND_KEY, "{\"items\":[]}").await?,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    );
    refused(&buyer.get("/api/nowhere").await?, 404, "NOT_FOUND");
    refused(
        &buyer.send(Method::DELETE, "/api/orders", &[], None).await?,
        405,
        "METHOD_NOT_ALLOWED",
    );
    refused(
        &buyer.get("/api/products/424242").await?,
        404,
        "PRODUCT_NOT_FOUND",
    );
    refused(
        &buyer.get("/api/products?size=0").await?,
        400,
        "VALIDATION_FAILED",
    );
    refused(
        &buyer.get("/api/orders/K20261122-0000000000").await?,
        404,
        "ORDER_NOT_FOUND",
    );
    refused(&buyer.get("/api/orders/nonsense").await?, 404, "ORDER_NOT_FOUND");
    let elsewhere = [json_type, key, ("origin", "https://evil.example")];
    let answer = buyer
        .send(
            Method::POST,
            "/api/orders",
            &elsewhere,
            Some(b"{\"items\":[]}".to_vec()),
        )
        .await?;
    refused(&answer, 403, "ORIGIN_REJECTED");
    Ok(())
}

#[tokio::test]
async fn another_buyers_order_does_not_exist() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let owner = Buyer::login(&shop, "owner@example.com").await?;
    let other = Buyer::login(&shop, "other@example.com").await?;
    let product = shelf::plenty(&owner, 1).await?[0];
    let order = owner.buy(&[(product.id, 1)], "o-1").await?;
    let order_no = order["orderNo"].as_str().context("orderNo")?;
    for path in [
        format!("/api/orders/{order_no}"),
        format!("/api/orders/{order_no}/qrcode"),
    ] {
        refused(&other.get(&path).await?, 404, "ORDER_NOT_FOUND");
    }
    refused(&other.cancel(&order).await?, 404, "ORDER_NOT_FOUND");
    refused(
        &other
            .post(&format!("/api/orders/{order_no}/channel"), &json!({}))
            .await?,
        404,
        "ORDER_NOT_FOUND",
    );
    assert_eq!(other.get("/api/orders").await?.json["items"], json!([]));
    assert_eq!(owner.order_state(&order).await?["status"], "WAITING_PAYMENT");
    Ok(())
}

#[tokio::test]
async fn no_session_means_401_and_logging_out_ends_it() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let stranger = Buyer::stranger(&shop);
    for path in ["/api/orders", "/api/account", "/api/orders/K20261122-0000000000"] {
        refused(&stranger.get(path).await?, 401, "UNAUTHENTICATED");
    }
    refused(&stranger.order(&[(1001, 1)], "k").await?, 401, "UNAUTHENTICATED");
    assert_eq!(stranger.get("/auth/status").await?.json["authenticated"], false);
    let buyer = Buyer::login(&shop, "leaver@example.com").await?;
    let status = buyer.get("/auth/status").await?.json;
    assert_eq!(
        (&status["authenticated"], &status["user"]["email"]),
        (&json!(true), &json!("leaver@example.com"))
    );
    assert_eq!(buyer.post("/auth/logout", &json!({})).await?.status, 204);
    refused(&buyer.get("/api/orders").await?, 401, "UNAUTHENTICATED");
    Ok(())
}

/// The token's claims under another header and signature.
fn forge(token: &str, header: &Value, claims: impl Fn(&mut Value), signature: &str) -> Result<String> {
    let claims_part = token.split('.').nth(1).context("no claims")?;
    let mut body: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims_part)?)?;
    claims(&mut body);
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    Ok(format!("{}.{}.{signature}", encode(header), encode(&body)))
}

#[tokio::test]
async fn tokens_that_the_issuer_did_not_sign_open_no_session() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let token = shop.token("mallory@example.com").await?;
    let parts: Vec<&str> = token.split('.').collect();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[0])?)?;
    let same = |_: &mut Value| {};
    let hs256 = json!({"alg": "HS256", "typ": "JWT", "kid": header["kid"]});
    let forged = [
        forge(
            &token,
            &json!({"alg": "none", "typ": "JWT", "kid": header["kid"]}),
            same,
            "",
        )?,
        forge(&token, &hs256, same, parts[2])?,
        forge(
            &token,
            &header,
            |claims| claims["sub"] = json!("somebody-else"),
            parts[2],
        )?,
        forge(
            &token,
            &header,
            |claims| claims["exp"] = json!(4_000_000_000_u64),
            parts[2],
        )?,
        forge(
            &token,
            &header,
            |claims| claims["aud"] = json!("another-shop"),
            parts[2],
        )?,
        "not.a.token".to_owned(),
    ];
    for token in forged {
        let mut buyer = Buyer::stranger(&shop);
        refused(&buyer.session(&token).await?, 401, "INVALID_TOKEN");
        refused(&buyer.get("/api/orders").await?, 401, "UNAUTHENTICATED");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_of_another_audience_is_refused() -> Result<()> {
    let variables = [("auth_audience".to_owned(), "another-shop".to_owned())].into();
    let expecting_another = Shop::start(ShopOptions {
        variables,
        ..ShopOptions::default()
    })
    .await?;
    let issuer = Shop::start(ShopOptions::default()).await?;
    let token = issuer.token("wanderer@example.com").await?;
    refused(
        &Buyer::stranger(&expecting_another).session(&token).await?,
        401,
        "INVALID_TOKEN",
    );
    Ok(())
}

#[tokio::test]
async fn a_bad_channel_token_is_closed_with_4401_and_an_unknown_order_with_4404() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "listener@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 1)], "w-1").await?;
    let other = buyer.buy(&[(product.id, 1)], "w-2").await?;
    let (url, order_no) = (
        order["channel"]["url"].as_str().context("url")?,
        order["orderNo"].as_str().context("orderNo")?,
    );
    let token = |order: &Value| {
        order["channel"]["token"]
            .as_str()
            .map(str::to_owned)
            .context("token")
    };
    for (order_no, token, code) in [
        (order_no, "x".repeat(43), 4401),
        (order_no, token(&other)?, 4401),
        ("K20261122-0000000000", token(&order)?, 4404),
    ] {
        let mut live = Live::open_with(url, order_no, &token).await?;
        assert_eq!(
            live.next().await?,
            Incoming::Closed(Some(code)),
            "{order_no} {token}"
        );
    }
    let mut live = buyer.watch(&order).await?;
    live.next().await?;
    live.send("PING").await?;
    assert_eq!(live.next().await?, Incoming::Message(json!({"type": "PONG"})));
    live.send("STATUS").await?;
    let Incoming::Message(status) = live.next().await? else {
        panic!("closed")
    };
    assert_eq!(
        (&status["type"], &status["order"]["orderNo"]),
        (&json!("SNAPSHOT"), &order["orderNo"])
    );
    Ok(())
}
