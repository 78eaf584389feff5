//! Buyers who order and pay, one order after the other, whatever they are answered.

use crate::{Answer, Buyer, PATIENCE, Shop, shelf};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// After an answer that asks to try again, and between two orders.
const PAUSE: Duration = Duration::from_millis(100);
/// Somebody who hears nothing for so long goes away: nothing may keep a buyer waiting longer.
const LONGEST: Duration = Duration::from_secs(20);
/// Their quantity is 1, so that a load of minutes does not empty the shelves at once.
const PRODUCTS: usize = 24;

/// One answer that a buyer got.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Since the load began.
    pub at: Duration,
    pub took: Duration,
    /// What was asked for: `page`, `login`, `order`, `look`.
    pub what: &'static str,
    /// `None`: the connection broke.
    pub status: Option<u16>,
    pub code: String,
}

/// Buyers at work. They share one thread with whoever disturbs them.
#[derive(Debug)]
pub struct Load<'a> {
    shops: Vec<&'a Shop>,
    /// A connection may break, as when a worker is killed; the buyer goes to the next shop then.
    pub breaks_allowed: bool,
    begun: Instant,
    over: Cell<bool>,
    pub heard: RefCell<Vec<Heard>>,
    /// The answers to orders that were placed.
    pub placed: RefCell<Vec<Value>>,
    /// What no buyer may meet.
    pub violations: RefCell<Vec<String>>,
}

impl<'a> Load<'a> {
    /// Over the addresses of one shop.
    pub fn on(shops: &[&'a Shop]) -> Load<'a> {
        Load {
            shops: shops.to_vec(),
            breaks_allowed: false,
            begun: Instant::now(),
            over: Cell::new(false),
            heard: RefCell::default(),
            placed: RefCell::default(),
            violations: RefCell::default(),
        }
    }

    /// The time since it began.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// No further order is begun; those under way go on to their end.
    pub fn stop(&self) {
        self.over.set(true);
    }

    /// Waits until so many orders were placed since now.
    pub async fn more(&self, orders: usize) -> Result<()> {
        let wanted = self.placed.borrow().len() + orders;
        crate::eventually(
            "orders to be placed",
            async || Ok(self.placed.borrow().len()),
            |placed| *placed >= wanted,
        )
        .await
        .map(|_| ())
    }

    /// Runs until [`Self::stop`]. `name` tells this load's buyers and keys from another's.
    pub async fn run(&self, name: &str, buyers: usize) -> Result<()> {
        let shelf = shelf::plenty(&Buyer::stranger(self.shops[0]), PRODUCTS).await?;
        let products: Vec<u32> = shelf.iter().map(|product| product.id).collect();
        let all = (0..buyers).map(|number| self.shop_on(name, number, &products));
        futures::future::try_join_all(all).await.map(|_| ())
    }

    async fn shop_on(&self, name: &str, number: usize, products: &[u32]) -> Result<()> {
        let mut visitor = Visitor {
            load: self,
            email: format!("{name}-{number}@example.com"),
            at: number % self.shops.len(),
            cookie: None,
        };
        let mut visit = 0;
        while !self.over.get() {
            let product = products[(visit * 7 + number) % products.len()];
            visitor
                .visit(product, &format!("{name}-{number}-{visit}"))
                .await?;
            visit += 1;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    fn note(&self, what: &'static str, asked: Instant, answer: &Result<Answer>) {
        let (status, code) = match answer {
            Ok(answer) => (Some(answer.status), answer.code().to_owned()),
            Err(_) => (None, String::new()),
        };
        let heard = Heard {
            at: self.elapsed(),
            took: asked.elapsed(),
            what,
            status,
            code,
        };
        let wrong = match answer {
            Err(error) if !(self.breaks_allowed && is_broken(error)) => Some(format!("{error:#}")),
            Ok(answer) if !is_expected(what, answer) => Some(format!("{} {}", answer.status, answer.json)),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let at = heard.at.as_secs_f32();
            self.violations
                .borrow_mut()
                .push(format!("{at:.1} s, {what}: {wrong}"));
        }
        self.heard.borrow_mut().push(heard);
    }
}

/// Whether it is the connection, not what came over it.
fn is_broken(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<reqwest::Error>()
        .is_some_and(|error| !error.is_timeout())
}

/// What a buyer may be answered while parts of the shop are away; that it is documented at all, [`Buyer`] has seen to.
fn is_expected(what: &str, answer: &Answer) -> bool {
    match answer.status {
        200 | 201 => true,
        // The session was in Redis, and Redis came back empty.
        401 => what != "page",
        409 => ["REQUEST_IN_PROGRESS", "OUT_OF_STOCK"].contains(&answer.code()),
        503 => answer.content_type == "application/problem+json" && !answer.code().is_empty(),
        _ => false,
    }
}

struct Visitor<'l, 'a> {
    load: &'l Load<'a>,
    email: String,
    /// The address where this buyer is now.
    at: usize,
    cookie: Option<String>,
}

impl Visitor<'_, '_> {
    fn shop(&self) -> &Shop {
        self.load.shops[self.at]
    }

    async fn ask(
        &mut self,
        what: &'static str,
        asking: impl AsyncFn(&mut Buyer<'_>) -> Result<Answer>,
    ) -> Result<Answer> {
        let asked = Instant::now();
        let mut buyer = Buyer::with_cookie(self.load.shops[self.at], self.cookie.clone());
        let answer = match tokio::time::timeout(LONGEST, asking(&mut buyer)).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow::anyhow!("no answer in {} s", LONGEST.as_secs())),
        };
        self.cookie = buyer.into_cookie();
        self.load.note(what, asked, &answer);
        if answer.is_err() {
            self.at = (self.at + 1) % self.load.shops.len();
        }
        answer
    }

    /// Looks around, orders under one key until the order is placed, pays, and looks at it once.
    async fn visit(&mut self, product: u32, key: &str) -> Result<()> {
        let _ = self
            .ask("page", async |buyer| buyer.get("/api/products?size=10").await)
            .await;
        let wish = json!({"items": [{"productId": product, "quantity": 1}], "useBalance": false});
        let give_up = Instant::now() + self.patience();
        let order = loop {
            ensure!(Instant::now() < give_up, "{key} could not be ordered");
            if self.cookie.is_none() && !self.login().await? {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            match self
                .ask("order", async |buyer| buyer.order_body(&wish, key).await)
                .await
            {
                Ok(answer) if answer.status == 201 => break answer.json,
                Ok(answer) if answer.code() == "OUT_OF_STOCK" => return Ok(()),
                Ok(answer) if answer.status == 401 => self.cookie = None,
                _ => tokio::time::sleep(PAUSE).await,
            }
        };
        let url = order["payment"]["url"].as_str().context("payment.url")?;
        // The sandbox has a process of its own; its address is the same at every shop.
        self.shop().approve(url).await?;
        let path = format!("/api/orders/{}", order["orderNo"].as_str().context("orderNo")?);
        let _ = self.ask("look", async |buyer| buyer.get(&path).await).await;
        self.load.placed.borrow_mut().push(order);
        Ok(())
    }

    /// An outage may be long; the end of patience is for what comes after it.
    fn patience(&self) -> Duration {
        3 * PATIENCE
    }

    async fn login(&mut self) -> Result<bool> {
        // From the development issuer, which knows nothing of any server.
        let Ok(token) = self.shop().token(&self.email).await else {
            self.at = (self.at + 1) % self.load.shops.len();
            return Ok(false);
        };
        let answer = self.ask("login", async |buyer| buyer.session(&token).await).await;
        Ok(answer.is_ok_and(|answer| answer.status == 200))
    }
}
