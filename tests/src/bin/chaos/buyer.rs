//! One visit, through whatever happens: a request that brought no answer is repeated with the same key, as a browser would.

use crate::plan::{Act, Visit};
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use scenarios::{Answer, Buyer, Shop};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;

/// The shop, taken by the killer alone while it starts it again.
pub type SharedShop = Arc<RwLock<Shop>>;

const PAUSE: Duration = Duration::from_millis(250);
/// Repeats before a buyer goes away: longer than a lease, and than a restart.
const PATIENCE: u32 = 160;
/// Refusals for want of PayPay before a buyer goes away.
const REFUSALS: u32 = 4;

#[derive(Debug)]
pub struct Customer {
    pub shop: SharedShop,
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
        self.tally.used_key(&self.email);
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
            let placed: Vec<&Value> = answers
                .iter()
                .flatten()
                .filter(|answer| answer.status == 201)
                .map(|answer| &answer.json)
                .collect();
            if let [first, second] = placed[..]
                && first != second
            {
                self.tally.violation(format!(
                    "key {key} of {} gave two answers: {first} {second}",
                    self.email
                ));
            }
            if let Some(order) = placed.first() {
                self.tally.placed(&order["orderNo"]);
                return Ok(Some((*order).clone()));
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
        for _ in 0..PATIENCE {
            let answer = {
                let shop = self.shop.read().await;
                match Buyer::login(&shop, &self.email).await {
                    Ok(buyer) => buyer.cancel(order).await,
                    Err(error) => Err(error),
                }
            };
            self.tally.answered("POST /api/orders/{orderNo}/cancel", &answer);
            match answer {
                Ok(answer) if answer.status == 200 || answer.code() == "ORDER_NOT_CANCELABLE" => {
                    return Ok(());
                }
                Ok(answer) if matches!(answer.status, 409 | 503 | 504) => {}
                Ok(answer) => bail!("a cancellation got {} {}", answer.status, answer.json),
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no answer to the cancellation of {}", order["orderNo"])
    }

    /// The phone's button. A code that cannot be paid any more is refused, which is the buyer's bad luck.
    async fn on_the_phone(&self, url: &str, button: &str) {
        for _ in 0..PATIENCE {
            let pressed = {
                let shop = self.shop.read().await;
                if button == "approve" {
                    shop.approve(url).await
                } else {
                    shop.decline(url).await
                }
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

/// Every order of a buyer, as the shop lists them.
pub async fn orders_of(buyer: &Buyer<'_>) -> Result<Vec<Value>> {
    let (mut orders, mut path) = (Vec::new(), "/api/orders?size=50".to_owned());
    loop {
        let page = buyer.get(&path).await?;
        let items = page.json["items"]
            .as_array()
            .with_context(|| format!("{page:?}"))?;
        orders.extend(items.iter().cloned());
        let Some(cursor) = page.json["nextCursor"].as_str() else {
            return Ok(orders);
        };
        path = format!("/api/orders?size=50&cursor={cursor}");
    }
}
