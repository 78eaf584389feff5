//! One of the two: an application of its own, its databases, and what must be in them afterwards.

use crate::ledger::{Ledger, Server};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use kessai_host::{Host, HostConfig, Limits};
use kessai_ops::{Database, Databases};
use scenarios::root;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use toml::Table;

/// Buyers; orders go round.
const BUYERS: u64 = 1_000;
/// Yen that each buyer starts with: nobody ever runs out.
const BALANCE: i64 = 900_000_000;
/// Pieces of each product at the start.
const PIECES: i64 = 1_000_000_000;
/// Pieces of each order: one of one product, two of another.
const PIECES_AN_ORDER: i64 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `components/order`.
    Saga,
    /// `tests/fixtures/plain_order`.
    Plain,
    /// `components/order` on MariaDB.
    MariaDb,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Saga => "saga",
            Kind::Plain => "plain",
            Kind::MariaDb => "mariadb",
        }
    }
}

#[derive(Debug)]
pub struct Contender {
    pub kind: Kind,
    host: Host,
    databases: Databases,
    products: Vec<i64>,
    sales: Sales,
}

/// What was sold through the front door.
#[derive(Debug, Default)]
struct Sales {
    /// Orders that were begun.
    begun: AtomicU64,
    paid: AtomicI64,
    /// Yen.
    taken: AtomicI64,
}

/// Figures of a shop at rest.
#[derive(Debug)]
pub struct Books {
    pub orders: i64,
    /// States that one saga went through.
    pub states: f64,
    /// Bytes of one saga's document.
    pub document: f64,
}

impl Contender {
    /// A host with fresh databases: the sample shop, with stock and balances that last for ever. `server` is where [`Kind::MariaDb`] has them.
    pub async fn prepare(kind: Kind, folder: &Path, server: Option<&Server>) -> Result<Arc<Contender>> {
        let own = folder.join(kind.name());
        let data = own.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        std::fs::create_dir_all(&data)?;
        let manifest = own.join("spin.toml");
        std::fs::write(&manifest, manifest_text(kind)?)?;
        let (databases, overrides) = if kind == Kind::MariaDb {
            let server = server.context("no MySQL server was given")?;
            (server.empty().await?, server.variables())
        } else {
            (Databases::Sqlite(data.clone()), BTreeMap::new())
        };
        databases.migrate(|_| ()).await?;
        databases.seed().await?;
        let products = fill(&databases).await?;
        let host = Host::load(HostConfig {
            manifest,
            data_dir: data,
            cache_dir: folder.join("cache"),
            overrides,
            redis_authorities: None,
            limits: Limits::default(),
            log_sink: None,
        });
        Ok(Arc::new(Contender {
            kind,
            host: host.await?,
            databases,
            products,
            sales: Sales::default(),
        }))
    }

    /// Places one more order and waits until it is paid for.
    pub async fn order(&self) -> Result<()> {
        let number = self.sales.begun.fetch_add(1, Relaxed);
        let answer = self.post_order(number).await?;
        ensure!(
            answer["status"] == "PAID",
            "order {number} was not paid: {answer}"
        );
        self.sales.paid.fetch_add(1, Relaxed);
        let amount = answer["amount"].as_i64().context("amount")?;
        self.sales.taken.fetch_add(amount, Relaxed);
        Ok(())
    }

    async fn post_order(&self, number: u64) -> Result<Value> {
        let basket = json!({"items": self.items(number), "useBalance": true});
        let request = Request::post("/orders")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("x-user-id", format!("buyer-{}", number % BUYERS))
            .header("idempotency-key", format!("bench-{number}"))
            .body(Full::new(Bytes::from(basket.to_string())))?;
        let answer = self
            .host
            .handle(request, SocketAddr::from(([127, 0, 0, 1], 1)))
            .await;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?
            .to_bytes();
        ensure!(status == 201, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }

    /// Two products, another pair for each number for as long as there are pairs.
    fn items(&self, number: u64) -> Value {
        let count = self.products.len();
        let place = usize::try_from(number).unwrap_or(0);
        let (first, other) = (place % count, (place + 1 + place / count % (count - 1)) % count);
        json!([
            {"productId": self.products[first], "quantity": 1},
            {"productId": self.products[other], "quantity": PIECES_AN_ORDER - 1},
        ])
    }

    /// Commits so far, by database.
    pub fn commits(&self) -> [(&'static str, u64); 3] {
        [Database::Orders, Database::Inventory, Database::Accounts]
            .map(|database| (database.name(), *self.host.commits(database.name()).borrow()))
    }

    /// Holds the databases against what was sold.
    pub async fn check_books(&self) -> Result<Books> {
        let (paid, taken) = (self.sales.paid.load(Relaxed), self.sales.taken.load(Relaxed));
        let mut orders = Ledger::open(&self.databases, Database::Orders).await?;
        let stored = orders
            .numbers(
                "SELECT count(*), CAST(coalesce(sum(status = 'PAID'), 0) AS SIGNED), CAST(coalesce(sum(amount), 0) AS SIGNED),
                    (SELECT CAST(coalesce(sum(quantity), 0) AS SIGNED) FROM order_lines) FROM orders",
            )
            .await?;
        let expected = [paid, paid, taken, paid * PIECES_AN_ORDER];
        ensure!(
            stored == expected,
            "orders, paid, yen and pieces are {stored:?}, not {expected:?}"
        );
        let count_states = match self.databases {
            Databases::Sqlite(_) => "json_array_length(instance, '$.states')",
            Databases::MySql(_) => "json_length(instance, '$.states')",
        };
        let sagas = format!(
            "SELECT count(*), CAST(coalesce(sum(phase = 'SUCCEEDED' AND due_at IS NULL), 0) AS SIGNED),
                    CAST(coalesce(sum({count_states}), 0) AS SIGNED), CAST(coalesce(sum(length(instance)), 0) AS SIGNED)
             FROM saga_instances"
        );
        let sagas = orders.numbers(&sagas).await?;
        let expected = if self.kind == Kind::Plain { 0 } else { paid };
        ensure!(
            sagas[..2] == [expected, expected],
            "sagas, and of them succeeded: {sagas:?}, not {expected}"
        );

        let mut inventory = Ledger::open(&self.databases, Database::Inventory).await?;
        let sold = inventory
            .numbers(
                "SELECT CAST(coalesce(sum(initial - on_hand), 0) AS SIGNED), CAST(coalesce(sum(reserved), 0) AS SIGNED) FROM stock",
            )
            .await?;
        let expected = [paid * PIECES_AN_ORDER, 0];
        ensure!(
            sold == expected,
            "pieces sold and reserved are {sold:?}, not {expected:?}"
        );

        let mut accounts = Ledger::open(&self.databases, Database::Accounts).await?;
        let left = accounts
            .numbers(
                "SELECT (SELECT CAST(sum(balance) AS SIGNED) FROM accounts), (SELECT CAST(sum(amount) AS SIGNED) FROM entries)",
            )
            .await?;
        let expected = i64::try_from(BUYERS)? * BALANCE - taken;
        ensure!(
            left == [expected, expected],
            "balances and entries add up to {left:?}, not {expected} yen"
        );
        let mean = |sum: i64| sum as f64 / sagas[0].max(1) as f64;
        Ok(Books {
            orders: paid,
            states: mean(sagas[2]),
            document: mean(sagas[3]),
        })
    }
}

/// Fills stock and purses; the products that can be ordered.
async fn fill(databases: &Databases) -> Result<Vec<i64>> {
    let mut inventory = Ledger::open(databases, Database::Inventory).await?;
    inventory
        .run(&format!(
            "UPDATE stock SET initial = {PIECES}, on_hand = {PIECES}"
        ))
        .await?;
    let products = inventory
        .column("SELECT product_id FROM stock ORDER BY product_id")
        .await?;
    ensure!(products.len() > 1, "the sample shop has less than two products");
    let purses: Vec<String> = (0..BUYERS)
        .map(|buyer| format!("('buyer-{buyer}', {BALANCE}, 0)"))
        .collect();
    let mut accounts = Ledger::open(databases, Database::Accounts).await?;
    accounts
        .run(&format!(
            "INSERT INTO accounts (user_id, balance, opened_at) VALUES {}",
            purses.join(", ")
        ))
        .await?;
    accounts
        .run("INSERT INTO entries (user_id, kind, amount, at) SELECT user_id, 'welcome', balance, 0 FROM accounts")
        .await?;
    Ok(products)
}

/// The project's own manifest, less everything but `order` and `catalog`, with `order` open to all. The plain one takes its place.
fn manifest_text(kind: Kind) -> Result<String> {
    let text = std::fs::read_to_string(root().join("spin.toml"))?;
    let mut manifest: Table = text.parse()?;
    let trigger = "http = [{ route = '/...', component = 'order' }, { route = { private = true }, component = 'catalog' }]";
    manifest.insert("trigger".to_owned(), trigger.parse::<Table>()?.into());
    let components = table(&mut manifest, "component")?;
    components.retain(|name, _| name == "order" || name == "catalog");
    if kind == Kind::Plain {
        let order = table(components, "order")?;
        let plain = "target/plain_order/wasm32-wasip2/release/plain_order.wasm";
        order.insert("source".to_owned(), plain.into());
        table(order, "dependencies")?.retain(|interface, _| !interface.starts_with("kessai:payment/"));
    }
    for name in ["order", "catalog"] {
        let component = table(components, name)?;
        absolute(component, "source");
        for (_, dependency) in table(component, "dependencies")? {
            if let Some(dependency) = dependency.as_table_mut() {
                absolute(dependency, "path");
            }
        }
    }
    Ok(toml::to_string(&manifest)?)
}

fn table<'a>(parent: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    parent
        .get_mut(name)
        .and_then(toml::Value::as_table_mut)
        .with_context(|| format!("spin.toml has no table `{name}` where one is expected"))
}

/// Paths in the manifest start from its folder, and this one lies elsewhere.
fn absolute(table: &mut Table, key: &str) {
    if let Some(toml::Value::String(path)) = table.get_mut(key) {
        *path = root().join(&*path).display().to_string();
    }
}
