//! A server is ended under load, as by a power cut, and started again: what buyers hear meanwhile, and what is made up for afterwards.

use crate::load::{Heard, Load};
use crate::{Shop, eventually};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use xtask::services::{Kind, Server, Services};

/// Servers that a test may end and start, shared with the thread that does it.
pub type Shared = Arc<Mutex<Services>>;

/// How long the buyers go on before and after.
const AROUND: Duration = Duration::from_secs(3);

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub server: Kind,
    pub seconds: u64,
    pub buyers: usize,
}

/// An answer of `/health/ready`.
#[derive(Debug)]
struct Health {
    status: u16,
    /// The checks whose own fault it is.
    failing: Vec<String>,
    /// The checks that wait for one of those.
    waiting: Vec<String>,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.failing.join(", "))?;
        if !self.waiting.is_empty() {
            write!(f, "; for which wait {}", self.waiting.join(", "))?;
        }
        Ok(())
    }
}

/// What was seen.
#[derive(Debug)]
pub struct Report {
    outage: Outage,
    heard: Vec<Heard>,
    /// From and until when the server was away, since the load began.
    away: (Duration, Duration),
    orders: usize,
    /// From the server's return until every order was paid, every event was in its topic, and the books agreed.
    drained: Duration,
    events: usize,
    /// What `/health/ready` said in the middle.
    health: Health,
    pub violations: Vec<String>,
}

impl Outage {
    /// Under load on `shop`, whose sandbox must have a process of its own. What no buyer may meet is in the report; an error is what was not made up for.
    pub async fn show(self, shop: &Shop, services: &Shared) -> Result<Report> {
        let load = Load::on(&[shop]);
        let name = format!("{:?}", self.server).to_lowercase();
        let disturb = async {
            let outcome = self.disturb(shop, &load, services).await;
            load.stop();
            outcome
        };
        let (ran, disturbed) = tokio::join!(load.run(&name, self.buyers), disturb);
        ran.context("while the server was away, or after its return")?;
        let (away, back, health) = disturbed?;
        let placed = load.placed.take();
        let events = drained(shop, &placed).await?;
        Ok(Report {
            outage: self,
            heard: load.heard.take(),
            away,
            orders: placed.len(),
            drained: back.elapsed(),
            events,
            health,
            violations: load.violations.take(),
        })
    }

    async fn disturb(
        self,
        shop: &Shop,
        load: &Load<'_>,
        services: &Shared,
    ) -> Result<((Duration, Duration), Instant, Health)> {
        load.more(self.buyers).await?;
        tokio::time::sleep(AROUND).await;
        with(services, self.server, Server::kill).await?;
        let from = load.elapsed();
        let length = Duration::from_secs(self.seconds);
        tokio::time::sleep(length / 2).await;
        let health = health(shop).await?;
        tokio::time::sleep((from + length).saturating_sub(load.elapsed())).await;
        with(services, self.server, Server::start).await?;
        let back = Instant::now();
        let away = (from, load.elapsed());
        load.more(self.buyers)
            .await
            .context("after the server's return")?;
        tokio::time::sleep(AROUND).await;
        Ok((away, back, health))
    }
}

async fn with(services: &Shared, kind: Kind, act: fn(&mut Server) -> Result<()>) -> Result<()> {
    let services = Arc::clone(services);
    let act = move || {
        let mut services = services.lock().unwrap_or_else(PoisonError::into_inner);
        act(services.server(kind).context("this server was not started")?)
    };
    tokio::task::spawn_blocking(act).await?
}

async fn health(shop: &Shop) -> Result<Health> {
    let answer = shop
        .http
        .get(format!("{}/health/ready", shop.url()))
        .send()
        .await?;
    let status = answer.status().as_u16();
    let ready: Value = answer.json().await?;
    let checks = ready["checks"].as_array().context("checks")?;
    let named = |waits: bool| {
        let those = checks
            .iter()
            .filter(|check| check["ok"] == false && check["waitsFor"].is_array() == waits);
        those
            .filter_map(|check| check["name"].as_str().map(str::to_owned))
            .collect()
    };
    Ok(Health {
        status,
        failing: named(false),
        waiting: named(true),
    })
}

/// Waits until every order that was placed is paid, every event is in its topic once at least, and `kessai check` finds nothing. Returns how many events there are.
pub async fn drained(shop: &Shop, placed: &[Value]) -> Result<usize> {
    let unpaid = async || -> Result<Vec<(String, String)>> {
        let sql = "SELECT order_no, status FROM orders.orders";
        let all: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut shop.books().await?).await?;
        let paid: BTreeSet<&str> = all
            .iter()
            .filter(|(_, status)| status == "PAID")
            .map(|(number, _)| number.as_str())
            .collect();
        let numbers = placed.iter().filter_map(|order| order["orderNo"].as_str());
        let lost = numbers
            .filter(|number| !paid.contains(number))
            .map(|number| (number.to_owned(), "not PAID".to_owned()))
            .collect();
        Ok(lost)
    };
    eventually("all orders to be paid", unpaid, Vec::is_empty).await?;
    let events = if shop.place().servers.kafka.is_some() {
        let missing = async || Ok(untold(shop).await?.0);
        eventually("all events to be in their topics", missing, BTreeSet::is_empty).await?;
        untold(shop).await?.1
    } else {
        0
    };
    shop.check_at_rest().await?;
    Ok(events)
}

/// The events of the outbox that are in no topic, and how many there are in the outbox.
async fn untold(shop: &Shop) -> Result<(BTreeSet<String>, usize)> {
    let sql = "SELECT id, topic FROM orders.outbox";
    let outbox: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut shop.books().await?).await?;
    let topics: BTreeSet<&str> = outbox.iter().map(|(_, topic)| topic.as_str()).collect();
    let mut told = BTreeSet::new();
    for topic in topics {
        told.extend(
            shop.place()
                .told(topic)
                .await?
                .iter()
                .map(|told| told.id().to_owned()),
        );
    }
    let missing = outbox
        .iter()
        .filter(|(id, _)| !told.contains(id))
        .map(|(id, _)| id.clone());
    Ok((missing.collect(), outbox.len()))
}

impl Report {
    /// How often each status was heard while the server was away; 0: no answer at all.
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let (from, until) = self.away;
        let mut statuses = BTreeMap::new();
        for heard in self
            .heard
            .iter()
            .filter(|heard| (from..until).contains(&heard.at))
        {
            *statuses.entry(heard.status.unwrap_or(0)).or_default() += 1;
        }
        statuses
    }

    /// An error with the whole table if a buyer met what none may meet, or if the health did not say what is wrong.
    pub fn hold(&self) -> Result<()> {
        ensure!(self.violations.is_empty(), "{self}");
        let wanted = match self.outage.server {
            Kind::Mariadb => "database",
            Kind::Redis => "redis",
            Kind::Kafka => "kafka",
        };
        let failing = &self.health.failing;
        let is_named = !failing.is_empty() && failing.iter().all(|name| name.contains(wanted));
        ensure!(
            is_named,
            "/health/ready is to name {wanted} and nothing else: {}\n{self}",
            self.health
        );
        Ok(())
    }
}

/// Markdown: what was answered, second by second.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.outage.server.title();
        let (from, until) = self.away;
        writeln!(f, "## {title} away for {:.0} s\n", (until - from).as_secs_f32())?;
        writeln!(
            f,
            "| s | {title} | page | login | order | look | longest |\n|--:|---|---|---|---|---|--:|"
        )?;
        let seconds: BTreeSet<u64> = self.heard.iter().map(|heard| heard.at.as_secs()).collect();
        for second in seconds {
            let now: Vec<&Heard> = self
                .heard
                .iter()
                .filter(|heard| heard.at.as_secs() == second)
                .collect();
            let of = |what: &str| {
                let mut counts: BTreeMap<String, usize> = BTreeMap::new();
                for heard in now.iter().filter(|heard| heard.what == what) {
                    let status = heard
                        .status
                        .map_or("no answer".to_owned(), |status| status.to_string());
                    *counts.entry(status).or_default() += 1;
                }
                let cells: Vec<String> = counts
                    .iter()
                    .map(|(status, count)| format!("{count} × {status}"))
                    .collect();
                cells.join(", ")
            };
            let longest = now.iter().map(|heard| heard.took).max().unwrap_or_default();
            let state = if (from.as_secs()..=until.as_secs()).contains(&second) {
                "away"
            } else {
                ""
            };
            writeln!(
                f,
                "| {second} | {state} | {} | {} | {} | {} | {} ms |",
                of("page"),
                of("login"),
                of("order"),
                of("look"),
                longest.as_millis()
            )?;
        }
        writeln!(f, "\n| | |\n|---|--:|")?;
        writeln!(f, "| orders placed, all PAID in the end | {} |", self.orders)?;
        writeln!(
            f,
            "| answers while it was away, by status | {:?} |",
            self.statuses()
        )?;
        writeln!(f, "| `/health/ready` meanwhile | {} |", self.health)?;
        writeln!(
            f,
            "| events of the outbox, all in their topics in the end | {} |",
            self.events
        )?;
        writeln!(
            f,
            "| from its return until orders, topics and `kessai check` were in order | {:.1} s |",
            self.drained.as_secs_f32()
        )?;
        writeln!(f, "| answers that no buyer may get | {} |", self.violations.len())?;
        for violation in &self.violations {
            writeln!(f, "\n- {violation}")?;
        }
        Ok(())
    }
}
