//! `load --buyers 100 --orders 2000`: many buyers at once against a shop of its own on this machine, every payment approved, every push awaited.
//! Prints what was measured as JSON, and fails if an order is lost, the stock does not add up, or an alert was raised, of which there is no cause.
//! With `--production`, the shop is on MariaDB, Redis and Kafka, which are started for it.

use anyhow::{Context, Result, bail, ensure};
use scenarios::{Buyer, Servers, Shop, ShopOptions, eventually, shelf};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use xtask::services::{Kind, Services};

#[derive(Debug, Default)]
struct Measured {
    checkout: Vec<Duration>,
    push: Vec<Duration>,
    pieces: i64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let (buyers, orders) = (flag("--buyers", 100)?, flag("--orders", 2_000)?);
    let production = std::env::args().any(|argument| argument == "--production");
    let folder = tempfile::Builder::new().prefix("kessai-load-").tempdir()?;
    let path = folder.path().to_owned();
    // They end when this value does.
    let services = match production {
        true => Some(tokio::task::spawn_blocking(move || Services::start_anew(&path, &Kind::ALL)).await??),
        false => None,
    };
    let place = services.as_ref().map(Servers::of).transpose()?;
    let shop = Shop::start(ShopOptions {
        place: place.map(|servers| Arc::new(servers.place())),
        ..ShopOptions::default()
    })
    .await?;
    shelf::fill(&shop).await?;
    let resting = resident_kib(&shop, "VmRSS")?;
    let stranger = Buyer::stranger(&shop);
    let before: i64 = shelf::products(&stranger)
        .await?
        .iter()
        .map(|product| product.stock)
        .sum();
    let left = AtomicUsize::new(orders);
    let mut sessions = Vec::new();
    for number in 0..buyers {
        sessions.push(Buyer::login(&shop, &format!("buyer-{number}@example.com")).await?);
    }
    let started = Instant::now();
    let runs = sessions
        .iter()
        .enumerate()
        .map(|(number, buyer)| shop_until(&shop, buyer, number, &left));
    let measured = futures::future::try_join_all(runs).await?;
    let took = started.elapsed();
    let peak = resident_kib(&shop, "VmHWM")?;

    let after: i64 = shelf::products(&stranger)
        .await?
        .iter()
        .map(|product| product.stock)
        .sum();
    let sold: i64 = measured.iter().map(|one| one.pieces).sum();
    ensure!(
        before - after == sold,
        "stock went from {before} to {after}, but {sold} pieces were sold"
    );
    let mut listed = 0;
    for buyer in &sessions {
        listed += paid_orders(buyer).await?;
    }
    let placed: usize = measured.iter().map(|one| one.checkout.len()).sum();
    ensure!(
        listed == placed && placed == orders,
        "{placed} orders were placed, {listed} are listed as PAID"
    );
    shop.check_at_rest().await?;
    every_event_is_judged(&shop).await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let alerts = admin.get("/api/admin/alerts").await?.json;
    let raised = alerts["items"].as_array().context("items")?;
    ensure!(raised.is_empty(), "false alerts: {alerts}");

    let report = json!({
        "buyers": buyers, "orders": placed, "seconds": took.as_secs_f64(), "ordersPerSecond": placed as f64 / took.as_secs_f64(),
        "checkoutMs": quantiles(measured.iter().flat_map(|one| one.checkout.iter().copied()).collect()),
        "approveToPushMs": quantiles(measured.iter().flat_map(|one| one.push.iter().copied()).collect()),
        "residentMiB": {"atRest": resting / 1024, "peak": peak / 1024},
        "lost": 0, "stockExact": true, "alerts": 0,
        "servers": if production { "MariaDB, Redis, Kafka" } else { "SQLite" },
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// One buyer: orders one piece of something, pays, waits for the push, until enough orders were placed by all.
async fn shop_until(shop: &Shop, buyer: &Buyer<'_>, number: usize, left: &AtomicUsize) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut products = shelf::products(buyer).await?;
    let mut turn = number * 7;
    while left
        .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        let mut attempt = 0;
        let (order, checkout) = loop {
            products.retain(|product| product.stock > 0);
            ensure!(!products.is_empty(), "everything is sold out");
            turn += 1;
            attempt += 1;
            let place = turn % products.len();
            let product = products[place].id;
            let clicked = Instant::now();
            let answer = buyer
                .order(&[(product, 1)], &format!("{number}-{turn}-{attempt}"))
                .await?;
            match (answer.status, answer.code()) {
                (201, _) => break (answer.json, clicked.elapsed()),
                (409, "OUT_OF_STOCK") => products[place].stock = 0,
                _ => bail!("order: {answer:?}"),
            }
        };
        measured.checkout.push(checkout);
        let mut live = buyer.watch(&order).await?;
        live.next().await?;
        let approved = Instant::now();
        shop.approve(order["payment"]["url"].as_str().context("payment.url")?)
            .await?;
        live.until("PAID").await?;
        measured.push.push(approved.elapsed());
        measured.pieces += 1;
    }
    Ok(measured)
}

/// Waits until the rules have seen of each order all that there is to see, and wait for nothing more of it.
async fn every_event_is_judged(shop: &Shop) -> Result<()> {
    let open =
        "SELECT count(*) FROM orders.orders AS o LEFT JOIN worker.alert_state AS s ON s.order_no = o.order_no
                WHERE s.order_no IS NULL OR s.next_deadline IS NOT NULL";
    let count = async || -> Result<i64> {
        Ok(sqlx::query_scalar(open)
            .fetch_one(&mut shop.books().await?)
            .await?)
    };
    eventually("the rules to have judged every order", count, |open| *open == 0)
        .await
        .map(drop)
}

async fn paid_orders(buyer: &Buyer<'_>) -> Result<usize> {
    let (mut count, mut path) = (0, "/api/orders?size=50".to_owned());
    loop {
        let page = buyer.get(&path).await?.json;
        let items = page["items"].as_array().context("items")?;
        count += items.iter().filter(|order| order["status"] == "PAID").count();
        let Some(cursor) = page["nextCursor"].as_str() else {
            return Ok(count);
        };
        path = format!("/api/orders?size=50&cursor={cursor}");
    }
}

fn quantiles(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times
            .get(index)
            .map_or(0.0, |time| (time.as_secs_f64() * 10_000.0).round() / 10.0)
    };
    json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0)})
}

fn flag(name: &str, default: usize) -> Result<usize> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == name) {
        None => Ok(default),
        Some(place) => {
            let value = arguments
                .get(place + 1)
                .with_context(|| format!("{name} needs a number"))?;
            value.parse().with_context(|| format!("{name} {value}"))
        }
    }
}

/// A line of `/proc/<pid>/status`, in KiB.
fn resident_kib(shop: &Shop, line: &str) -> Result<u64> {
    let pid = shop.pid().context("the shop does not run")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|text| {
        text.strip_prefix(line)?
            .strip_prefix(':')?
            .split_whitespace()
            .next()
    });
    value
        .with_context(|| format!("no {line}"))?
        .parse()
        .context("not a number")
}
