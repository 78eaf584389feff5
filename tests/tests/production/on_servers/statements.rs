//! No statement that runs again and again reads a table from end to end: a real shop with thousands of orders, and MariaDB's own record of what each statement read.

use super::meddle;
use anyhow::{Context, Result, ensure};
use scenarios::{Buyer, OWNERS, Servers, Shop, ShopOptions, eventually, shelf};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, mysql::MySqlConnectOptions};
use std::collections::BTreeMap;
use std::sync::Arc;
use xtask::services::{Kind, Services};

/// Orders that are really placed and paid; each is there so often in the end.
const ORDERS: usize = 12;
const COPIES: usize = 900;
/// Rows that a statement may read: several pages, or a batch of upkeep. A tenth of the smallest table that grows.
const READS: u32 = 1_000;
/// What a shop has more of with each order.
const GROWING: [&str; 8] = [
    "orders.orders",
    "orders.timeline",
    "orders.payment_attempts",
    "orders.saga_instances",
    "orders.outbox",
    "orders.inbox",
    "inventory.reservations",
    "payments.payment_codes",
];
/// What may read more: how such a statement begins.
const ALLOWED: [&str; 2] = [
    // An administrator's list of sagas says how many there are; those that ended a month ago are in the archive.
    "SELECT COUNT(*) AS count FROM saga_instances",
    // What waits for a log, and nothing else: thousands here, because so many were made at once.
    "SELECT count(*), min(created_at) FROM outbox WHERE seq >",
];
/// Milliseconds by which copies are older, in turn: what is compared with PayPay's books, and what is archived.
const AGES: [i64; 2] = [2 * 3_600_000, 40 * 86_400_000];

/// A connection that may do everything.
async fn root(address: &str) -> Result<MySqlConnection> {
    let (host, port) = address.split_once(':').context("host:port")?;
    let options = MySqlConnectOptions::new()
        .host(host)
        .port(port.parse()?)
        .username("root");
    Ok(options.connect().await?)
}

async fn run(root: &mut MySqlConnection, statement: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(root)
        .await
        .with_context(|| statement.to_owned())?;
    Ok(())
}

/// Every row about an order again and again, each time with the numbers of another order: what is unique, names the order or its user.
async fn multiply(root: &mut MySqlConnection, schema: &str) -> Result<()> {
    let sql = "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_KEY, CAST(COALESCE(CHARACTER_MAXIMUM_LENGTH, 0) AS SIGNED) FROM information_schema.COLUMNS
               WHERE TABLE_SCHEMA = ? AND EXTRA NOT LIKE '%auto_increment%' AND GENERATION_EXPRESSION IS NULL AND TABLE_NAME IN
                (SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME NOT IN
                 ('_sqlx_migrations', 'stock', 'state_machines', 'key_sets', 'rounds', 'relay_positions', 'relay_leases', 'alert_offsets'))
               ORDER BY TABLE_NAME, ORDINAL_POSITION";
    let columns: Vec<(String, String, String, String, i64)> = sqlx::query_as(sql)
        .bind(schema)
        .bind(schema)
        .fetch_all(&mut *root)
        .await?;
    let mut tables: BTreeMap<&str, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (table, column, kind, key, length) in &columns {
        let (names, values) = tables.entry(table).or_default();
        let name = format!("`{column}`");
        let is_text = ["varchar", "text", "longtext"].contains(&kind.as_str());
        let numbered = format!(
            "REGEXP_REPLACE({name}, '(K[0-9]{{8}}-)[0-9A-Z]{{4}}', CONCAT('\\\\1', LPAD(copy.seq, 4, '0')))"
        );
        let unique = ["PRI", "UNI"].contains(&key.as_str()) || column == "user_id";
        values.push(match (is_text, unique) {
            (true, true) => format!(
                "IF({name} REGEXP 'K[0-9]{{8}}-', {numbered}, CONCAT(LEFT({name}, {}), LPAD(copy.seq, 4, '0')))",
                (length - 4).min(60)
            ),
            (true, false) => numbered,
            // Not the ends of sessions and offers: nobody lets all of them run out at once.
            (false, _) if column.ends_with("_at") && column != "expires_at" => {
                format!("{name} - IF(copy.seq % 2, {}, {})", AGES[0], AGES[1])
            }
            (false, _) => name.clone(),
        });
        names.push(name);
    }
    for (table, (names, values)) in tables {
        let copy = format!(
            "INSERT IGNORE INTO `{schema}`.`{table}` ({}) SELECT {} FROM `{schema}`.`{table}` JOIN seq_1_to_{COPIES} AS copy",
            names.join(", "),
            values.join(", ")
        );
        run(root, &format!("USE `{schema}`; {copy}; ANALYZE TABLE `{table}`")).await?;
    }
    Ok(())
}

async fn paid(shop: &Shop, buyer: &Buyer<'_>, key: &str) -> Result<Value> {
    let product = shelf::plenty(buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 1)], key).await?;
    shop.approve(order["payment"]["url"].as_str().context("payment.url")?)
        .await?;
    buyer.until(&order, "PAID").await
}

/// What buyers, operators and the worker do all day.
async fn a_day(shop: &Shop) -> Result<()> {
    let buyer = Buyer::login(shop, "many@example.com").await?;
    let admin = Buyer::admin(shop, "operator@example.com").await?;
    let order = paid(shop, &buyer, "day").await?;
    let order_no = order["orderNo"].as_str().context("orderNo")?;
    buyer.order_state(&order).await?;
    let now = "2030-01-01T00:00:00Z";
    for path in [
        "/api/products",
        "/api/products/search?q=茶",
        "/api/orders?size=20",
        "/api/account",
    ] {
        ensure!(buyer.get(path).await?.status == 200, "{path}");
    }
    for path in [
        "/api/admin/sagas".to_owned(),
        "/api/admin/sagas?phase=SUCCEEDED".to_owned(),
        "/api/admin/sagas?phase=FAILED".to_owned(),
        "/api/admin/sagas?machine=order_create&olderThan=60".to_owned(),
        format!("/api/admin/sagas?orderNo={order_no}"),
        format!("/api/admin/sagas/{order_no}"),
        "/api/admin/payments".to_owned(),
        "/api/admin/payments?status=PAID".to_owned(),
        "/api/admin/payments?status=REFUNDED".to_owned(),
        format!("/api/admin/payments?to={now}"),
        format!("/api/admin/payments?orderNo={order_no}"),
        format!("/api/admin/payments/{order_no}"),
        "/api/admin/alerts".to_owned(),
        "/api/admin/alerts?status=NEW".to_owned(),
        "/api/admin/alerts?rule=A".to_owned(),
        format!("/api/admin/alerts?orderNo={order_no}"),
        format!("/api/admin/alerts?to={now}"),
    ] {
        let answer = admin.get(&path).await?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        if let Some(cursor) = answer.json["nextCursor"].as_str() {
            let joint = if path.contains('?') { '&' } else { '?' };
            let next = admin.get(&format!("{path}{joint}cursor={cursor}")).await?;
            ensure!(next.status == 200, "{path}, next: {next:?}");
        }
    }
    let refund = json!({"reason": "broken", "restock": true});
    let answer = admin
        .post(&format!("/api/admin/payments/{order_no}/refund"), &refund)
        .await?;
    ensure!((200..300).contains(&answer.status), "{answer:?}");
    buyer.until(&order, "REFUNDED").await?;
    let expired = buyer
        .buy(&[(shelf::plenty(&buyer, 1).await?[0].id, 1)], "left")
        .await?;
    buyer.cancel(&expired).await?;
    buyer.until(&expired, "FAILED").await?;
    Ok(())
}

/// Each kind of statement that read too much: where, how many rows, and its text.
async fn scans(root: &mut MySqlConnection, prefix: &str) -> Result<BTreeMap<String, (String, i64)>> {
    let sql = "SELECT db, CAST(rows_examined AS SIGNED), CONVERT(sql_text USING utf8mb4) FROM mysql.slow_log WHERE db LIKE ?";
    let found: Vec<(String, i64, String)> = sqlx::query_as(sql)
        .bind(format!("{prefix}%"))
        .fetch_all(root)
        .await?;
    let mut kinds = BTreeMap::new();
    for (schema, rows, text) in found {
        let words: Vec<&str> = text.split_whitespace().collect();
        // Values differ; how a statement begins does not.
        let text: String = words.join(" ").chars().take(400).collect();
        let kind: String = text.chars().filter(|c| !c.is_ascii_digit()).take(120).collect();
        kinds.insert(format!("{schema}: {kind}"), (text, rows));
    }
    Ok(kinds)
}

#[tokio::test]
async fn nothing_that_runs_again_and_again_reads_a_table_from_end_to_end() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("kessai-statements-").tempdir()?;
    let path = folder.path().to_owned();
    let services =
        tokio::task::spawn_blocking(move || Services::start_anew(&path, &[Kind::Mariadb])).await??;
    let variables: BTreeMap<String, String> = services.variables().into_iter().collect();
    let address = &variables["SPIN_VARIABLE_MYSQL_ADDRESS"];
    let mysql = format!(
        "mysql://{}:{}@{address}",
        variables["SPIN_VARIABLE_MYSQL_USER"], variables["SPIN_VARIABLE_MYSQL_PASSWORD"]
    );
    let place = Servers {
        mysql: Some(mysql.parse()?),
        ..Servers::default()
    }
    .place();
    let mut shop = Shop::start(ShopOptions {
        sandbox_apart: true,
        place: Some(Arc::new(place)),
        ..ShopOptions::default()
    })
    .await?;
    {
        let buyer = Buyer::login(&shop, "many@example.com").await?;
        for number in 0..ORDERS {
            paid(&shop, &buyer, &format!("order-{number}")).await?;
        }
        shop.check_at_rest().await?;
    }
    shop.kill()?;

    let place = Arc::clone(shop.place());
    let mut root = root(address).await?;
    run(&mut root, "SET SESSION foreign_key_checks = 0").await?;
    for owner in OWNERS.into_iter().filter(|owner| *owner != "catalog") {
        multiply(&mut root, &place.schema(owner)).await?;
    }
    for table in GROWING {
        let (owner, name) = table.split_once('.').context("owner.table")?;
        let sql = format!("SELECT COUNT(*) FROM `{}`.`{name}`", place.schema(owner));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut root)
            .await?;
        ensure!(rows > i64::from(READS) * 10, "{table} has {rows} rows");
    }
    // The rounds come at once.
    meddle(&place, "worker", "UPDATE rounds SET due_at = 0").await?;
    let record = format!(
        "SET GLOBAL log_output = 'TABLE', GLOBAL long_query_time = 0, GLOBAL min_examined_row_limit = {READS}, GLOBAL slow_query_log = 1"
    );
    run(&mut root, &record).await?;
    shop.restart().await?;
    // Relay and alerts read what is new to them, and the archivist moves what is old, a batch at a time.
    let sql = format!(
        "SELECT CAST((SELECT MAX(seq) FROM `{0}`.outbox) - (SELECT MIN(seq) FROM `{1}`.relay_positions) AS SIGNED)",
        place.schema("orders"),
        place.schema("worker")
    );
    let mut second = self::root(address).await?;
    eventually(
        "the relay to come to the end of the outbox",
        async || {
            Ok(sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.clone()))
                .fetch_one(&mut second)
                .await?)
        },
        |left| *left == 0,
    )
    .await?;
    let sql = format!("SELECT COUNT(*) FROM `{}`.saga_archive", place.schema("orders"));
    eventually(
        "old sagas to be in the archive",
        async || {
            Ok(sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.clone()))
                .fetch_one(&mut second)
                .await?)
        },
        |moved| *moved >= i64::from(READS),
    )
    .await?;
    a_day(&shop).await?;
    run(&mut root, "SET GLOBAL slow_query_log = 0").await?;
    let found = scans(&mut root, &place.schema("")).await?;
    for (text, rows) in found.values() {
        eprintln!("{rows:>7}  {text}");
    }
    let unwanted: Vec<&String> = found
        .iter()
        .filter(|(_, (text, _))| !ALLOWED.iter().any(|allowed| text.starts_with(allowed)))
        .map(|(kind, _)| kind)
        .collect();
    ensure!(unwanted.is_empty(), "{unwanted:#?}");
    drop(shop);
    Ok(root.close().await?)
}
