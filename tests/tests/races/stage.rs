//! A shop and a PayPay with a gate in between, both at the test's command.

use crate::gate::{self, Call, Gate};
use anyhow::{Context, Result, ensure};
use axum::middleware::from_fn_with_state;
use kessai_sandbox::{Clock, Sandbox, SandboxConfig};
use paypay::signing::Credentials;
use scenarios::{Answer, Buyer, EventContract, Shop, ShopOptions, eventually, root, shelf};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::net::TcpListener;

/// The credentials and the merchant that spin.toml has for the sandbox.
const KEY: &str = "kessai_sandbox_key";
const SECRET: &str = "kessai_sandbox_secret";
pub const MERCHANT: &str = "kessai-sandbox-merchant";

/// Seconds until the deadline: long enough to buy in, short enough to wait for.
pub const SHORT: Option<u32> = Some(3);
/// How long PayPay keeps an authorization here, in seconds.
pub const AUTHORIZATION_SECONDS: i64 = 30;

#[derive(Debug)]
pub struct Stage {
    pub shop: Shop,
    pub gate: Gate,
    /// The address of PayPay's API and of the buyers' phones.
    paypay: String,
    /// Seconds that PayPay's clock is ahead of ours.
    ahead: Arc<AtomicI64>,
    // Delivers webhooks as long as it lives.
    _sandbox: Sandbox,
}

impl Stage {
    /// `ttl`: seconds a buyer has to pay; spin.toml's default if `None`.
    pub async fn open(ttl: Option<u32>) -> Result<Stage> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let paypay = format!("http://{}", listener.local_addr()?);
        let shop = Shop::start(ShopOptions {
            payment_ttl_seconds: ttl,
            variables: [("paypay_base_url".to_owned(), paypay.clone())].into(),
            ..ShopOptions::default()
        })
        .await?;
        let ahead = Arc::new(AtomicI64::new(0));
        let mut config = SandboxConfig::new(KEY, SECRET, MERCHANT, &paypay)?;
        config.webhook_url = Some(format!("{}/paypay/webhook", shop.url()));
        // Where `kessai check` looks for PayPay's books.
        config.state_file = Some(shop.data().join("sandbox.db"));
        config.authorization_seconds = AUTHORIZATION_SECONDS;
        let seconds = Arc::clone(&ahead);
        config.clock = Clock::new(move || Clock::system().millis() + 1_000 * seconds.load(Ordering::SeqCst));
        let sandbox = Sandbox::new(config).await?;
        let gate = Gate::new(Credentials::new(KEY, SECRET)?);
        let routes = sandbox
            .api_router()
            .layer(from_fn_with_state(gate.clone(), gate::guard));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Stage {
            shop,
            gate,
            paypay,
            ahead,
            _sandbox: sandbox,
        })
    }

    /// Sets PayPay's clock forward. PayPay takes no call whose time is two minutes off.
    pub fn let_pass(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// What the buyer's phone does with the code of this payment, whoever knows its address.
    pub async fn press(&self, payment: &str, button: &str) -> Result<Answer> {
        let code = self.paypay_payment(payment).await?["codeId"].clone();
        let code = code.as_str().context("codeId")?;
        let path = format!("/sandbox/codes/{code}/{button}");
        self.paypay_post(&path, &json!({})).await
    }

    /// The buyer pays.
    pub async fn approve(&self, payment: &str) -> Result<Value> {
        let answer = self.press(payment, "approve").await?;
        ensure!(answer.status == 200, "approve: {answer:?}");
        Ok(answer.json)
    }

    /// Sends PayPay's webhooks about a payment once more, all of them.
    pub async fn replay(&self, payment: &str) -> Result<()> {
        for delivery in self.deliveries(payment).await? {
            let path = format!("/sandbox/webhooks/{}/replay", delivery["id"]);
            let answer = self.paypay_post(&path, &json!({})).await?;
            ensure!(answer.status == 202, "replay: {answer:?}");
        }
        Ok(())
    }

    /// Waits until every webhook about a payment was accepted by the shop, at least `least` of them.
    pub async fn delivered(&self, payment: &str, least: usize) -> Result<()> {
        eventually(
            "the webhooks to be delivered",
            async || self.deliveries(payment).await,
            |all| all.len() >= least && all.iter().all(|one| one["outcome"] == "DELIVERED"),
        )
        .await
        .map(|_| ())
    }

    async fn deliveries(&self, payment: &str) -> Result<Vec<Value>> {
        let payment = self.paypay_payment(payment).await?;
        payment["deliveries"].as_array().cloned().context("deliveries")
    }

    pub async fn lose_webhooks(&self) -> Result<()> {
        let url = format!("{}/sandbox/faults", self.paypay);
        let faults = json!({"webhook": {"drop": 1}});
        self.shop
            .http
            .put(url)
            .json(&faults)
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// What PayPay believes of a payment.
    pub async fn paypay_payment(&self, payment: &str) -> Result<Value> {
        let url = format!("{}/sandbox/payments/{payment}", self.paypay);
        let answer = self.shop.http.get(url).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    async fn paypay_post(&self, path: &str, body: &Value) -> Result<Answer> {
        let url = format!("{}{path}", self.paypay);
        let answer = self.shop.http.post(url).json(body).send().await?;
        Ok(Answer {
            status: answer.status().as_u16(),
            content_type: String::new(),
            bytes: Vec::new(),
            json: answer.json().await?,
        })
    }

    /// A webhook of the test's own, about a payment of this order.
    pub async fn webhook(&self, order: &Value, change: Value) -> Result<Answer> {
        let mut body = json!({
            "notification_type": "Transaction", "merchant_id": MERCHANT, "order_id": "04000000000000000001",
            "merchant_order_id": first_payment(order)?, "paid_at": "2026-11-22T10:00:00+09:00",
            "order_amount": order["amount"].to_string(), "state": "COMPLETED",
        });
        if let (Some(body), Value::Object(change)) = (body.as_object_mut(), change) {
            body.extend(change);
        }
        Buyer::stranger(&self.shop).post("/paypay/webhook", &body).await
    }

    /// The same, sent again as PayPay does until the shop has taken it.
    pub async fn webhook_taken(&self, order: &Value, change: Value) -> Result<Answer> {
        let send = async || self.webhook(order, change.clone()).await;
        eventually("the webhook to be taken", send, |answer| answer.status == 200).await
    }

    /// The data of this order's events of a type, oldest first; each as `docs/asyncapi.yaml` says.
    pub async fn events(&self, order: &Value, kind: &str) -> Result<Vec<Value>> {
        let contract = EventContract::load(&root().join("docs/asyncapi.yaml"))?;
        let sql = "SELECT topic, data FROM orders.outbox WHERE key = ?1 AND type = ?2 ORDER BY seq";
        let found: Vec<(String, String)> = sqlx::query_as(sql)
            .bind(order_no(order)?)
            .bind(kind)
            .fetch_all(&mut self.shop.books().await?)
            .await?;
        let read = |(topic, data): &(String, String)| {
            let data = serde_json::from_str(data)?;
            contract.hold(topic, kind, &data)?;
            Ok(data)
        };
        found.iter().map(read).collect()
    }

    /// How many events of a type this order has whose data has these members.
    pub async fn count(&self, order: &Value, kind: &str, members: Value) -> Result<usize> {
        let members = members.as_object().cloned().unwrap_or_default();
        let found = self.events(order, kind).await?;
        let matching = |data: &&Value| members.iter().all(|(name, value)| data[name] == *value);
        Ok(found.iter().filter(matching).count())
    }

    /// How many requests the shop works on now.
    pub async fn in_flight(&self) -> Result<u32> {
        let url = format!("{}/metrics", self.shop.url());
        let figures = self.shop.http.get(url).send().await?.text().await?;
        let line = figures
            .lines()
            .find_map(|line| line.strip_prefix("kessai_http_requests_in_flight "));
        Ok(line.context("no such figure")?.parse()?)
    }
}

pub fn order_no(order: &Value) -> Result<&str> {
    order["orderNo"].as_str().context("orderNo")
}

/// The id of an order's first payment attempt at PayPay.
pub fn first_payment(order: &Value) -> Result<String> {
    Ok(format!("{}-1", order_no(order)?))
}

/// How often the order's history has this line.
pub fn times(order: &Value, event: &str) -> usize {
    let timeline = order["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    timeline.iter().filter(|entry| entry["event"] == event).count()
}

/// A buyer's purchase, and the shelf as it was before.
#[derive(Debug)]
pub struct Purchase {
    pub order: Value,
    /// The first attempt's id at PayPay.
    pub payment: String,
    product: shelf::Product,
    quantity: i64,
}

impl Purchase {
    /// Places an order for two pieces, none of it from the balance.
    pub async fn of(buyer: &Buyer<'_>) -> Result<Purchase> {
        let (product, quantity) = (shelf::plenty(buyer, 1).await?[0], 2);
        let items = json!([{"productId": product.id, "quantity": quantity}]);
        let answer = buyer
            .order_body(&json!({"items": items, "useBalance": false}), "one-key")
            .await?;
        ensure!(answer.status == 201, "{answer:?}");
        Ok(Purchase {
            payment: first_payment(&answer.json)?,
            order: answer.json,
            product,
            quantity,
        })
    }

    /// The pieces are the buyer's.
    pub async fn is_sold(&self, buyer: &Buyer<'_>) -> Result<()> {
        let (left, expected) = (
            buyer.stock(self.product.id).await?,
            self.product.stock - self.quantity,
        );
        ensure!(left == expected, "{left} left, not {expected}");
        Ok(())
    }

    /// The pieces are back on the shelf.
    pub async fn is_undone(&self, buyer: &Buyer<'_>) -> Result<()> {
        let left = buyer.stock(self.product.id).await?;
        ensure!(
            left == self.product.stock,
            "{left} left, not {}",
            self.product.stock
        );
        Ok(())
    }

    /// The order has failed, and its payment was given back, once, in full.
    pub async fn is_given_back_once(&self, stage: &Stage, buyer: &Buyer<'_>) -> Result<()> {
        stage.shop.check_at_rest().await?;
        let order = buyer.order_state(&self.order).await?;
        let (status, payment_status) = (order["status"].as_str(), order["paymentStatus"].as_str());
        assert_eq!(
            (status, payment_status),
            (Some("FAILED"), Some("REFUNDED")),
            "{order}"
        );
        assert_eq!(
            (times(&order, "PAYMENT_REFUNDED"), times(&order, "PAID")),
            (1, 0),
            "{order}"
        );
        assert_eq!(stage.count(&self.order, "RefundIssued", json!({})).await?, 1);
        assert_eq!(stage.gate.served(Call::Refund), 1);
        let payment = stage.paypay_payment(&self.payment).await?;
        assert_eq!(payment["refunds"].as_array().map(Vec::len), Some(1), "{payment}");
        assert_eq!(payment["refunds"][0]["amount"]["amount"], payment["amount"]);
        self.is_undone(buyer).await
    }
}
