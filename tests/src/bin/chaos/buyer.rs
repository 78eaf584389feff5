//! One visit, through whatever happens: a request that brought no answer is repeated with the same key, as a browser would.

use crate::plan::{Act, Visit};
use crate::tally::Tally;
use anyhow::{Result, bail};
use scenarios::{Answer, Buyer, PayPay, Shop};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;

/// The shop, taken by the killer alone while it starts it again.
pub type SharedShop = Arc<RwLock<Shop>>;

const PAUSE: Duration = Duration::from_millis(250);
/// Repeats before a buyer goes away: longer than a lease, and than a restart.
const PATIENCE: u32 = 480;
/// Refusals for want of PayPay before a buyer goes away.
const REFUSALS: u32 = 4;

#[derive(Debug)]
pub struct Customer {
    pub shop: SharedShop,
    /// In a process of its own: buyers pay while the shop is dead, too.
    pub paypay: PayPay,
    pub email: String,
    pub tally: Tally,
}

impl Customer {
    /// Orders, and does with the code what the plan says.
    pub async fn visit(&self, number: usize, visit: Visit, product: u32) -> Result<()> {
        let body = json!({
            "items": [{"productId": product, "quantity": visit.quantity}], "useBalance": visit.use_balance,
        });
        let key = format!("visit-{number}");
        self.tally.used_key(&key);
        self.tally.act(visit.act.name());
        let Some(order) = self.place(&body, &key, visit.act == Act::DoubleClick).await? else {
            return Ok(());
        };
        tokio::time::sleep(Duration::from_millis(visit.thinks)).await;
        let Some(url) = order["payment"]["url"].as_str() else {
            // The balance paid for all of it.
            return Ok(());
        };
        match visit.act {
            Act::Pay | Act::DoubleClick => self.on_the_phone(url, "approve").await,
            Act::Return => {
                self.on_the_phone(url, "approve").await;
                self.give_back(&order, visit.quantity == 1).await?;
            }
            Act::Decline => self.on_the_phone(url, "decline").await,
            Act::Cancel => self.cancel(&order).await?,
            Act::CancelAndPay => {
                let (canceled, ()) = tokio::join!(self.cancel(&order), self.on_the_phone(url, "approve"));
                canceled?;
            }
            Act::Abandon => {}
        }
        Ok(())
    }

    /// `None`: the shop refused for a reason that a buyer understands.
    async fn place(&self, body: &Value, key: &str, twice: bool) -> Result<Option<Value>> {
        let mut refusals = 0;
        for _ in 0..PATIENCE {
            let answers = if twice {
                let (one, other) = tokio::join!(self.order(body, key), self.order(body, key));
                vec![one, other]
            } else {
                vec![self.order(body, key).await]
            };
            let mut placed = None;
            for answer in answers.iter().flatten().filter(|answer| answer.status == 201) {
                self.tally.placed(key, &answer.json["orderNo"]);
                placed = Some(answer.json.clone());
            }
            if placed.is_some() {
                return Ok(placed);
            }
            for answer in answers.iter().flatten() {
                match (answer.status, answer.code()) {
                    (409, "OUT_OF_STOCK" | "INSUFFICIENT_BALANCE" | "ORDER_FINAL") => return Ok(None),
                    (503 | 504, _) | (409, "REQUEST_IN_PROGRESS") => {}
                    _ => bail!("an order got {} {}", answer.status, answer.json),
                }
                refusals += u32::from(answer.code() == "PAYMENT_UNAVAILABLE");
            }
            if refusals >= REFUSALS {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no answer to the order with key {key} of {}", self.email)
    }

    async fn order(&self, body: &Value, key: &str) -> Result<Answer> {
        let shop = self.shop.read().await;
        let buyer = Buyer::login(&shop, &self.email).await?;
        let answer = buyer.order_body(body, key).await;
        self.tally.answered("POST /api/orders", &answer);
        answer
    }

    async fn cancel(&self, order: &Value) -> Result<()> {
        let call = "POST /api/orders/{orderNo}/cancel";
        for _ in 0..PATIENCE {
            let answer = {
                let shop = self.shop.read().await;
                match Buyer::login(&shop, &self.email).await {
                    Ok(buyer) => buyer.cancel(order).await,
                    Err(error) => Err(error),
                }
            };
            if self.is_settled(call, answer, Some("ORDER_NOT_CANCELABLE"))? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no answer to the cancellation of {}", order["orderNo"])
    }

    /// An administrator refunds the order as soon as it can be refunded. An order that comes to nothing has nothing to give back.
    async fn give_back(&self, order: &Value, restock: bool) -> Result<()> {
        let order_no = order["orderNo"].as_str().unwrap_or_default();
        let path = format!("/api/admin/payments/{order_no}/refund");
        let wish = json!({"reason": "returned", "restock": restock});
        for _ in 0..PATIENCE {
            let answer = {
                let shop = self.shop.read().await;
                match Buyer::admin(&shop, "chaos-admin@example.com").await {
                    Ok(admin) => admin.post(&path, &wish).await,
                    Err(error) => Err(error),
                }
            };
            // Not paid yet, perhaps: the webhook is late or lost.
            let early = matches!(&answer, Ok(answer) if answer.code() == "ORDER_NOT_REFUNDABLE");
            if let Ok(answer) = &answer
                && answer.status == 200
                && answer.json["status"] != "REFUNDED"
            {
                bail!(
                    "a refund was confirmed, and the order is {}",
                    answer.json["status"]
                );
            }
            if self.is_settled("POST /api/admin/payments/{orderNo}/refund", answer, None)? {
                return Ok(());
            }
            if early && self.has_failed(order).await {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no refund of {order_no}")
    }

    async fn has_failed(&self, order: &Value) -> bool {
        let shop = self.shop.read().await;
        match Buyer::login(&shop, &self.email).await {
            Ok(buyer) => matches!(buyer.order_state(order).await, Ok(order) if order["status"] == "FAILED"),
            Err(_) => false,
        }
    }

    /// Counts the answer. `true`: it is final, as the refusal with this code is.
    fn is_settled(&self, call: &str, answer: Result<Answer>, refusal: Option<&str>) -> Result<bool> {
        self.tally.answered(call, &answer);
        match answer {
            Ok(answer) if answer.status == 200 || refusal == Some(answer.code()) => Ok(true),
            Ok(answer) if matches!(answer.status, 409 | 503 | 504) => Ok(false),
            Ok(answer) => bail!("{call} got {} {}", answer.status, answer.json),
            Err(_) => Ok(false),
        }
    }

    /// The phone's button. A code that cannot be paid any more is refused, which is the buyer's bad luck.
    async fn on_the_phone(&self, url: &str, button: &str) {
        for _ in 0..PATIENCE {
            let pressed = if button == "approve" {
                self.paypay.approve(url).await
            } else {
                self.paypay.decline(url).await
            };
            match pressed {
                Ok(_) => return,
                // `approve: 409 …`: the sandbox answered, and will not change its mind.
                Err(error) if error.to_string().contains(": 4") => return,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
