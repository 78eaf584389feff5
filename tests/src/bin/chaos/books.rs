//! The books in the end, read row by row: PayPay's payments and refunds against ours, and both against what buyers were told.
//!
//! `kessai check` looks at the same rows with rules that hold at any moment. These rules are written anew, and are those of rest: every order is over.

use crate::tally::Placed;
use anyhow::{Context, Result};
use scenarios::Shop;
use sqlx::{Connection, SqliteConnection};
use std::collections::BTreeMap;

/// A rule by its name, and the query for what breaks it: subject and detail.
type Rule = (&'static str, &'static str);

/// What PayPay has of each order: payments by any id under which it was asked.
const VIEWS: &str = "
    CREATE TEMP VIEW theirs AS
    SELECT t.order_no, p.* FROM sandbox.payments AS p JOIN orders.payment_attempts AS t USING (merchant_payment_id);
    CREATE TEMP VIEW sold AS
    SELECT l.product_id, sum(l.quantity) AS quantity FROM orders.order_lines AS l JOIN orders.orders AS o USING (order_no)
    WHERE o.status = 'PAID' GROUP BY l.product_id;
";

const RULES: [Rule; 13] = [
    (
        "every order is over",
        "SELECT order_no, status || coalesce(', refund wanted: ' || refund_request, '') FROM orders.orders
         WHERE status NOT IN ('PAID', 'REFUNDED', 'FAILED') OR refund_request IS NOT NULL",
    ),
    (
        "every order has one idempotency key",
        "SELECT o.order_no, count(k.key) || ' keys' FROM orders.orders AS o LEFT JOIN orders.idempotency_keys AS k USING (order_no)
         GROUP BY o.order_no HAVING count(k.key) <> 1",
    ),
    (
        "PayPay keeps what PAID orders cost, and nothing else",
        "SELECT o.order_no, o.status || ' ' || o.pay_amount || ' yen; PayPay keeps ' || coalesce(sum(t.amount), 0) || ' in ' || count(t.amount)
         FROM orders.orders AS o LEFT JOIN theirs AS t ON t.order_no = o.order_no AND t.status = 'COMPLETED'
         GROUP BY o.order_no
         HAVING coalesce(sum(t.amount), 0) <> iif(o.status = 'PAID', o.pay_amount, 0) OR count(t.amount) > 1",
    ),
    (
        "nobody paid for no order",
        "SELECT merchant_payment_id, status || ' ' || amount FROM sandbox.payments
         WHERE status NOT IN ('CREATED', 'EXPIRED', 'FAILED', 'CANCELED') AND merchant_payment_id NOT IN (SELECT merchant_payment_id FROM theirs)",
    ),
    (
        "no payment is left authorized",
        "SELECT merchant_payment_id, status FROM sandbox.payments WHERE status IN ('AUTHORIZED', 'REAUTHORIZING')",
    ),
    (
        "what PayPay keeps, our books have, and the other way round",
        "SELECT coalesce(p.merchant_payment_id, c.merchant_payment_id),
                'PayPay: ' || coalesce(p.status || ' ' || p.amount, 'nothing') || ', ours: ' || coalesce(c.status || ' ' || c.amount, 'nothing')
         FROM (SELECT * FROM sandbox.payments WHERE status = 'COMPLETED') AS p
              FULL JOIN (SELECT * FROM payments.payment_codes WHERE status = 'COMPLETED'
                           AND merchant_payment_id NOT IN (SELECT merchant_payment_id FROM payments.refunds)) AS c USING (merchant_payment_id)
         WHERE p.amount IS NOT c.amount",
    ),
    (
        "what PayPay gave back, our books have, and the other way round",
        "SELECT coalesce(p.merchant_payment_id, r.merchant_payment_id),
                'PayPay: ' || coalesce(p.amount, 'nothing') || ', ours: ' || coalesce(r.amount, 'nothing')
         FROM (SELECT q.merchant_payment_id, b.amount FROM sandbox.refunds AS b JOIN sandbox.payments AS q USING (payment_id)) AS p
              FULL JOIN payments.refunds AS r USING (merchant_payment_id)
         WHERE p.amount IS NOT r.amount",
    ),
    (
        "every refund is one, and of all that was paid",
        "SELECT p.merchant_payment_id, p.status || ' ' || p.amount || ', ' || count(r.amount) || ' refunds of ' || coalesce(sum(r.amount), 0)
         FROM sandbox.payments AS p LEFT JOIN sandbox.refunds AS r USING (payment_id)
         GROUP BY p.merchant_payment_id
         HAVING count(r.amount) <> (p.status = 'REFUNDED') OR coalesce(sum(r.amount), 0) <> iif(p.status = 'REFUNDED', p.amount, 0)",
    ),
    (
        "nothing is reserved any more",
        "SELECT order_no, quantity || ' of product ' || product_id FROM inventory.reservations WHERE state = 'RESERVED'
         UNION ALL SELECT 'product ' || product_id, reserved || ' reserved' FROM inventory.stock WHERE reserved <> 0",
    ),
    (
        "the pieces that are gone are those of PAID orders, and of returns that were not put back",
        "SELECT 'product ' || s.product_id, (s.initial - s.on_hand) || ' gone, ' || coalesce(w.quantity, 0) || ' sold, ' || coalesce(k.quantity, 0) || ' kept'
         FROM inventory.stock AS s LEFT JOIN sold AS w USING (product_id)
              LEFT JOIN (SELECT r.product_id, sum(r.quantity) AS quantity FROM inventory.reservations AS r JOIN orders.orders AS o USING (order_no)
                         WHERE o.status = 'REFUNDED' AND r.state = 'CONFIRMED' GROUP BY r.product_id) AS k USING (product_id)
         WHERE s.initial - s.on_hand <> coalesce(w.quantity, 0) + coalesce(k.quantity, 0)",
    ),
    (
        "what is gone from a balance is what the buyer's PAID orders took",
        "SELECT a.user_id, 'balance ' || a.balance || ', given ' || g.amount || ', spent ' || coalesce(s.amount, 0)
         FROM accounts.accounts AS a JOIN (SELECT user_id, amount FROM accounts.entries WHERE kind = 'welcome') AS g USING (user_id)
              LEFT JOIN (SELECT user_id, sum(balance_amount) AS amount FROM orders.orders WHERE status = 'PAID' GROUP BY user_id) AS s USING (user_id)
         WHERE a.balance <> g.amount - coalesce(s.amount, 0)",
    ),
    (
        "no webhook lies unapplied",
        "SELECT order_no, state || ' of ' || merchant_payment_id FROM orders.inbox WHERE applied_at IS NULL",
    ),
    (
        "no saga is parked",
        "SELECT id, phase FROM orders.saga_instances WHERE phase = 'PARKED'",
    ),
];

/// What the books add up to.
#[derive(Debug, Default)]
pub struct Sums {
    /// Orders by status and fail code.
    pub orders: BTreeMap<String, i64>,
    /// PayPay's payments by status, with their yen.
    pub payments: BTreeMap<String, (i64, i64)>,
    /// Webhooks by what became of them.
    pub webhooks: BTreeMap<String, i64>,
}

/// Reads the books; what is wrong with them, a line each.
pub async fn wrongs(shop: &Shop, placed: &Placed) -> Result<Vec<String>> {
    let mut db = open(shop).await?;
    let mut wrongs = Vec::new();
    for (rule, broken_by) in RULES {
        let rows: Vec<(String, String)> = sqlx::query_as(broken_by)
            .fetch_all(&mut db)
            .await
            .with_context(|| rule)?;
        wrongs.extend(
            rows.into_iter()
                .map(|(subject, detail)| format!("{rule}: {subject}: {detail}")),
        );
    }
    let keys: Vec<(String, String)> = sqlx::query_as("SELECT key, order_no FROM orders.idempotency_keys")
        .fetch_all(&mut db)
        .await?;
    db.close().await?;
    wrongs.extend(doubled_or_lost(&keys, placed));
    Ok(wrongs)
}

/// Buyers' keys are all different, so each has one order at most, and the one that its buyer was told of.
fn doubled_or_lost(on_the_books: &[(String, String)], placed: &Placed) -> Vec<String> {
    let mut orders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, order_no) in on_the_books {
        orders.entry(key).or_default().push(order_no);
    }
    let mut wrongs = Vec::new();
    for (key, of_key) in &orders {
        if of_key.len() > 1 {
            wrongs.push(format!("doubled: key {key} has the orders {of_key:?}"));
        }
        if !placed.contains_key(*key) {
            wrongs.push(format!("nobody used the key {key} of {of_key:?}"));
        }
    }
    for (key, confirmed) in placed {
        let of_key = orders.get(key.as_str()).map_or(&[][..], Vec::as_slice);
        if let Some(confirmed) = confirmed
            && !of_key.contains(&confirmed.as_str())
        {
            wrongs.push(format!(
                "lost: {confirmed} was confirmed for key {key}, which has {of_key:?}"
            ));
        }
    }
    wrongs
}

pub async fn sums(shop: &Shop) -> Result<Sums> {
    let mut db = open(shop).await?;
    let orders: Vec<(String, i64)> = sqlx::query_as(
        "SELECT status || coalesce(' ' || fail_code, ''), count(*) FROM orders.orders GROUP BY 1",
    )
    .fetch_all(&mut db)
    .await?;
    let payments: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT status, count(*), sum(amount) FROM sandbox.payments GROUP BY 1")
            .fetch_all(&mut db)
            .await?;
    let webhooks: Vec<(String, i64)> =
        sqlx::query_as("SELECT outcome, count(*) FROM sandbox.deliveries GROUP BY 1")
            .fetch_all(&mut db)
            .await?;
    db.close().await?;
    Ok(Sums {
        orders: orders.into_iter().collect(),
        payments: payments
            .into_iter()
            .map(|(status, count, yen)| (status, (count, yen)))
            .collect(),
        webhooks: webhooks.into_iter().collect(),
    })
}

async fn open(shop: &Shop) -> Result<SqliteConnection> {
    let mut db = shop.books().await?;
    sqlx::raw_sql(VIEWS).execute(&mut db).await?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_two_orders_and_a_confirmed_order_that_is_gone_are_seen() {
        let mut placed = Placed::default();
        for (key, confirmed) in [
            ("visit-0", Some("K1")),
            ("visit-1", Some("K3")),
            ("visit-2", None),
        ] {
            placed.insert(key.to_owned(), confirmed.map(str::to_owned));
        }
        let books = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
            rows.iter()
                .map(|(key, order)| ((*key).to_owned(), (*order).to_owned()))
                .collect()
        };
        let right = books(&[("visit-0", "K1"), ("visit-1", "K3"), ("visit-2", "K4")]);
        assert!(doubled_or_lost(&right, &placed).is_empty());
        let wrong = doubled_or_lost(
            &books(&[("visit-0", "K1"), ("visit-0", "K2"), ("visit-9", "K9")]),
            &placed,
        );
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }
}
