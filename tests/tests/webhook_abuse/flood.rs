//! Ten thousand forged webhooks.

use crate::{post, url, waiting_order, webhook};
use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt};
use scenarios::{Buyer, Shop, ShopOptions};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FORGED: usize = 10_000;
/// Forged webhooks under way at once.
const AT_ONCE: usize = 48;
/// Real payments, spread over the flood.
const REAL: usize = 8;
/// So many forged ones between two real ones.
const EACH: usize = FORGED / (REAL + 1);

/// The `number`-th forgery, by turns of every kind, and its refusal.
fn forgery(order: &Value, number: usize) -> (Vec<u8>, u16, &'static str) {
    let unknown = format!("K20261122-{number:010}-1");
    let (body, status, code) = match number % 8 {
        // Most forgers know no order; the number is of the right form, so that it has to be looked for.
        0..=2 => (
            webhook(order, json!({"merchant_order_id": unknown})),
            404,
            "ORDER_NOT_FOUND",
        ),
        3 => (
            webhook(order, json!({"merchant_order_id": format!("guess-{number}")})),
            404,
            "ORDER_NOT_FOUND",
        ),
        4 => (
            webhook(order, json!({"merchant_id": format!("m-{number}")})),
            422,
            "MERCHANT_MISMATCH",
        ),
        5 => (
            webhook(
                order,
                json!({"order_amount": "1", "order_id": number.to_string()}),
            ),
            422,
            "AMOUNT_MISMATCH",
        ),
        6 => (
            webhook(order, json!({"state": format!("STATE{number}")})),
            422,
            "UNKNOWN_STATE",
        ),
        _ => {
            return (
                format!("{{\"forged\": {number}").into_bytes(),
                400,
                "MALFORMED_JSON",
            );
        }
    };
    (body.to_string().into_bytes(), status, code)
}

/// Rows that webhooks could leave.
async fn rows(shop: &Shop) -> Result<(i64, i64, i64)> {
    let sql = "SELECT (SELECT count(*) FROM orders.inbox), (SELECT count(*) FROM orders.outbox), (SELECT count(*) FROM orders.timeline)";
    Ok(sqlx::query_as(sql).fetch_one(&mut shop.books().await?).await?)
}

#[tokio::test]
async fn ten_thousand_forged_webhooks_change_nothing_and_hold_up_no_real_one() -> Result<()> {
    let shop = Shop::start(ShopOptions::default()).await?;
    // The test delivers the real ones itself, once each, so that an answer too late would be a webhook lost.
    shop.faults(json!({"webhook": {"drop": 1}})).await?;
    let buyer = Buyer::login(&shop, "flood@example.com").await?;
    let bait = waiting_order(&buyer, "bait").await?;
    let mut orders = Vec::new();
    for number in 0..REAL {
        orders.push(waiting_order(&buyer, &format!("real-{number}")).await?);
    }
    let before = rows(&shop).await?;
    let bait_before = buyer.order_state(&bait).await?;

    let begun = Instant::now();
    let (answered, real) = (RefCell::new(0_usize), RefCell::new(Vec::new()));
    let codes: RefCell<BTreeMap<&str, usize>> = RefCell::default();
    let headers = [("content-type", "application/json")];
    let forge = async |number: usize| -> Result<()> {
        let (body, status, code) = forgery(&bait, number);
        let sent = shop.http.post(format!("{}/paypay/webhook", shop.url()));
        let answer = sent
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await?;
        let (answered_with, problem): (u16, Value) = (answer.status().as_u16(), answer.json().await?);
        ensure!(
            answered_with == status && problem["code"] == code,
            "{number}: {answered_with} {problem}"
        );
        *answered.borrow_mut() += 1;
        *codes.borrow_mut().entry(code).or_default() += 1;
        Ok(())
    };
    let pay = async |order: &Value| -> Result<()> {
        let payment = shop.approve(url(order)?).await?;
        let body = webhook(order, json!({"order_id": payment["paymentId"]}));
        let sent = Instant::now();
        let answer = post(&shop, "/paypay/webhook", &headers, &body).await?;
        // 503 would mean that the budget had run out before it was stored.
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(*answered.borrow() < FORGED, "the flood was over");
        real.borrow_mut()
            .push((sent.elapsed(), answer.json["outcome"].clone()));
        Ok(())
    };
    let (forge, pay, orders) = (&forge, &pay, &orders);
    let all = futures::stream::iter(1..=FORGED).map(|number| async move {
        forge(number).await?;
        // A real payment after each ninth of the flood but the last.
        match (number / EACH).checked_sub(1).and_then(|which| orders.get(which)) {
            Some(order) if number % EACH == 0 => pay(order).await,
            _ => Ok(()),
        }
    });
    let _: Vec<()> = all.buffer_unordered(AT_ONCE).try_collect().await?;
    let flooded = begun.elapsed();

    assert_eq!((*answered.borrow(), real.borrow().len()), (FORGED, REAL));
    let real = real.into_inner();
    for order in orders {
        buyer.until(order, "PAID").await?;
    }
    for (_, outcome) in &real {
        assert!(
            ["applied", "stored"].iter().any(|good| outcome == good),
            "{outcome}"
        );
    }
    report(flooded, &codes.into_inner(), &real);
    // The forged ones changed nothing: each real payment left one row in the inbox, one line in its history and two events. For the bait there are
    // two alerts: of another merchant, and of another amount.
    let (after, real) = (rows(&shop).await?, i64::try_from(REAL)?);
    assert_eq!(after, (before.0 + real, before.1 + 2 * real + 2, before.2 + real));
    let bait_after = buyer.order_state(&bait).await?;
    assert_eq!(
        (&bait_after["status"], &bait_after["version"]),
        (&bait_before["status"], &bait_before["version"])
    );
    shop.check_at_rest().await
}

fn report(flooded: Duration, codes: &BTreeMap<&str, usize>, real: &[(Duration, Value)]) {
    let mut times: Vec<Duration> = real.iter().map(|(took, _)| *took).collect();
    times.sort();
    let applied = real.iter().filter(|(_, outcome)| outcome == "applied").count();
    println!(
        "{FORGED} forged in {:.1} s, {AT_ONCE} at once: {codes:?}; {REAL} real ones meanwhile, {applied} applied at once, answered in {:?} to {:?}",
        flooded.as_secs_f32(),
        times.first(),
        times.last(),
    );
}
