//! `chaos --orders 2000 --kills 200 --seed 1`: buyers who pay, decline, cancel, abandon and click twice, while the shop is killed, webhooks vanish, repeat and
//! overtake each other, and PayPay fails and stalls. Then it heals, waits until everything has come to rest, and holds the books to the invariants and to
//! PayPay's. Exit code 1 if anything was lost or doubled. `cargo xtask chaos` builds what it needs.

mod books;
mod buyer;
mod plan;
mod report;
mod tally;

use anyhow::{Context, Result};
use buyer::{Customer, SharedShop};
use plan::Plan;
use report::{Report, Settings};
use scenarios::{Buyer, PayPay, Shop, ShopOptions, eventually, shelf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::sync::RwLock;

/// Seconds that a buyer has to pay: abandoned orders end within the run.
const TTL: u32 = 20;
const LOOK: Duration = Duration::from_millis(20);

/// How far the buyers are.
#[derive(Debug, Default)]
struct Progress {
    /// Orders begun.
    begun: AtomicUsize,
    /// The time is up: no further order will be begun.
    over: AtomicBool,
}

impl Progress {
    /// Waits until so many orders have been begun; `false` if so many never will be.
    async fn reach(&self, orders: usize) -> bool {
        while self.begun.load(Relaxed) < orders {
            if self.over.load(Relaxed) {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }
}

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
        sandbox_apart: true,
        ..ShopOptions::default()
    })
    .await?;
    let products: Vec<u32> = shelf::products(&Buyer::stranger(&shop))
        .await?
        .iter()
        .filter(|product| product.stock > 0)
        .map(|product| product.id)
        .collect();
    let paypay = shop.paypay();
    let shop: SharedShop = Arc::new(RwLock::new(shop));
    let (tally, progress) = (Tally::default(), Arc::new(Progress::default()));
    let started = Instant::now();

    let killer = tokio::task::spawn_local(kill(shop.clone(), plan.clone(), progress.clone(), tally.clone()));
    let weather = tokio::task::spawn_local(make_weather(paypay.clone(), plan.clone(), progress.clone()));
    let deadline = started + settings.longest;
    let customers = (0..settings.buyers).map(|number| {
        let customer = Customer {
            shop: shop.clone(),
            paypay: paypay.clone(),
            email: format!("buyer-{number}@example.com"),
            tally: tally.clone(),
        };
        tokio::task::spawn_local(shop_on(
            customer,
            plan.clone(),
            products.clone(),
            progress.clone(),
            deadline,
        ))
    });
    for customer in futures::future::join_all(customers).await {
        customer.context("a buyer panicked")?;
    }
    progress.over.store(true, Relaxed);
    killer.await.context("the killer panicked")??;
    weather.await.context("the weather panicked")??;
    let load = started.elapsed();

    let shop = Arc::into_inner(shop)
        .context("somebody still holds the shop")?
        .into_inner();
    paypay.faults(plan::calm()).await?;
    eprintln!("healed after {:.0} s; waiting for rest", load.as_secs_f64());
    let healed = Instant::now();
    rest(&shop, &tally).await;
    let sums = books::sums(&shop).await?;
    let (report, is_clean) = {
        let report = Report {
            settings: &settings,
            plan: &plan,
            sums,
            load,
            converged: healed.elapsed(),
            seen: &tally.lock(),
        };
        (report.to_string(), report.is_clean())
    };
    println!("{report}");
    if let Some(path) = &settings.report {
        std::fs::write(path, report).with_context(|| path.display().to_string())?;
    }
    if is_clean {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("--- the shop's log ---\n{}", shop.log_tail());
    if let Some(folder) = &settings.keep {
        keep(&shop, folder).await?;
        eprintln!("the databases and logs are in {}", folder.display());
    }
    Ok(ExitCode::FAILURE)
}

/// Visit after visit, until the plan or the time is at its end.
async fn shop_on(
    customer: Customer,
    plan: Arc<Plan>,
    products: Vec<u32>,
    progress: Arc<Progress>,
    deadline: Instant,
) {
    while Instant::now() < deadline {
        let number = progress.begun.fetch_add(1, Relaxed);
        let Some(&visit) = plan.visits.get(number) else {
            return;
        };
        if number.is_multiple_of(100) {
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

/// SIGKILL, in the middle of whatever is going on, then a new start on the same data. The plan's kills all come, unless the time is up first.
async fn kill(shop: SharedShop, plan: Arc<Plan>, progress: Arc<Progress>, tally: Tally) -> Result<()> {
    for kill in &plan.kills {
        if !progress.reach(kill.after + 1).await {
            break;
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
        match kill.again {
            None => shop.restart().await?,
            Some(alive) => {
                shop.restart_twice(Duration::from_millis(alive)).await?;
                tally.lock().kills_at_start += 1;
            }
        }
    }
    Ok(())
}

async fn make_weather(paypay: PayPay, plan: Arc<Plan>, progress: Arc<Progress>) -> Result<()> {
    for (from, faults) in &plan.faults {
        if !progress.reach(*from).await {
            break;
        }
        paypay.faults(faults.clone()).await?;
    }
    Ok(())
}

/// Waits until every order is over and all books agree; what they do not agree on by then is a violation.
async fn rest(shop: &Shop, tally: &Tally) {
    let placed = tally.lock().placed.clone();
    let look = async || books::wrongs(shop, &placed).await;
    if eventually("the books to agree", look, Vec::is_empty)
        .await
        .is_err()
    {
        match look().await {
            Ok(wrongs) => wrongs.into_iter().for_each(|wrong| tally.violation(wrong)),
            Err(error) => tally.violation(format!("the books cannot be read: {error:#}")),
        }
    }
    if let Err(error) = shop.check_at_rest().await {
        tally.violation(format!("{error:#}"));
    }
}

/// Copies databases and logs out of what goes with the shop.
async fn keep(shop: &Shop, folder: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for log in ["shop.log", "sandbox.log"] {
        std::fs::copy(shop.data().join(log), folder.join(log))?;
    }
    shop.keep_books(folder).await
}
