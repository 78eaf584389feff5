//! `chaos --orders 2000 --kills 200 --seed 1`: buyers who pay, decline, cancel, abandon and click twice, while the shop is killed, webhooks vanish, repeat and
//! overtake each other, and PayPay fails and stalls. Then it heals, waits until everything has come to rest, and holds the books to the invariants and to
//! PayPay's. Exit code 1 if anything was lost or doubled. `cargo xtask chaos` builds what it needs.

mod buyer;
mod plan;
mod report;
mod tally;

use anyhow::{Context, Result};
use buyer::{Customer, SharedShop, orders_of};
use plan::Plan;
use report::{Report, Settings};
use scenarios::{Buyer, Shop, ShopOptions, eventually, shelf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::sync::RwLock;

/// Seconds that a buyer has to pay: abandoned orders end within the run.
const TTL: u32 = 20;
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    tokio::task::LocalSet::new().run_until(run()).await
}

async fn run() -> Result<ExitCode> {
    let settings = Settings::from_arguments()?;
    let plan = Arc::new(Plan::draw(settings.seed, settings.orders, settings.kills));
    eprintln!(
        "seed {}: {} orders, {} kills, plan {:016x}",
        settings.seed,
        plan.visits.len(),
        plan.kills.len(),
        plan.fingerprint()
    );
    let shop = Shop::start(ShopOptions {
        payment_ttl_seconds: Some(TTL),
        ..ShopOptions::default()
    })
    .await?;
    let products: Vec<u32> = shelf::products(&Buyer::stranger(&shop))
        .await?
        .iter()
        .filter(|product| product.stock > 0)
        .map(|product| product.id)
        .collect();
    let shop: SharedShop = Arc::new(RwLock::new(shop));
    let (tally, begun) = (Tally::default(), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();

    let killer = tokio::task::spawn_local(kill(shop.clone(), plan.clone(), begun.clone(), tally.clone()));
    let weather = tokio::task::spawn_local(make_weather(shop.clone(), plan.clone(), begun.clone()));
    let deadline = started + settings.longest;
    let customers = (0..settings.buyers).map(|number| {
        let customer = Customer {
            shop: shop.clone(),
            email: format!("buyer-{number}@example.com"),
            tally: tally.clone(),
        };
        tokio::task::spawn_local(shop_on(
            customer,
            plan.clone(),
            products.clone(),
            begun.clone(),
            deadline,
        ))
    });
    for customer in futures::future::join_all(customers).await {
        customer.context("a buyer panicked")?;
    }
    // Kills that were to come after the last order come no more.
    for task in [killer.abort_handle(), weather.abort_handle()] {
        task.abort();
    }
    let (_, _) = (killer.await, weather.await);
    let load = started.elapsed();

    let mut shop = Arc::into_inner(shop)
        .context("somebody still holds the shop")?
        .into_inner();
    if shop.has_crashed().await? {
        shop.restart().await?;
    }
    shop.faults(plan::calm()).await?;
    eprintln!("healed after {:.0} s; waiting for rest", load.as_secs_f64());
    let healed = Instant::now();
    let orders = rest(&shop, settings.buyers, &tally).await?;
    let books = shop.check_at_rest().await;
    let converged = healed.elapsed();
    if let Err(error) = books {
        tally.violation(format!("{error:#}"));
    }
    compare(&shop, &orders, &tally).await?;

    let report = Report {
        settings: &settings,
        plan: &plan,
        seen: &tally.lock(),
        orders: &orders,
        load,
        converged,
    };
    println!("{report}");
    if let Some(path) = &settings.report {
        std::fs::write(path, report.to_string()).with_context(|| path.display().to_string())?;
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        eprintln!("--- the shop's log ---\n{}", shop.log_tail());
        ExitCode::FAILURE
    })
}

/// Visit after visit, until the plan or the time is at its end.
async fn shop_on(
    customer: Customer,
    plan: Arc<Plan>,
    products: Vec<u32>,
    begun: Arc<AtomicUsize>,
    deadline: Instant,
) {
    while Instant::now() < deadline {
        let number = begun.fetch_add(1, Relaxed);
        let Some(&visit) = plan.visits.get(number) else {
            return;
        };
        if number.is_multiple_of(50) {
            eprintln!("{number} of {} orders begun", plan.visits.len());
        }
        let product = products[visit.product % products.len()];
        if let Err(error) = customer.visit(number, visit, product).await {
            customer
                .tally
                .violation(format!("visit {number} ({}): {error:#}", visit.act.name()));
        }
    }
}

/// SIGKILL, in the middle of whatever is going on, then a new start on the same data.
async fn kill(shop: SharedShop, plan: Arc<Plan>, begun: Arc<AtomicUsize>, tally: Tally) -> Result<()> {
    for kill in &plan.kills {
        while begun.load(Relaxed) <= kill.after {
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(Duration::from_millis(kill.delay)).await;
        let pid = shop.read().await.pid();
        if let Some(pid) = pid {
            // Not through `Shop::kill`, which would wait for the requests under way to end.
            std::process::Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status()?;
            tally.lock().kills += 1;
        }
        let mut shop = shop.write().await;
        shop.restart().await?;
    }
    Ok(())
}

async fn make_weather(shop: SharedShop, plan: Arc<Plan>, begun: Arc<AtomicUsize>) {
    for (from, faults) in &plan.faults {
        while begun.load(Relaxed) < *from {
            tokio::time::sleep(LOOK).await;
        }
        // The shop may be down at this moment.
        while shop.read().await.faults(faults.clone()).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Waits until every order is final, and returns them all.
async fn rest(shop: &Shop, buyers: usize, tally: &Tally) -> Result<Vec<serde_json::Value>> {
    let mut all = Vec::new();
    for number in 0..buyers {
        let email = format!("buyer-{number}@example.com");
        let buyer = Buyer::login(shop, &email).await?;
        let orders = eventually(
            &format!("the orders of {email} to be final"),
            async || orders_of(&buyer).await,
            |orders| {
                orders
                    .iter()
                    .all(|order| !matches!(order["status"].as_str(), Some("PENDING" | "WAITING_PAYMENT")))
            },
        )
        .await;
        match orders {
            Ok(orders) => {
                let keys = tally.lock().keys.get(&email).copied().unwrap_or(0);
                if orders.len() > keys {
                    tally.violation(format!(
                        "{email} used {keys} keys and has {} orders",
                        orders.len()
                    ));
                }
                all.extend(orders);
            }
            Err(error) => {
                tally.violation(format!("{error:#}"));
                all.extend(orders_of(&buyer).await?);
            }
        }
    }
    Ok(all)
}

/// Our orders and PayPay's payments, one by one; and that no confirmed order is gone.
async fn compare(shop: &Shop, orders: &[serde_json::Value], tally: &Tally) -> Result<()> {
    let known: std::collections::BTreeSet<&str> = orders
        .iter()
        .filter_map(|order| order["orderNo"].as_str())
        .collect();
    let lost: Vec<String> = tally
        .lock()
        .placed
        .iter()
        .filter(|order_no| !known.contains(order_no.as_str()))
        .cloned()
        .collect();
    for order_no in lost {
        tally.violation(format!("{order_no} was confirmed and is gone"));
    }
    for order in orders {
        let order_no = order["orderNo"].as_str().unwrap_or_default();
        let to_pay = order["amount"].as_i64().unwrap_or(0) - order["balanceAmount"].as_i64().unwrap_or(0);
        let mut kept = 0;
        for attempt in 1..=3 {
            if let Ok(payment) = shop.paypay_payment(&format!("{order_no}-{attempt}")).await
                && payment["status"] == "COMPLETED"
            {
                kept += payment["amount"].as_i64().unwrap_or(0);
            }
        }
        let due = if order["status"] == "PAID" { to_pay } else { 0 };
        if kept != due {
            tally.violation(format!(
                "{order_no} is {}, PayPay keeps {kept} yen of it instead of {due}",
                order["status"]
            ));
        }
    }
    Ok(())
}
