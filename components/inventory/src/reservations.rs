//! Reserving, selling, giving back: the tables `stock` and `reservations`.
//!
//! Each step is a fixed number of statements whatever the number of lines, because every statement made under the writer is one that all
//! other buyers wait for. The stock of all of an order's products changes in one `UPDATE` that is joined with the order's reservations. On MySQL it
//! goes from these to the stock (`STRAIGHT_JOIN`), by product id: so the rows are locked in the same order by everybody.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use store::barrier::{Prior, Step, StepError, Stop, run_action, run_compensation};
use store::{Database, Dialect, Sql, StoreError, Transaction, clock, params};

use crate::stock::{self, Level};

/// Pieces of one line.
const QUANTITY: std::ops::RangeInclusive<u32> = 1..=99;
/// Lines of one order; also bounds the parameters of one statement.
const MOST_LINES: usize = 1000;

/// One line of an order, as it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub product_id: u32,
    pub quantity: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    pub product_id: u32,
    pub requested: u32,
    pub available: u32,
}

/// What is recorded as a step's outcome when it may not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    OutOfStock(Vec<Shortage>),
    UnknownProduct(Vec<u32>),
    InvalidState(String),
}

/// What `reserve` and `confirm` record, so that a compensation can tell whether it was sent to the right order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    order_no: String,
}

type Outcome = Result<(), StepError<Refusal>>;

/// Sets aside all lines or none.
pub async fn reserve(database: Database, step: &str, order_no: &str, lines: &[Line]) -> Outcome {
    let wanted = quantities(lines).map_err(StepError::Refused)?;
    let step = Step::new(step, "reserve", &(order_no, &wanted))?;
    run_action(database, &step, async |tx| {
        match tx.dialect() {
            Dialect::Sqlite => take_what_covers(tx, order_no, &wanted).await?,
            Dialect::MySql => look_and_take(tx, order_no, &wanted).await?,
        }
        Ok(Moved {
            order_no: order_no.to_owned(),
        })
    })
    .await
    .map(drop)
}

/// Sets aside what is covered and then sees whether that is all: two statements if it is.
async fn take_what_covers(
    tx: &Transaction,
    order_no: &str,
    wanted: &BTreeMap<u32, u32>,
) -> Result<(), Stop<Refusal>> {
    insert_reservations(tx, order_no, wanted).await?;
    let rows = tx
        .query(
            "UPDATE stock SET reserved = reserved + r.quantity, updated_at = r.created_at
             FROM reservations AS r
             WHERE r.order_no = ? AND stock.product_id = r.product_id
               AND stock.on_hand - stock.reserved >= r.quantity
             RETURNING product_id",
            params![order_no],
        )
        .await?;
    if rows.len() == wanted.len() {
        return Ok(());
    }
    let covered = rows
        .iter()
        .map(|row| row.get("product_id"))
        .collect::<Result<BTreeSet<u32>, _>>()?;
    let missing: BTreeMap<_, _> = wanted
        .iter()
        .filter(|(id, _)| !covered.contains(id))
        .map(|(id, n)| (*id, *n))
        .collect();
    // Their rows in `stock`, if they have one, are untouched.
    let levels = stock::available(tx, missing.keys().copied().collect()).await?;
    Err(Stop::Refused(why_missing(&missing, levels)))
}

/// Holds the products' rows, so that a refusal has nothing to undo: here that costs a connection, and the last pieces of a product make many.
async fn look_and_take(
    tx: &Transaction,
    order_no: &str,
    wanted: &BTreeMap<u32, u32>,
) -> Result<(), Stop<Refusal>> {
    let levels = stock::held(tx, wanted.keys().copied().collect()).await?;
    let covered: BTreeSet<u32> = levels
        .iter()
        .filter(|level| Some(&level.available) >= wanted.get(&level.product_id))
        .map(|level| level.product_id)
        .collect();
    if covered.len() < wanted.len() {
        let missing = wanted.iter().filter(|(id, _)| !covered.contains(id));
        return Err(Stop::Refused(why_missing(
            &missing.map(|(id, n)| (*id, *n)).collect(),
            levels,
        )));
    }
    insert_reservations(tx, order_no, wanted).await?;
    tx.run(
        "UPDATE reservations AS r STRAIGHT_JOIN stock ON stock.product_id = r.product_id
         SET stock.reserved = stock.reserved + r.quantity, stock.updated_at = r.created_at
         WHERE r.order_no = ?",
        params![order_no],
    )
    .await?;
    Ok(())
}

/// Turns an order's reservation into a sale.
pub async fn confirm(database: Database, step: &str, order_no: &str) -> Outcome {
    let step = Step::new(step, "confirm", &order_no)?;
    run_action(database, &step, async |tx| {
        let moved = tx
            .execute(
                Sql {
                    sqlite: "UPDATE stock SET on_hand = on_hand - r.quantity, reserved = reserved - r.quantity, updated_at = ?
                             FROM reservations AS r
                             WHERE r.order_no = ? AND r.state = 'RESERVED' AND stock.product_id = r.product_id",
                    mysql: "UPDATE reservations AS r STRAIGHT_JOIN stock ON stock.product_id = r.product_id
                            SET stock.on_hand = stock.on_hand - r.quantity, stock.reserved = stock.reserved - r.quantity, stock.updated_at = ?
                            WHERE r.order_no = ? AND r.state = 'RESERVED'",
                },
                params![clock::now_ms(), order_no],
            )
            .await?;
        if moved == 0 {
            return Err(Stop::Refused(cannot(tx, "confirm", order_no).await?));
        }
        set_state(tx, order_no, "RESERVED", "CONFIRMED", moved).await?;
        Ok(Moved { order_no: order_no.to_owned() })
    })
    .await
    .map(drop)
}

/// Gives back what `reserve_step` set aside, if it did.
pub async fn release(database: Database, step: &str, reserve_step: &str, order_no: &str) -> Outcome {
    let action = Step::of_unknown_arguments(reserve_step, "reserve")?;
    let step = Step::new(step, "release", &(reserve_step, order_no))?;
    run_compensation(database, &step, &action, async |tx, prior| {
        if !is_of(prior, order_no).map_err(Stop::Refused)? {
            return Ok(());
        }
        let moved = tx
            .execute(
                Sql {
                    sqlite: "UPDATE stock SET reserved = reserved - r.quantity, updated_at = ?
                             FROM reservations AS r
                             WHERE r.order_no = ? AND r.state = 'RESERVED' AND stock.product_id = r.product_id",
                    mysql: "UPDATE reservations AS r STRAIGHT_JOIN stock ON stock.product_id = r.product_id
                            SET stock.reserved = stock.reserved - r.quantity, stock.updated_at = ?
                            WHERE r.order_no = ? AND r.state = 'RESERVED'",
                },
                params![clock::now_ms(), order_no],
            )
            .await?;
        match moved {
            0 if state_of(tx, order_no).await?.as_deref() == Some("RELEASED") => Ok(()),
            0 => Err(Stop::Refused(cannot(tx, "release", order_no).await?)),
            _ => Ok(set_state(tx, order_no, "RESERVED", "RELEASED", moved).await?),
        }
    })
    .await
}

/// Takes back into the stock what `confirm_step` sold, if it did.
pub async fn restock(database: Database, step: &str, confirm_step: &str, order_no: &str) -> Outcome {
    let action = Step::of_unknown_arguments(confirm_step, "confirm")?;
    let step = Step::new(step, "restock", &(confirm_step, order_no))?;
    run_compensation(database, &step, &action, async |tx, prior| {
        if !is_of(prior, order_no).map_err(Stop::Refused)? {
            return Ok(());
        }
        let moved = tx
            .execute(
                Sql {
                    sqlite: "UPDATE stock SET on_hand = on_hand + r.quantity, updated_at = ?
                             FROM reservations AS r
                             WHERE r.order_no = ? AND r.state = 'CONFIRMED' AND stock.product_id = r.product_id",
                    mysql: "UPDATE reservations AS r STRAIGHT_JOIN stock ON stock.product_id = r.product_id
                            SET stock.on_hand = stock.on_hand + r.quantity, stock.updated_at = ?
                            WHERE r.order_no = ? AND r.state = 'CONFIRMED'",
                },
                params![clock::now_ms(), order_no],
            )
            .await?;
        match moved {
            0 if state_of(tx, order_no).await?.as_deref() == Some("RESTOCKED") => Ok(()),
            0 => Err(Stop::Refused(cannot(tx, "restock", order_no).await?)),
            _ => Ok(set_state(tx, order_no, "CONFIRMED", "RESTOCKED", moved).await?),
        }
    })
    .await
}

/// Pieces of each product, by product id: databases that lock rows then lock them in the same order for every order.
///
/// What is wrong with the request itself is answered without the database; it needs no record, since it will be as wrong the next time.
fn quantities(lines: &[Line]) -> Result<BTreeMap<u32, u32>, Refusal> {
    if lines.is_empty() || lines.len() > MOST_LINES {
        return Err(Refusal::InvalidState(format!(
            "an order has 1 to {MOST_LINES} lines, not {}",
            lines.len()
        )));
    }
    let mut wanted = BTreeMap::new();
    for line in lines {
        if !QUANTITY.contains(&line.quantity) {
            return Err(Refusal::InvalidState(format!(
                "{} pieces of product {}: a line has {} to {}",
                line.quantity,
                line.product_id,
                QUANTITY.start(),
                QUANTITY.end()
            )));
        }
        *wanted.entry(line.product_id).or_insert(0) += line.quantity;
    }
    Ok(wanted)
}

async fn insert_reservations(
    tx: &Transaction,
    order_no: &str,
    wanted: &BTreeMap<u32, u32>,
) -> Result<(), Stop<Refusal>> {
    let now = clock::now_ms();
    let mut values = Vec::with_capacity(wanted.len() * 5);
    for (product_id, quantity) in wanted {
        values.extend(params![order_no, *product_id, *quantity, now, now]);
    }
    let mut rows = "(?, ?, ?, 'RESERVED', ?, ?), ".repeat(wanted.len());
    rows.truncate(rows.len() - 2);
    let sql = format!(
        "INSERT INTO reservations (order_no, product_id, quantity, state, created_at, updated_at) VALUES {rows}"
    );
    match tx.run(&sql, values).await {
        Ok(()) => Ok(()),
        // By another step: had it been this one, the barrier would answer with its outcome and not with this.
        Err(error) if error.is_unique_violation() => Err(Stop::Refused(Refusal::InvalidState(format!(
            "order {order_no} has a reservation already"
        )))),
        Err(error) => Err(error.into()),
    }
}

/// Why these products were not covered.
fn why_missing(missing: &BTreeMap<u32, u32>, levels: Vec<Level>) -> Refusal {
    let available: BTreeMap<u32, u32> = levels
        .into_iter()
        .map(|level| (level.product_id, level.available))
        .collect();
    let unknown: Vec<u32> = missing
        .keys()
        .copied()
        .filter(|id| !available.contains_key(id))
        .collect();
    if !unknown.is_empty() {
        return Refusal::UnknownProduct(unknown);
    }
    Refusal::OutOfStock(
        missing
            .iter()
            .filter_map(|(&product_id, &requested)| {
                let available = *available.get(&product_id)?;
                Some(Shortage {
                    product_id,
                    requested,
                    available,
                })
            })
            .collect(),
    )
}

/// Moves the order's reservation on, after `expected` products' stock was.
async fn set_state(
    tx: &Transaction,
    order_no: &str,
    from: &str,
    to: &str,
    expected: u64,
) -> Result<(), StoreError> {
    let sql = "UPDATE reservations SET state = ?, updated_at = ? WHERE order_no = ? AND state = ?";
    let changed = tx
        .execute(sql, params![to, clock::now_ms(), order_no, from])
        .await?;
    if changed == expected {
        return Ok(());
    }
    // Somebody removed a product that orders still hold. Not ours to paper over: nothing is committed.
    Err(StoreError::Unavailable {
        database: "inventory".to_owned(),
        statement: sql.to_owned(),
        reason: format!("order {order_no} has {changed} products {from}, of which {expected} are in stock"),
    })
}

/// The state of an order's reservation: all its products have the same.
async fn state_of(tx: &Transaction, order_no: &str) -> Result<Option<String>, StoreError> {
    tx.query_optional(
        &format!(
            "SELECT state FROM reservations WHERE order_no = ? LIMIT 1{}",
            tx.dialect().for_update()
        ),
        params![order_no],
    )
    .await?
    .map(|row| row.text("state"))
    .transpose()
}

async fn cannot(tx: &Transaction, action: &str, order_no: &str) -> Result<Refusal, StoreError> {
    Ok(Refusal::InvalidState(match state_of(tx, order_no).await? {
        Some(state) => format!("cannot {action} order {order_no}: its reservation is {state}"),
        None => format!("cannot {action} order {order_no}: it has no reservation"),
    }))
}

/// Whether a compensation has something to undo; refused if the action was another order's.
fn is_of(prior: Prior<Moved>, order_no: &str) -> Result<bool, Refusal> {
    match prior {
        Prior::Nothing => Ok(false),
        Prior::Done(moved) if moved.order_no == order_no => Ok(true),
        Prior::Done(moved) => Err(Refusal::InvalidState(format!(
            "the compensated step belongs to order {}, not to {order_no}",
            moved.order_no
        ))),
    }
}

#[cfg(test)]
mod tests;
