//! `payments --seconds 60 --rate 50 --lost-seconds 20 --out <file>`: how soon a buyer sees that they have paid. First with PayPay's webhooks, then with all
//! of them lost. Orders come at a fixed rate, whether or not the earlier ones are done. Fails if an order is lost or the books are not exact.

mod tap;

use anyhow::{Context, Result, bail, ensure};
use scenarios::{Buyer, Shop, ShopOptions, shelf};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tap::{Ends, Tap};

/// Sessions that the orders are spread over.
const BUYERS: usize = 50;
const WARM_UP: Duration = Duration::from_secs(3);

/// A figure and the most that it may be, in milliseconds.
struct Line {
    what: &'static str,
    times: Vec<Duration>,
    budget: Option<(f64, f64)>,
}

/// One order, from the buyer's approval to the push.
struct Paid {
    approved_to_push: Duration,
    /// From the webhook to the push, and PayPay's part of it.
    webhook_to_push: Option<(Duration, Duration)>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let settings = Settings::from_arguments()?;
    let tap = Tap::open().await?;
    let shop = Shop::start(ShopOptions {
        sandbox_apart: true,
        tap: Some(tap.origin.clone()),
        ..ShopOptions::default()
    })
    .await?;
    tap.connect(Ends {
        shop: shop.url(),
        paypay: shop.paypay_url(),
    })?;
    shelf::fill(&shop).await?;
    let shop = Arc::new(shop);

    run(&shop, &tap, "warm-up", settings.rate, WARM_UP).await?;
    let told = run(&shop, &tap, "told", settings.rate, settings.told).await?;
    shop.faults(json!({"webhook": {"drop": 1}})).await?;
    let lost = run(&shop, &tap, "lost", settings.rate, settings.lost).await?;
    shop.check_at_rest().await?;

    let by_webhook: Vec<(Duration, Duration)> = told.iter().filter_map(|paid| paid.webhook_to_push).collect();
    let lines = [
        Line {
            what: "webhook to push, less PayPay's details",
            times: by_webhook.iter().map(|(all, paypay)| *all - *paypay).collect(),
            budget: Some((20.0, 60.0)),
        },
        Line {
            what: "  PayPay's details (the sandbox)",
            times: by_webhook.iter().map(|(_, paypay)| *paypay).collect(),
            budget: None,
        },
        Line {
            what: "  webhook to push, all of it",
            times: by_webhook.iter().map(|(all, _)| *all).collect(),
            budget: None,
        },
        Line {
            what: "  approval to push",
            times: told.iter().map(|paid| paid.approved_to_push).collect(),
            budget: None,
        },
        Line {
            what: "approval to push, every webhook lost",
            times: lost.iter().map(|paid| paid.approved_to_push).collect(),
            budget: Some((f64::INFINITY, 10_000.0)),
        },
    ];
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load
        .split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{} orders at {} a second, then {} with every webhook lost; {cores} cores, load {load} at the end",
        told.len(),
        settings.rate,
        lost.len()
    );
    println!(
        "{} were noticed by polling before their webhook came\n",
        told.len() - by_webhook.len()
    );
    let mut met = true;
    println!("{:<42} {:>9} {:>9} {:>9}   budget", "ms", "p50", "p99", "max");
    for line in &lines {
        met &= line.print();
    }
    if let Some(out) = &settings.out {
        let raw: Vec<Value> = lines.iter().map(Line::raw).collect();
        let report = json!({
            "ordersPerSecond": settings.rate, "told": told.len(), "lost": lost.len(), "polledFirst": told.len() - by_webhook.len(),
            "cores": cores, "load": load, "figures": raw,
        });
        std::fs::write(out, serde_json::to_vec_pretty(&report)?).with_context(|| out.clone())?;
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

impl Line {
    /// The time that `share` of the orders did not exceed, in milliseconds.
    fn at(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    /// `true`: within the budget, or there is none.
    fn print(&self) -> bool {
        let (p50, p99) = (self.at(0.5), self.at(0.99));
        let (verdict, met) = match self.budget {
            None => (String::new(), true),
            Some((most50, most99)) => {
                let met = p50 < most50 && p99 < most99;
                let verdict = if met { "MET" } else { "MISSED" };
                let p50 = if most50.is_finite() {
                    format!("p50 < {most50}, ")
                } else {
                    String::new()
                };
                (format!("{p50}p99 < {most99}: {verdict}"), met)
            }
        };
        println!(
            "{:<42} {p50:>9.1} {p99:>9.1} {:>9.1}   {verdict}",
            self.what,
            self.at(1.0)
        );
        met
    }

    fn raw(&self) -> Value {
        let times: Vec<f64> = self.times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        json!({"what": self.what.trim(), "p50": self.at(0.5), "p99": self.at(0.99), "max": self.at(1.0), "budgetP99": self.budget.map(|(_, p99)| p99),
               "ms": times})
    }
}

/// Orders at a rate for a while; returns when all of them are PAID.
async fn run(shop: &Arc<Shop>, tap: &Tap, name: &str, rate: u32, how_long: Duration) -> Result<Vec<Paid>> {
    let products: Vec<u32> = shelf::products(&Buyer::stranger(shop))
        .await?
        .iter()
        .map(|product| product.id)
        .collect();
    let mut cookies = Vec::new();
    for number in 0..BUYERS {
        let email = format!("buyer-{number}@example.com");
        cookies.push(Buyer::login(shop, &email).await?.into_cookie());
    }
    let every = Duration::from_secs(1) / rate;
    let orders = (how_long.as_secs_f64() * f64::from(rate)) as usize;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut visits = tokio::task::JoinSet::new();
    for number in 0..orders {
        ticks.tick().await;
        let (shop, tap) = (shop.clone(), tap.clone());
        let cookie = cookies[number % cookies.len()].clone();
        let product = products[number % products.len()];
        let key = format!("{name}-{number}");
        visits.spawn(async move { visit(&shop, &tap, cookie, product, &key).await });
    }
    let mut paid = Vec::new();
    while let Some(visit) = visits.join_next().await {
        paid.push(visit??);
    }
    ensure!(
        paid.len() == orders,
        "{} of {orders} orders were paid",
        paid.len()
    );
    Ok(paid)
}

/// One piece of something, paid by the phone while its page is open.
async fn visit(shop: &Shop, tap: &Tap, cookie: Option<String>, product: u32, key: &str) -> Result<Paid> {
    let buyer = Buyer::with_cookie(shop, cookie);
    let order = buyer.buy(&[(product, 1)], key).await?;
    let mut live = buyer.watch(&order).await?;
    live.next().await?;
    let url = order["payment"]["url"].as_str().context("payment.url")?;
    let approved = Instant::now();
    shop.approve(url).await?;
    live.until("PAID").await?;
    let pushed = Instant::now();
    let payment = format!("{}-1", order["orderNo"].as_str().context("orderNo")?);
    Ok(Paid {
        approved_to_push: pushed - approved,
        webhook_to_push: tap.took(&payment, pushed),
    })
}

struct Settings {
    told: Duration,
    lost: Duration,
    /// Orders a second.
    rate: u32,
    out: Option<String>,
}

impl Settings {
    fn from_arguments() -> Result<Settings> {
        let mut settings = Settings {
            told: Duration::from_secs(60),
            lost: Duration::from_secs(20),
            rate: 50,
            out: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            let number = || -> Result<u32> { value.parse().with_context(|| format!("{name} {value}")) };
            match name.as_str() {
                "--seconds" => settings.told = Duration::from_secs(number()?.max(1).into()),
                "--lost-seconds" => settings.lost = Duration::from_secs(number()?.max(1).into()),
                "--rate" => settings.rate = number()?.max(1),
                "--out" => settings.out = Some(value),
                _ => bail!("{name} is not a flag: --seconds --lost-seconds --rate --out"),
            }
        }
        Ok(settings)
    }
}
