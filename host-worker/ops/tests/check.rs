//! Each invariant, broken once by hand in a healthy shop: `check` must name it, and nothing else.

#![allow(clippy::unwrap_used)]

// A server for these tests is the same as one for the host's.
#[allow(dead_code)]
#[path = "../../host/tests/support/servers/mariadb.rs"]
mod mariadb;
mod mirror;
#[allow(dead_code)]
#[path = "../../host/tests/support/servers/process.rs"]
mod process;

use kessai_ops::{CheckError, Database, Databases, Looks, Outcome, Report, check_with, migrate};
use mirror::Mirror;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};

const SANDBOX_SCHEMA: &str = concat!(
    include_str!("../../sandbox/src/books/schema/0001_books.sql"),
    include_str!("../../sandbox/src/books/schema/0002_authorizations.sql"),
);
const ONE_LOOK: Looks = Looks {
    count: 1,
    pause: Duration::ZERO,
};

/// One order in each state. `NOW` is replaced with the present.
const SHOP: &[(&str, &str)] = &[
    (
        "orders",
        "
        INSERT INTO orders (order_no, user_id, status, payment_status, fail_code, amount, balance_amount, pay_amount,
                            merchant_payment_id, payment_id, expires_at, version, created_at, updated_at) VALUES
          ('PAID', 'u', 'PAID', 'COMPLETED', NULL, 1000, 300, 700, 'PAID-1', '77', NOW - 5000, 1, NOW - 9000, NOW),
          ('GIFT', 'u', 'PAID', 'NONE', NULL, 100, 100, 0, NULL, NULL, NULL, 1, NOW - 9000, NOW),
          ('FAILED', 'u', 'FAILED', 'REFUNDED', 'PAYMENT_EXPIRED', 500, 0, 500, 'FAILED-1', '78', NOW - 900000, 1, NOW - 999999, NOW),
          ('REFUNDED', 'u', 'REFUNDED', 'REFUNDED', NULL, 500, 200, 300, 'REFUNDED-1', '79', NOW - 900000, 1, NOW - 999999, NOW),
          ('WAITING', 'u', 'WAITING_PAYMENT', 'CREATED', NULL, 500, 0, 500, 'WAITING-1', NULL, NOW + 900000, 1, NOW, NOW),
          ('PENDING', 'u', 'PENDING', 'NONE', NULL, 500, 0, 500, NULL, NULL, NULL, 1, NOW, NOW);
        INSERT INTO order_lines VALUES
          ('PAID', 1, 1, 'x', 100, 4), ('PAID', 2, 2, 'y', 500, 1), ('PAID', 3, 1, 'x', 100, 1), ('GIFT', 1, 1, 'x', 100, 1),
          ('FAILED', 1, 2, 'y', 500, 1), ('REFUNDED', 1, 2, 'y', 500, 1), ('WAITING', 1, 2, 'y', 500, 1), ('PENDING', 1, 2, 'y', 500, 1);
        INSERT INTO payment_attempts (merchant_payment_id, order_no, created_at) SELECT merchant_payment_id, order_no, NOW FROM orders WHERE merchant_payment_id IS NOT NULL;
        INSERT INTO saga_instances (id, machine, order_no, phase, status, compensation_status, instance, due_at, due_kind, created_at, updated_at)
          SELECT order_no, 'order_create', order_no,
            CASE status WHEN 'FAILED' THEN 'COMPENSATED' WHEN 'PAID' THEN 'SUCCEEDED' WHEN 'REFUNDED' THEN 'SUCCEEDED' ELSE 'WAITING' END,
            CASE status WHEN 'FAILED' THEN 'FA' WHEN 'PAID' THEN 'SU' WHEN 'REFUNDED' THEN 'SU' ELSE 'RU' END,
            CASE status WHEN 'FAILED' THEN 'SU' END, '{}',
            CASE WHEN status IN ('PENDING', 'WAITING_PAYMENT') THEN NOW END, CASE WHEN status IN ('PENDING', 'WAITING_PAYMENT') THEN 'poll' END,
            NOW, NOW
          FROM orders;
        INSERT INTO outbox (id, topic, key, type, data, created_at)
          SELECT order_no || ':v1', 'orders.events.v1', order_no, 'OrderStatusChanged', '{\"version\":1}', NOW FROM orders;
        ",
    ),
    (
        "inventory",
        "
        INSERT INTO stock VALUES (1, 50, 44, 0, NOW), (2, 50, 48, 1, NOW);
        INSERT INTO reservations VALUES
          ('PAID', 1, 5, 'CONFIRMED', NOW, NOW), ('PAID', 2, 1, 'CONFIRMED', NOW, NOW), ('GIFT', 1, 1, 'CONFIRMED', NOW, NOW),
          ('FAILED', 2, 1, 'RELEASED', NOW, NOW), ('REFUNDED', 2, 1, 'CONFIRMED', NOW, NOW), ('WAITING', 2, 1, 'RESERVED', NOW, NOW);
        ",
    ),
    (
        "accounts",
        "
        INSERT INTO accounts VALUES ('u', 2600, NOW);
        INSERT INTO entries (user_id, kind, amount, order_no, step_id, returns, at) VALUES
          ('u', 'welcome', 3000, NULL, NULL, NULL, NOW), ('u', 'debit', -300, 'PAID', 's1', NULL, NOW),
          ('u', 'debit', -100, 'GIFT', 's2', NULL, NOW), ('u', 'debit', -200, 'REFUNDED', 's3', NULL, NOW),
          ('u', 'credit', 200, 'REFUNDED', 's4', 's3', NOW);
        ",
    ),
    (
        "payments",
        "
        INSERT INTO payment_codes (merchant_payment_id, create_step, order_no, amount, state, code_id, url, expires_at, status, created_at, updated_at) VALUES
          ('PAID-1', 's', 'PAID', 700, 'CREATED', 'c1', '', 1, 'COMPLETED', 1, 1), ('FAILED-1', 's', 'FAILED', 500, 'CREATED', 'c2', '', 1, 'REFUNDED', 1, 1),
          ('REFUNDED-1', 's', 'REFUNDED', 300, 'CREATED', 'c3', '', 1, 'COMPLETED', 1, 1), ('WAITING-1', 's', 'WAITING', 500, 'CREATED', 'c4', '', 1, 'CREATED', 1, 1);
        INSERT INTO refunds VALUES ('r1', 'REFUNDED-1', '79', 300, '', 1), ('r2', 'FAILED-1', '78', 500, '', 1);
        ",
    ),
    (
        "sandbox",
        "
        INSERT INTO payments (merchant_payment_id, code_id, payment_id, request, url, deeplink, amount, status, expires_at, created_at) VALUES
          ('PAID-1', 'c1', '77', '{}', '', '', 700, 'COMPLETED', 0, 0), ('FAILED-1', 'c2', '78', '{}', '', '', 500, 'REFUNDED', 0, 0),
          ('REFUNDED-1', 'c3', '79', '{}', '', '', 300, 'REFUNDED', 0, 0), ('WAITING-1', 'c4', NULL, '{}', '', '', 500, 'CREATED', 0, 0);
        INSERT INTO refunds VALUES ('r1', '79', 300, '', 0, 0), ('r2', '78', 500, '', 0, 0);
        ",
    ),
];

async fn execute(data: &Path, database: &str, sql: &str) {
    let mut connection = SqliteConnectOptions::new()
        .filename(data.join(format!("{database}.db")))
        .create_if_missing(true)
        .foreign_keys(false)
        .pragma("ignore_check_constraints", "ON")
        .connect()
        .await
        .unwrap();
    let now = domain::Instant::now().millis().to_string();
    sqlx::raw_sql(AssertSqlSafe(sql.replace("NOW", &now)))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

async fn healthy_shop() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    migrate(data.path()).await.unwrap();
    execute(data.path(), "sandbox", SANDBOX_SCHEMA).await;
    for (database, sql) in SHOP {
        execute(data.path(), database, sql).await;
    }
    data
}

fn files(data: &tempfile::TempDir) -> Databases {
    Databases::Sqlite(data.path().to_owned())
}

fn broken(report: &Report) -> Vec<&'static str> {
    report
        .outcomes
        .iter()
        .filter(|outcome| !outcome.findings.is_empty())
        .map(|outcome| outcome.rule)
        .collect()
}

/// The rules that break, each with what breaks it: database and statement.
const BREAKS: &[(&[&str], &str, &str)] = &[
    (&["every order costs what its lines add up to"], "orders", "UPDATE order_lines SET unit_price = 99 WHERE order_no = 'GIFT'"),
    (&["every order costs what its lines add up to"], "orders", "DELETE FROM order_lines WHERE order_no = 'PENDING'"),
    (&["FAILED orders, and only they, say why"], "orders", "UPDATE orders SET fail_code = NULL WHERE order_no = 'FAILED'"),
    (&["FAILED orders, and only they, say why"], "orders", "UPDATE orders SET fail_code = 'OUT_OF_STOCK' WHERE order_no = 'PAID'"),
    (&["stock = initial - confirmed - reserved, never negative"], "inventory", "UPDATE stock SET on_hand = 43 WHERE product_id = 1"),
    (&["stock = initial - confirmed - reserved, never negative"], "inventory", "UPDATE stock SET reserved = 2 WHERE product_id = 2"),
    (
        &["stock = initial - confirmed - reserved, never negative"],
        "inventory",
        "UPDATE stock SET initial = 2, on_hand = 0 WHERE product_id = 2",
    ),
    (
        &["every reservation is of a product and an order or a saga that exist"],
        "inventory",
        "INSERT INTO reservations VALUES ('NOBODY', 1, 1, 'RELEASED', 1, 1)",
    ),
    (
        &["every reservation is of a product and an order or a saga that exist"],
        "inventory",
        "INSERT INTO reservations VALUES ('PENDING', 9, 1, 'RELEASED', 1, 1)",
    ),
    (
        &["every PAID order has the stock of its lines confirmed"],
        "inventory",
        "UPDATE reservations SET state = 'RESERVED' WHERE order_no = 'GIFT'; UPDATE stock SET on_hand = 45, reserved = 1 WHERE product_id = 1",
    ),
    (
        &["every PAID order has the stock of its lines confirmed"],
        "inventory",
        "DELETE FROM reservations WHERE order_no = 'GIFT'; UPDATE stock SET on_hand = 45 WHERE product_id = 1",
    ),
    (
        &["every PAID order has the stock of its lines confirmed"],
        "inventory",
        "UPDATE reservations SET quantity = 4 WHERE order_no = 'PAID' AND product_id = 1; UPDATE stock SET on_hand = 45 WHERE product_id = 1",
    ),
    (
        &["no FAILED order holds stock"],
        "inventory",
        "UPDATE reservations SET state = 'RESERVED' WHERE order_no = 'FAILED'; UPDATE stock SET reserved = 2 WHERE product_id = 2",
    ),
    (
        &["a REFUNDED order's stock is sold or put back"],
        "inventory",
        "UPDATE reservations SET state = 'RELEASED' WHERE order_no = 'REFUNDED'; UPDATE stock SET on_hand = 49 WHERE product_id = 2",
    ),
    (&["every balance is the sum of its entries, never negative"], "accounts", "UPDATE accounts SET balance = 2601"),
    (
        &["every PAID order took exactly its part of the balance"],
        "accounts",
        "DELETE FROM entries WHERE step_id = 's2'; UPDATE accounts SET balance = 2700",
    ),
    (
        &["every PAID order took exactly its part of the balance"],
        "accounts",
        "INSERT INTO entries (user_id, kind, amount, order_no, step_id, at) VALUES ('u', 'debit', -300, 'PAID', 's9', 1);
         UPDATE accounts SET balance = 2300",
    ),
    (
        &["no FAILED or REFUNDED order keeps anything of the balance"],
        "accounts",
        "DELETE FROM entries WHERE step_id = 's4'; UPDATE accounts SET balance = 2400",
    ),
    (
        &["every entry for an order is of an order and its buyer"],
        "accounts",
        "INSERT INTO accounts VALUES ('v', 50, 1);
         INSERT INTO entries (user_id, kind, amount, order_no, step_id, returns, at) VALUES ('v', 'credit', 50, 'NOBODY', 's9', 's8', 1)",
    ),
    (&["every PAID order knows its completed payment"], "orders", "UPDATE orders SET payment_status = 'CREATED' WHERE order_no = 'PAID'"),
    (&["every PAID order knows its completed payment"], "orders", "UPDATE orders SET payment_id = NULL WHERE order_no = 'PAID'"),
    (
        &["the payment's books hold exactly one completed payment of its amount for every PAID order"],
        "payments",
        "UPDATE payment_codes SET status = 'CREATED' WHERE order_no = 'PAID'",
    ),
    (
        &["the payment's books hold exactly one completed payment of its amount for every PAID order"],
        "payments",
        "UPDATE payment_codes SET amount = 699 WHERE order_no = 'PAID'",
    ),
    (
        &["the payment's books hold exactly one completed payment of its amount for every PAID order"],
        "payments",
        "INSERT INTO refunds VALUES ('r3', 'PAID-1', '77', 700, '', 1)",
    ),
    (
        &["the payment's books hold no unrefunded payment of a FAILED or REFUNDED order"],
        "payments",
        "DELETE FROM refunds WHERE merchant_payment_id = 'REFUNDED-1'",
    ),
    (
        &["the payment's books hold no unrefunded payment of a FAILED or REFUNDED order"],
        "payments",
        "UPDATE payment_codes SET status = 'COMPLETED' WHERE order_no = 'FAILED'; DELETE FROM refunds WHERE merchant_payment_id = 'FAILED-1'",
    ),
    (
        &["PayPay has exactly one completed payment of its amount for every PAID order"],
        "sandbox",
        "UPDATE payments SET status = 'CREATED' WHERE merchant_payment_id = 'PAID-1'",
    ),
    (
        &["PayPay has exactly one completed payment of its amount for every PAID order"],
        "sandbox",
        "UPDATE payments SET amount = 701 WHERE merchant_payment_id = 'PAID-1'",
    ),
    (
        // Paid twice, under two ids.
        &["PayPay has exactly one completed payment of its amount for every PAID order"],
        "orders",
        "INSERT INTO payment_attempts (merchant_payment_id, order_no, created_at) VALUES ('PAID-2', 'PAID', 1); ATTACH DATABASE '@folder@/sandbox.db' AS sandbox;
         INSERT INTO sandbox.payments (merchant_payment_id, code_id, payment_id, request, url, deeplink, amount, status, expires_at, created_at)
           VALUES ('PAID-2', 'c9', '99', '{}', '', '', 700, 'COMPLETED', 0, 0)",
    ),
    (
        &["PayPay keeps no money for a FAILED or REFUNDED order"],
        "sandbox",
        "UPDATE payments SET status = 'COMPLETED' WHERE merchant_payment_id = 'FAILED-1'",
    ),
    (&["PayPay gave back what a REFUNDED order paid"], "sandbox", "UPDATE refunds SET amount = 299 WHERE merchant_refund_id = 'r1'"),
    (
        &["PayPay has no paid payment that no order knows"],
        "sandbox",
        "INSERT INTO payments (merchant_payment_id, code_id, payment_id, request, url, deeplink, amount, status, expires_at, created_at)
           VALUES ('NOBODY-1', 'c9', '99', '{}', '', '', 700, 'COMPLETED', 0, 0)",
    ),
    (
        &["no saga that was undone holds stock"],
        "orders",
        "ATTACH DATABASE '@folder@/inventory.db' AS inventory;
         INSERT INTO saga_instances (id, machine, business_key, phase, status, instance, created_at, updated_at)
           VALUES ('S1', 'goods_out', 'fair', 'COMPENSATED', 'UN', '{}', 1, 1);
         INSERT INTO inventory.reservations VALUES ('fair/0', 1, 1, 'CONFIRMED', 1, 1);
         UPDATE inventory.stock SET initial = initial + 1 WHERE product_id = 1",
    ),
    (&["every order has its saga, and both agree on the end"], "orders", "DELETE FROM saga_instances WHERE order_no = 'GIFT'"),
    (&["every order has its saga, and both agree on the end"], "orders", "UPDATE saga_instances SET status = 'RU' WHERE order_no = 'PAID'"),
    (&["every order has its saga, and both agree on the end"], "orders", "UPDATE saga_instances SET status = 'SU' WHERE order_no = 'FAILED'"),
    (&["every order has its saga, and both agree on the end"], "orders", "UPDATE saga_instances SET status = 'SU' WHERE order_no = 'WAITING'"),
    (&["no saga is unfinished past its deadline"], "orders", "UPDATE orders SET expires_at = NOW - 61000 WHERE order_no = 'WAITING'"),
    (
        &["no saga is unfinished past its deadline"],
        "orders",
        "INSERT INTO saga_instances (id, machine, phase, status, instance, created_at, updated_at) VALUES ('S1', 'm', 'PARKED', 'UN', '{}', 1, 1)",
    ),
    (
        &["no saga is unfinished past its deadline"],
        "orders",
        "INSERT INTO saga_instances (id, machine, phase, status, instance, created_at, updated_at) VALUES ('S1', 'm', 'RETRYING', 'RU', '{}', 1, 1)",
    ),
    (&["no saga is unfinished past its deadline"], "orders", "UPDATE orders SET created_at = NOW - 601000 WHERE order_no = 'PENDING'"),
    (&["no work is left lying for more than ten minutes"], "orders", "UPDATE saga_instances SET due_at = NOW - 601000 WHERE order_no = 'WAITING'"),
    (&["the outbox holds each version of every order once"], "orders", "DELETE FROM outbox WHERE key = 'PAID'"),
    (&["the outbox holds each version of every order once"], "orders", "UPDATE orders SET version = 2 WHERE order_no = 'PAID'"),
    (
        &["the outbox holds each version of every order once"],
        "orders",
        "INSERT INTO outbox (id, topic, key, type, data, created_at)
           VALUES ('again', 'orders.events.v1', 'PAID', 'OrderStatusChanged', '{\"version\":1}', 1)",
    ),
    (&["no log is ahead of the outbox"], "worker", "INSERT INTO relay_positions VALUES ('memory', 7, 1)"),
];

#[tokio::test]
async fn a_healthy_shop_breaks_no_rule() {
    let data = healthy_shop().await;
    let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert!(report.is_clean() && report.skipped.is_empty(), "{report}");
}

#[tokio::test]
async fn each_broken_invariant_is_named_and_no_other() {
    let mut named: Vec<&str> = Vec::new();
    let mut rules = 0;
    let healthy = healthy_shop().await;
    let mirror = Mirror::start().await;
    mirror.take(healthy.path()).await;
    let report = check_with(&mirror.databases(), healthy.path(), ONE_LOOK)
        .await
        .unwrap();
    assert!(
        report.is_clean() && report.skipped.is_empty(),
        "on MySQL\n{report}"
    );
    for (rules_broken, database, sql) in BREAKS {
        let data = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(healthy.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), data.path().join(file.file_name())).unwrap();
        }
        execute(
            data.path(),
            database,
            &sql.replace("@folder@", &data.path().to_string_lossy()),
        )
        .await;
        let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
        assert_eq!(broken(&report), *rules_broken, "{sql}\n{report}");
        mirror.take(data.path()).await;
        let same = check_with(&mirror.databases(), data.path(), ONE_LOOK)
            .await
            .unwrap();
        for (ours, theirs) in report.outcomes.iter().zip(&same.outcomes) {
            assert_eq!(ours.rule, theirs.rule);
            let sorted = |outcome: &Outcome| {
                let mut subjects: Vec<String> =
                    outcome.findings.iter().map(|one| one.subject.clone()).collect();
                subjects.sort();
                subjects
            };
            assert_eq!(sorted(ours), sorted(theirs), "on MySQL: {sql}\n{same}");
        }
        named.extend(*rules_broken);
        rules = report.outcomes.len();
    }
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), rules, "a rule that nothing here breaks: {named:?}");
}

#[tokio::test]
async fn what_is_under_way_is_no_finding() {
    let data = healthy_shop().await;
    // A late success of a failed order, which the shop knows of and has yet to refund.
    execute(
        data.path(),
        "sandbox",
        "UPDATE payments SET status = 'COMPLETED' WHERE merchant_payment_id = 'FAILED-1'",
    )
    .await;
    execute(
        data.path(),
        "orders",
        "UPDATE saga_instances SET due_at = NOW, due_kind = 'poll' WHERE order_no = 'FAILED'",
    )
    .await;
    // A refund whose balance and payment are given back already.
    execute(
        data.path(),
        "orders",
        "UPDATE orders SET refund_request = '{}' WHERE order_no = 'PAID'",
    )
    .await;
    execute(
        data.path(),
        "sandbox",
        "UPDATE payments SET status = 'REFUNDED' WHERE merchant_payment_id = 'PAID-1'",
    )
    .await;
    let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_refund_counts_as_a_whole_even_if_another_amount_was_paid() {
    let data = healthy_shop().await;
    let other_amount =
        "UPDATE payment_codes SET status = 'COMPLETED', amount = 501 WHERE order_no = 'FAILED'";
    execute(data.path(), "payments", other_amount).await;
    let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn archived_sagas_and_sagas_without_an_order_are_held_to_the_same_rules() {
    let data = healthy_shop().await;
    execute(
        data.path(),
        "orders",
        "INSERT INTO saga_archive (id, machine, order_no, phase, status, compensation_status, instance, fence, created_at, updated_at, ended_at, archived_at)
           SELECT id, machine, order_no, phase, status, compensation_status, instance, fence, created_at, updated_at, updated_at, NOW
           FROM saga_instances WHERE phase IN ('SUCCEEDED', 'COMPENSATED');
         DELETE FROM saga_instances WHERE phase IN ('SUCCEEDED', 'COMPENSATED');
         INSERT INTO saga_instances (id, machine, business_key, phase, status, instance, created_at, updated_at) VALUES
           ('S1', 'goods_out', 'fair', 'SUCCEEDED', 'SU', '{}', 1, 1), ('S2', 'goods_out', 'gala', 'COMPENSATED', 'UN', '{}', 1, 1),
           ('S3', 'asks', NULL, 'WAITING', 'RU', '{}', 1, 1)",
    )
    .await;
    execute(
        data.path(),
        "inventory",
        "INSERT INTO reservations VALUES ('fair/0', 1, 1, 'RESERVED', NOW, NOW), ('gala/0', 1, 1, 'RELEASED', NOW, NOW);
         UPDATE stock SET reserved = 1 WHERE product_id = 1",
    )
    .await;
    let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert!(report.is_clean(), "{report}");

    execute(
        data.path(),
        "orders",
        "UPDATE saga_archive SET status = 'RU' WHERE order_no = 'PAID'; UPDATE saga_instances SET phase = 'FAILED' WHERE id = 'S1'",
    )
    .await;
    let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert_eq!(
        broken(&report),
        [
            "no saga that was undone holds stock",
            "every order has its saga, and both agree on the end"
        ]
    );
}

#[tokio::test]
async fn a_finding_that_a_second_look_does_not_find_is_dropped() {
    let data = healthy_shop().await;
    execute(data.path(), "accounts", "UPDATE accounts SET balance = 2601").await;
    let first = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert!(!first.is_clean());
    let looks = Looks {
        count: 2,
        pause: Duration::from_millis(300),
    };
    let healing = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        execute(data.path(), "accounts", "UPDATE accounts SET balance = 2600").await;
    };
    let databases = files(&data);
    let (report, ()) = tokio::join!(check_with(&databases, data.path(), looks), healing);
    assert!(report.unwrap().is_clean());
    execute(data.path(), "accounts", "UPDATE accounts SET balance = 2601").await;
    assert!(
        !check_with(
            &files(&data),
            data.path(),
            Looks {
                count: 2,
                pause: Duration::ZERO
            }
        )
        .await
        .unwrap()
        .is_clean()
    );
}

#[tokio::test]
async fn without_a_sandbox_its_rules_are_left_out_and_without_orders_there_is_no_check() {
    let data = healthy_shop().await;
    std::fs::remove_file(data.path().join("sandbox.db")).unwrap();
    let report = check_with(&files(&data), data.path(), ONE_LOOK).await.unwrap();
    assert!(report.is_clean());
    assert_eq!(report.skipped.len(), 4);

    std::fs::remove_file(Database::Orders.file(data.path())).unwrap();
    assert!(matches!(
        check_with(&files(&data), data.path(), ONE_LOOK).await,
        Err(CheckError::Missing(_))
    ));
    assert!(!Database::Orders.file(data.path()).exists());
}
