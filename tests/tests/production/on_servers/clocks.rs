//! Workers of one shop on machines whose clocks differ by minutes.

use super::read;
use anyhow::{Context, Result, ensure};
use domain::Instant;
use scenarios::{Buyer, Servers, Shop, ShopOptions, shelf};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use xtask::faketime;

/// Seconds to pay: much less than the clocks differ by, and enough for a purchase on a busy machine.
const TTL: u32 = 12;
/// Orders that are paid, at each worker.
const PAID: usize = 2;
/// What a request may take.
const BUSY: Duration = Duration::from_secs(5);

/// For a process whose wall clock is off by so much, as `+60s`, and whose monotonic clock is right.
fn clock(off: &str) -> Result<BTreeMap<String, String>> {
    let library = faketime::library().context("Debian's `faketime` is not installed")?;
    Ok([
        ("LD_PRELOAD", library.to_string_lossy().as_ref()),
        ("FAKETIME", off),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into())
}

/// What the worker says of its machine's clock. Seconds.
async fn offset(shop: &Shop) -> Result<f64> {
    let metrics = shop
        .http
        .get(format!("{}/metrics", shop.url()))
        .send()
        .await?
        .text()
        .await?;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("kessai_clock_offset_seconds "));
    Ok(line
        .context("the worker does not say how far it is off")?
        .parse()?)
}

/// An order, whose deadline is by the true time whoever took it.
async fn buy(buyer: &Buyer<'_>, product: u32, key: &str) -> Result<(Value, Instant)> {
    let from = Instant::now();
    let order = buyer.buy(&[(product, 1)], key).await?;
    let until = Instant::now();
    let text = order["payment"]["expiresAt"].as_str().context("expiresAt")?;
    let deadline: Instant = text.parse()?;
    let time_to_pay = Duration::from_secs(TTL.into());
    let slack = Duration::from_secs(1);
    ensure!(
        from.plus(time_to_pay).minus(slack) <= deadline && deadline <= until.plus(time_to_pay).plus(slack),
        "{key} was bought between {from} and {until}, and can be paid until {deadline}"
    );
    Ok((order, deadline))
}

/// Two orders that are paid and one that is not, at one worker.
async fn trade(shop: &Shop, name: &str) -> Result<()> {
    let buyer = Buyer::login(shop, &format!("{name}@example.com")).await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    for number in 0..PAID {
        let (order, _) = buy(&buyer, product.id, &format!("{name}-{number}")).await?;
        shop.approve(order["payment"]["url"].as_str().context("payment.url")?)
            .await?;
        buyer.until(&order, "PAID").await?;
    }
    let (order, deadline) = buy(&buyer, product.id, &format!("{name}-unpaid")).await?;
    buyer.until(&order, "FAILED").await?;
    let seen = Instant::now();
    ensure!(
        seen >= deadline,
        "the order of {name} had time until {deadline}, and was seen expired at {seen}"
    );
    Ok(())
}

/// Looks at the leases that are held: each must end after now, and no later than one that is taken now.
async fn watch_leases(shop: &Shop) -> Result<()> {
    const LENGTH: Duration = Duration::from_secs(12);
    let mut db = shop.place().mysql().await?.context("this shop is not on MySQL")?;
    let sql = format!(
        "SELECT lease_owner, lease_until FROM `{}`.saga_instances WHERE lease_owner IS NOT NULL",
        shop.place().schema("orders")
    );
    loop {
        let asked = Instant::now();
        let held: Vec<(String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql.as_str()))
            .fetch_all(&mut db)
            .await?;
        let told = Instant::now();
        for (owner, until) in held {
            let until = Instant::from_millis(until);
            ensure!(
                asked.minus(BUSY) < until && until < told.plus(LENGTH + BUSY),
                "at {told} {owner} holds a lease until {until}"
            );
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_worker_a_minute_ahead_and_one_a_minute_behind_do_no_harm() -> Result<()> {
    // Without Kafka: its client waits by C's `cnd_timedwait`, which libfaketime leaves to the true clock. Where a machine is really ahead both are, and here the wait would be a minute longer.
    let servers = Servers {
        kafka: None,
        ..Servers::from_environment()?
    };
    let right = Shop::start(ShopOptions {
        place: Some(Arc::new(servers.place())),
        payment_ttl_seconds: Some(TTL),
        sandbox_apart: true,
        ..ShopOptions::default()
    })
    .await?;
    let (ahead, behind) = tokio::try_join!(
        right.beside_with(clock("+60s")?),
        right.beside_with(clock("-60s")?)
    )?;

    let trade = async {
        tokio::try_join!(
            trade(&right, "right"),
            trade(&ahead, "ahead"),
            trade(&behind, "behind")
        )
    };
    tokio::select! {
        traded = trade => { traded?; }
        looked = watch_leases(&right) => looked?,
    }

    right.check_at_rest().await?;
    let alerts = read(&right, "SELECT alert_id FROM worker.alerts").await?;
    ensure!(alerts.is_empty(), "false alerts: {alerts:?}");
    // Their clocks were off indeed, or nothing would be shown here.
    for (shop, expected) in [(&right, 0.0), (&ahead, -60.0), (&behind, 60.0)] {
        let offset = offset(shop).await?;
        ensure!(
            (offset - expected).abs() < 1.0,
            "{offset} s instead of {expected}"
        );
    }
    Ok(())
}
