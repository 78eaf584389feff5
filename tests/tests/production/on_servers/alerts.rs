//! Rules A to D over a real Kafka, each by its fault caused for real, among orders of which nothing is to be told; then everything once more from the start.

use super::{browser, meddle, read};
use crate::gate::{Call, Fate};
use crate::stage::{Stage, order_no};
use anyhow::{Context, Result};
use scenarios::{Answer, Buyer, EventContract, ShopOptions, eventually, root, shelf};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const ALERTS: &str = "alerts.order_payment_inconsistency.v1";
/// Orders that go as they should.
const ORDINARY: usize = 12;
/// Seconds: long enough for a busy machine, short enough to wait for.
const GRACE: &str = "8";
/// Seconds to pay.
const TTL: Option<u32> = Some(12);

/// Rule and order of each alert, and its id.
type Found = BTreeSet<(String, String, String)>;

fn found(alert: &Value) -> (String, String, String) {
    let text = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    (text("ruleId"), text("orderNo"), text("alertId"))
}

/// The request that the page makes.
async fn on_the_page(admin: &Buyer<'_>) -> Result<Found> {
    let answer: Answer = admin.get("/api/admin/alerts?size=100").await?;
    let items = answer.json["items"]
        .as_array()
        .with_context(|| format!("{answer:?}"))?;
    Ok(items.iter().map(found).collect())
}

async fn in_the_topic(stage: &Stage) -> Result<Found> {
    let contract = EventContract::load(&root().join("docs/asyncapi.yaml"))?;
    let told = stage.shop.place().told(ALERTS).await?;
    for message in &told {
        contract.hold(ALERTS, message.kind(), &message.data)?;
        contract.hold_headers(&json!(message.headers))?;
    }
    Ok(told.iter().map(|message| found(&message.data)).collect())
}

/// A payment succeeds, and the order cannot be brought forward: the stock is out of reach.
async fn rule_a(stage: &Stage, buyer: &Buyer<'_>) -> Result<Value> {
    let order = buy(buyer, "rule-a").await?;
    meddle(
        stage.shop.place(),
        "inventory",
        "RENAME TABLE reservations TO elsewhere",
    )
    .await?;
    stage.approve(&format!("{}-1", order_no(&order)?)).await?;
    Ok(order)
}

/// The word that the payment succeeded is lost on its way: it goes where nobody listens.
async fn rule_b(stage: &Stage, buyer: &Buyer<'_>) -> Result<Value> {
    let order = buy(buyer, "rule-b").await?;
    let lose = format!(
        "CREATE TRIGGER lose BEFORE INSERT ON outbox FOR EACH ROW SET NEW.topic = IF(NEW.`key` = '{}' AND NEW.type = 'PaymentStatusObserved',
         'alerts.dead_letter.v1', NEW.topic)",
        order_no(&order)?
    );
    meddle(stage.shop.place(), "orders", &lose).await?;
    stage.approve(&format!("{}-1", order_no(&order)?)).await?;
    buyer.until(&order, "PAID").await?;
    meddle(stage.shop.place(), "orders", "DROP TRIGGER lose").await?;
    Ok(order)
}

/// The buyer pays when the order has expired, and the money goes back.
async fn rule_c(stage: &Stage, buyer: &Buyer<'_>) -> Result<Value> {
    let deleting = stage.gate.rule(Call::DeleteCode, Fate::Swallowed);
    let order = buy(buyer, "rule-c").await?;
    buyer.until(&order, "FAILED").await?;
    deleting.lift();
    stage.approve(&format!("{}-1", order_no(&order)?)).await?;
    Ok(order)
}

/// The answer to the first request for a code is lost, so there are two codes, and both are paid.
async fn rule_d(stage: &Stage, buyer: &Buyer<'_>) -> Result<Value> {
    let asking = stage.gate.rule(Call::CreateCode, Fate::AnswerLost(1));
    let order = buy(buyer, "rule-d").await?;
    asking.lift();
    stage.approve(&format!("{}-2", order_no(&order)?)).await?;
    buyer.until(&order, "PAID").await?;
    stage.approve(&format!("{}-1", order_no(&order)?)).await?;
    Ok(order)
}

async fn buy(buyer: &Buyer<'_>, key: &str) -> Result<Value> {
    let product = shelf::plenty(buyer, 1).await?[0];
    let items = json!([{"productId": product.id, "quantity": 1}]);
    let answer = buyer
        .order_body(&json!({"items": items, "useBalance": false}), key)
        .await?;
    anyhow::ensure!(answer.status == 201, "{answer:?}");
    Ok(answer.json)
}

#[tokio::test]
async fn each_rule_tells_its_fault_once_and_nothing_else() -> Result<()> {
    let grace = |name: &str| (format!("KESSAI_ALERT_{name}_GRACE"), GRACE.to_owned());
    let mut stage = Stage::open_with(ShopOptions {
        payment_ttl_seconds: TTL,
        environment: [grace("UPDATE"), grace("PAYMENT")].into(),
        ..ShopOptions::default()
    })
    .await?;
    let expected = {
        let buyer = Buyer::login(&stage.shop, "alerts@example.com").await?;
        let admin = Buyer::admin(&stage.shop, "operator@example.com").await?;
        for number in 0..ORDINARY {
            let order = buy(&buyer, &format!("ordinary-{number}")).await?;
            stage.approve(&format!("{}-1", order_no(&order)?)).await?;
            buyer.until(&order, "PAID").await?;
        }
        let expected: BTreeMap<&str, Value> = [
            ("B", rule_b(&stage, &buyer).await?),
            ("C", rule_c(&stage, &buyer).await?),
            ("D", rule_d(&stage, &buyer).await?),
            ("A", rule_a(&stage, &buyer).await?),
        ]
        .into();
        let wanted: BTreeSet<(String, String)> = expected
            .iter()
            .map(|(rule, order)| Ok(((*rule).to_owned(), order_no(order)?.to_owned())))
            .collect::<Result<_>>()?;
        let are_those = |seen: &Found| {
            let seen: BTreeSet<(String, String)> = seen
                .iter()
                .map(|(rule, order, _)| (rule.clone(), order.clone()))
                .collect();
            wanted.is_subset(&seen)
        };
        let page = eventually(
            "the alerts on the page",
            async || on_the_page(&admin).await,
            are_those,
        )
        .await?;
        meddle(
            stage.shop.place(),
            "inventory",
            "RENAME TABLE elsewhere TO reservations",
        )
        .await?;
        // What was late is done all the same, and everything is in order again.
        buyer.until(&expected["A"], "PAID").await?;
        stage.shop.check_at_rest().await?;
        assert_eq!(page.len(), wanted.len(), "a false alert: {page:?}");
        assert_eq!(in_the_topic(&stage).await?, page);
        let command = stage.shop.kessai(&["alerts", "list", "--json"])?;
        let listed: Value = serde_json::from_slice(&command.stdout)?;
        let listed = listed["items"]
            .as_array()
            .context("items")?
            .iter()
            .map(found)
            .collect::<Found>();
        assert_eq!(listed, page);
        let orders: BTreeMap<&String, &String> = wanted.iter().map(|(rule, order)| (rule, order)).collect();
        browser::visit(&stage.shop, "alerts", &serde_json::to_string(&orders)?).await?;
        page
    };

    // The worker's memory is lost, all of it: every event is told again and read from the start.
    stage.shop.kill()?;
    let place = stage.shop.place().clone();
    let schema = place.schema("worker");
    meddle(&place, "worker", &format!("DROP SCHEMA `{schema}`")).await?;
    stage.shop.restart().await?;
    let admin = Buyer::admin(&stage.shop, "operator@example.com").await?;
    let again = eventually(
        "the alerts to be raised again",
        async || on_the_page(&admin).await,
        |seen| seen.len() >= expected.len(),
    )
    .await?;
    assert_eq!(again, expected);
    // No order is unknown to the processor, so nothing more is to come.
    eventually(
        "every event to be read again",
        async || read(&stage.shop, "SELECT order_no FROM orders.orders WHERE order_no NOT IN (SELECT order_no FROM worker.alert_state)").await,
        Vec::is_empty,
    )
    .await?;
    assert_eq!(on_the_page(&admin).await?, expected);
    assert_eq!(in_the_topic(&stage).await?, expected);
    Ok(())
}
