//! `kessai reconcile`: differences that faults have made, found beside a dead shop, put right where there is one right answer.

use anyhow::{Context, Result, ensure};
use domain::Instant;
use paypay::signing::{Body, Credentials, Signed, sign};
use scenarios::{Buyer, Shop, ShopOptions, shelf};
use serde_json::{Value, json};

/// All that ever was and will be.
const ALWAYS: [&str; 4] = ["--from", "2000-01-01", "--to", "2100-01-01"];
/// The credentials and the merchant that spin.toml has for the sandbox.
const KEY: &str = "kessai_sandbox_key";
const SECRET: &str = "kessai_sandbox_secret";
const MERCHANT: &str = "kessai-sandbox-merchant";

/// The command's exit code and what it printed. It finds the sandbox by the addresses, as an operator would tell it.
fn reconcile(shop: &Shop, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let (shop_address, paypay) = (shop.url(), shop.paypay_url());
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let (listen, sandbox) = (address(&shop_address), address(&paypay));
    let place = ["--listen", &listen, "--sandbox-listen", &sandbox];
    let output = shop.kessai(&[&["reconcile"], arguments, &place].concat())?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(text)?))
}

/// The line of the table that is about this order.
fn line<'a>(table: &'a str, order: &Value) -> Option<&'a str> {
    let order_no = order["orderNo"].as_str()?;
    table.lines().find(|line| line.starts_with(order_no))
}

fn payment(order: &Value) -> String {
    format!("{}-1", order["orderNo"].as_str().unwrap_or_default())
}

/// Somebody gives the money back in PayPay's console: our shop hears nothing of it.
async fn refund_at_the_desk(shop: &Shop, order: &Value) -> Result<()> {
    let known = shop.paypay_payment(&payment(order)).await?;
    let now = Instant::now().millis() / 1_000;
    let body = json!({
        "merchantRefundId": "desk-1", "paymentId": known["paymentId"], "requestedAt": now,
        "amount": {"amount": order["amount"], "currency": "JPY"},
    })
    .to_string();
    let signed = Signed {
        method: "POST",
        path: "/v2/refunds",
        body: Some(Body {
            content_type: "application/json",
            bytes: body.as_bytes(),
        }),
    };
    let authorization = sign(&Credentials::new(KEY, SECRET)?, &signed, "desk", now);
    let sent = shop.http.post(format!("{}/v2/refunds", shop.paypay_url()));
    let answer = sent
        .header("authorization", authorization.to_string())
        .header("x-assume-merchant", MERCHANT)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == 201, "{status} {text}");
    Ok(())
}

/// What our books say, and which alerts they have raised.
struct Books<'a>(&'a Shop);

impl Books<'_> {
    async fn status(&self, order: &Value) -> Result<String> {
        let sql = "SELECT status FROM orders.orders WHERE order_no = ?";
        let row = sqlx::query_scalar(sql).bind(order["orderNo"].as_str());
        Ok(row.fetch_one(&mut self.0.books().await?).await?)
    }

    /// The order of each alert of rule R.
    async fn alerts(&self) -> Result<Vec<String>> {
        let sql = "SELECT key FROM orders.outbox WHERE type = 'AlertRaised' AND json_extract(data, '$.ruleId') = 'R' ORDER BY seq";
        Ok(sqlx::query_scalar(sql)
            .fetch_all(&mut self.0.books().await?)
            .await?)
    }
}

#[tokio::test]
async fn what_the_shop_missed_is_found_and_put_right_or_told() -> Result<()> {
    let mut shop = Shop::start(ShopOptions {
        sandbox_apart: true,
        ..ShopOptions::default()
    })
    .await?;
    let buyer = Buyer::login(&shop, "books@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0].id;
    let buy = async |key: &str| buyer.buy(&[(product, 1)], key).await;
    let (missed, returned, untouched) = (buy("r-1").await?, buy("r-2").await?, buy("r-3").await?);
    let url = |order: &Value| order["payment"]["url"].as_str().map(str::to_owned).context("url");
    shop.approve(&url(&returned)?).await?;
    buyer.until(&returned, "PAID").await?;
    assert_eq!(
        reconcile(&shop, &ALWAYS)?,
        (
            Some(0),
            "3 payments compared, 0 differences, 0 put right\n".to_owned()
        )
    );

    // Every webhook is lost, and nobody is there who could ask.
    let paypay = shop.paypay();
    paypay.faults(json!({"webhook": {"drop": 1}})).await?;
    shop.kill()?;
    paypay.approve(&url(&missed)?).await?;
    refund_at_the_desk(&shop, &returned).await?;

    let (code, table) = reconcile(&shop, &ALWAYS)?;
    assert_eq!(code, Some(1), "{table}");
    assert!(
        table.contains("3 payments compared, 2 differences, 0 put right"),
        "{table}"
    );
    for (order, ours, theirs, verdict) in [
        (&missed, "WAITING_PAYMENT", "COMPLETED", "repairable"),
        (&returned, "PAID", "REFUNDED", "unresolved"),
    ] {
        let line = line(&table, order).with_context(|| table.clone())?;
        assert!(
            [ours, theirs, verdict].iter().all(|word| line.contains(word)),
            "{line}"
        );
    }
    assert_eq!(line(&table, &untouched), None, "{table}");
    let books = Books(&shop);
    // Looking changes nothing.
    assert_eq!(books.status(&missed).await?, "WAITING_PAYMENT");
    assert_eq!(books.alerts().await?, Vec::<String>::new());
    assert_eq!(
        reconcile(&shop, &["--from", "2000-01-01", "--to", "2000-01-02"])?,
        (
            Some(0),
            "0 payments compared, 0 differences, 0 put right\n".to_owned()
        )
    );

    let applied = [&ALWAYS[..], &["--apply"]].concat();
    let (code, table) = reconcile(&shop, &applied)?;
    assert_eq!(code, Some(1), "{table}");
    assert!(table.contains("2 differences, 1 put right"), "{table}");
    assert!(
        line(&table, &missed).is_some_and(|line| line.contains("repaired")),
        "{table}"
    );
    assert_eq!(books.status(&missed).await?, "PAID");
    assert_eq!(books.status(&returned).await?, "PAID", "no machine decides this");
    let told = [returned["orderNo"].as_str().context("orderNo")?];
    assert_eq!(books.alerts().await?, told);
    // Once more: what was put right stays so, and nobody is told twice.
    let (code, table) = reconcile(&shop, &applied)?;
    assert_eq!((code, line(&table, &missed)), (Some(1), None), "{table}");
    assert_eq!(books.alerts().await?, told);

    // A person decides: the order follows its money. Its refund finds that done.
    shop.restart().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let path = format!("/api/admin/payments/{}/refund", told[0]);
    let answer = admin
        .post(&path, &json!({"reason": "refunded at PayPay's desk"}))
        .await?;
    assert_eq!(
        (answer.status, &answer.json["status"]),
        (200, &json!("REFUNDED")),
        "{}",
        answer.json
    );
    let (code, table) = reconcile(&shop, &ALWAYS)?;
    assert_eq!(code, Some(0), "{table}");
    shop.check_at_rest().await
}
