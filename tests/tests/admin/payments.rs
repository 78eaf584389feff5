//! Finding payments, and giving their money back.

use super::{SAGAS, open_shop, refused};
use anyhow::{Context, Result};
use scenarios::{Answer, Buyer, Shop, eventually, shelf};
use serde_json::{Value, json};

const PAYMENTS: &str = "/api/admin/payments";

fn numbers(page: &Answer) -> Vec<&Value> {
    let items = page.json["items"].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().map(|payment| &payment["orderNo"]).collect()
}

async fn paid(shop: &Shop, buyer: &Buyer<'_>, product: u32, key: &str) -> Result<Value> {
    let order = buyer.buy(&[(product, 1)], key).await?;
    let url = order["payment"]["url"].as_str().context("url")?;
    shop.approve(url).await?;
    buyer.until(&order, "PAID").await?;
    Ok(order)
}

fn path(order: &Value) -> String {
    format!("{PAYMENTS}/{}", order["orderNo"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn an_order_is_found_looked_at_and_refunded_with_who_and_why() -> Result<()> {
    let shop = open_shop().await?;
    let buyer = Buyer::login(&shop, "buyer@example.com").await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0].id;
    let first = paid(&shop, &buyer, product, "p-1").await?;
    let second = paid(&shop, &buyer, product, "p-2").await?;
    let waiting = buyer.buy(&[(product, 1)], "p-3").await?;

    let page = admin.get(&format!("{PAYMENTS}?size=2")).await?;
    assert_eq!(numbers(&page), [&waiting["orderNo"], &second["orderNo"]]);
    let cursor = page.json["nextCursor"].as_str().context("nextCursor")?;
    let rest = admin.get(&format!("{PAYMENTS}?size=2&cursor={cursor}")).await?;
    assert_eq!(
        (numbers(&rest), &rest.json["nextCursor"]),
        (vec![&first["orderNo"]], &Value::Null)
    );
    for (query, found) in [
        ("status=PAID", vec![&second, &first]),
        ("status=WAITING_PAYMENT", vec![&waiting]),
        ("status=REFUNDED", vec![]),
        ("from=2100-01-01T00:00:00Z", vec![]),
        ("to=2100-01-01T00:00:00Z&status=PAID", vec![&second, &first]),
    ] {
        let found: Vec<_> = found.iter().map(|order| &order["orderNo"]).collect();
        assert_eq!(
            numbers(&admin.get(&format!("{PAYMENTS}?{query}")).await?),
            found,
            "{query}"
        );
    }

    let before = admin.get(&path(&first)).await?.json;
    assert_eq!(
        (&before["refundable"], &before["refund"], &before["audit"]),
        (&json!(true), &json!("NONE"), &json!([]))
    );
    assert_eq!(before["attempts"][0]["current"], true);
    assert!(before["paymentId"].is_string(), "{before}");
    let stock = buyer.stock(product).await?;
    let wish = json!({"reason": "arrived broken", "restock": true});
    let answer = admin.post(&format!("{}/refund", path(&first)), &wish).await?;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("REFUNDED")));

    let after = admin.get(&path(&first)).await?.json;
    assert_eq!(
        (&after["refundable"], &after["refund"]),
        (&json!(false), &json!("DONE"))
    );
    let audit = &after["audit"][0];
    assert_eq!(
        (&audit["action"], &audit["reason"], &audit["outcome"]),
        (
            &json!("refund-restock"),
            &json!("arrived broken"),
            &json!("ordered")
        )
    );
    assert!(audit["actor"].as_str().is_some_and(|actor| !actor.is_empty()));
    let saga = admin
        .get(&format!(
            "{SAGAS}/{}",
            first["orderNo"].as_str().unwrap_or_default()
        ))
        .await?;
    assert_eq!(saga.json["audit"], after["audit"], "the saga's page says it too");
    eventually(
        "the piece to be back",
        async || buyer.stock(product).await,
        |left| *left == stock + 1,
    )
    .await?;
    buyer.until(&first, "REFUNDED").await?;
    assert_eq!(
        numbers(&admin.get(&format!("{PAYMENTS}?status=REFUNDED")).await?),
        [&first["orderNo"]]
    );

    let refusal = admin.post(&format!("{}/refund", path(&waiting)), &wish).await?;
    refused(&refusal, 409, "ORDER_NOT_REFUNDABLE");
    let audit = admin.get(&path(&waiting)).await?.json["audit"].clone();
    let outcomes: Vec<_> = audit
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| &entry["outcome"])
        .collect();
    assert_eq!(
        (outcomes.len(), outcomes[0] == "ordered", outcomes[1] == "ordered"),
        (2, true, false),
        "{audit}"
    );
    shop.check_at_rest().await
}

#[tokio::test]
async fn payments_are_the_administrators_and_wrong_questions_are_named() -> Result<()> {
    let shop = open_shop().await?;
    let buyer = Buyer::login(&shop, "buyer@example.com").await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let nobody = format!("{PAYMENTS}/K20261122-0000000000");
    for path in [PAYMENTS, &nobody] {
        refused(&Buyer::stranger(&shop).get(path).await?, 401, "UNAUTHENTICATED");
        refused(&buyer.get(path).await?, 403, "FORBIDDEN");
    }
    refused(&admin.get(&nobody).await?, 404, "ORDER_NOT_FOUND");
    refused(
        &admin.get(&format!("{PAYMENTS}/x")).await?,
        404,
        "ORDER_NOT_FOUND",
    );
    let wish = json!({"reason": "x"});
    refused(
        &admin.post(&format!("{nobody}/refund"), &wish).await?,
        404,
        "ORDER_NOT_FOUND",
    );
    for (query, field) in [
        ("status=SOLD", "status"),
        ("orderNo=K1", "orderNo"),
        ("from=yesterday", "from"),
        ("to=2026-11-22", "to"),
        ("size=101", "size"),
        ("cursor=x", "cursor"),
    ] {
        let answer = admin.get(&format!("{PAYMENTS}?{query}")).await?;
        refused(&answer, 400, "VALIDATION_FAILED");
        assert_eq!(answer.json["errors"][0]["field"], field, "{query}");
    }
    Ok(())
}
