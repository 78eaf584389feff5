//! Webhooks that contradict the order they name: refused, and told to a person once.

use crate::{url, waiting_order, webhook};
use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt};
use scenarios::{Buyer, Shop, ShopOptions};
use serde_json::{Value, json};

const FORGED: usize = 1_000;
/// Under way at once.
const AT_ONCE: usize = 32;

/// Rule W's alerts in the outbox, the first first.
async fn warnings(shop: &Shop) -> Result<Vec<Value>> {
    let sql = "SELECT data FROM orders.outbox WHERE type = 'AlertRaised' ORDER BY seq";
    let rows: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut shop.books().await?)
        .await?;
    let all = rows.iter().map(|row| Ok(serde_json::from_str::<Value>(row)?));
    Ok(all
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter(|alert| alert["ruleId"] == "W")
        .collect())
}

/// Sends a thousand, each with something else wrong in the same field.
async fn flood(shop: &Shop, forge: impl Fn(usize) -> Value, code: &str) -> Result<()> {
    let send = async |body: Value| -> Result<()> {
        let sent = shop
            .http
            .post(format!("{}/paypay/webhook", shop.url()))
            .json(&body);
        let answer = sent.send().await?;
        let (status, problem): (u16, Value) = (answer.status().as_u16(), answer.json().await?);
        ensure!(status == 422 && problem["code"] == code, "{status} {problem}");
        Ok(())
    };
    let send = &send;
    let all = futures::stream::iter((1..=FORGED).map(forge)).map(|body| async move { send(body).await });
    let _: Vec<()> = all.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(())
}

#[tokio::test]
async fn a_thousand_contradictions_raise_one_warning_of_each_kind_and_pay_nothing() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    let buyer = Buyer::login(&shop, "mismatch@example.com").await?;
    let order = waiting_order(&buyer, "w-1").await?;
    let before = buyer.order_state(&order).await?;

    flood(
        &shop,
        |number| {
            webhook(
                &order,
                json!({"order_amount": number.to_string(), "order_id": number.to_string()}),
            )
        },
        "AMOUNT_MISMATCH",
    )
    .await?;
    let raised = warnings(&shop).await?;
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(
        (
            &raised[0]["severity"],
            &raised[0]["orderNo"],
            &raised[0]["facts"]["kind"],
            &raised[0]["facts"]["payAmount"]
        ),
        (
            &json!("WARNING"),
            &order["orderNo"],
            &json!("amount"),
            &order["amount"]
        )
    );

    flood(
        &shop,
        |number| webhook(&order, json!({"merchant_id": format!("m-{number}")})),
        "MERCHANT_MISMATCH",
    )
    .await?;
    let raised = warnings(&shop).await?;
    assert_eq!(raised.len(), 2, "{raised:?}");
    assert_eq!(raised[1]["facts"]["kind"], "merchant");

    // Of no order there is nothing to tell.
    let nobody = json!({"merchant_order_id": "K20261122-0000000000-1", "merchant_id": "m-1"});
    flood(&shop, |_| webhook(&order, nobody.clone()), "MERCHANT_MISMATCH").await?;
    assert_eq!(warnings(&shop).await?.len(), 2);

    let after = buyer.order_state(&order).await?;
    assert_eq!(
        (&after["status"], &after["version"]),
        (&before["status"], &before["version"])
    );
    // The real payment goes its way.
    shop.approve(url(&order)?).await?;
    buyer.until(&order, "PAID").await?;
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_source_that_is_not_listed_can_raise_nothing() -> Result<()> {
    let variables = [("paypay_webhook_sources".to_owned(), "203.0.113.0/24".to_owned())].into();
    let shop = Shop::start(ShopOptions {
        variables,
        ..ShopOptions::default()
    })
    .await?;
    let buyer = Buyer::login(&shop, "unlisted@example.com").await?;
    let order = waiting_order(&buyer, "w-2").await?;
    for change in [json!({"order_amount": "1"}), json!({"merchant_id": "m-1"})] {
        let sent = shop.http.post(format!("{}/paypay/webhook", shop.url()));
        let answer = sent.json(&webhook(&order, change)).send().await?;
        assert_eq!(answer.status(), 403);
    }
    assert_eq!(warnings(&shop).await?, Vec::<Value>::new());
    Ok(())
}
