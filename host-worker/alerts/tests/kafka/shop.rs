//! Orders and their faults.

use crate::support::{bought, order, order_no, payment};
use domain::{Instant, OrderStatus as O, PaymentStatus as P, topic};
use kessai_alerts::Record;
use std::ops::Range;

pub(crate) const HOUR: i64 = 3_600_000;

/// Orders of an hour ago, all within less than the disorder, numbered from `first` on: one with each fault, then others in which all is right.
pub(crate) fn an_hour_ago(first: u64) -> Vec<Record> {
    let at = Instant::now().millis() - HOUR;
    let mut records = right(first + 10..first + 30, at);
    records.extend(faults(first, at));
    records
}

pub(crate) fn right(numbers: Range<u64>, at: i64) -> Vec<Record> {
    numbers.flat_map(|number| bought(&order_no(number), at)).collect()
}

fn faults(first: u64, at: i64) -> Vec<Record> {
    let mut records = not_updated(first + 1, at);
    let unpaid = bought(&order_no(first + 2), at);
    records.extend(unpaid.into_iter().filter(|record| record.topic == topic::ORDERS));
    let late = order_no(first + 3);
    records.extend(bought(&late, at).into_iter().take(2));
    records.push(order(&late, at + 20_000, 3, O::Failed, P::Expired));
    records.push(payment(&late, at + 30_000, 1, P::Completed));
    records.extend(right(first + 4..first + 5, at));
    records.push(paid_again(first + 4, at));
    records
}

/// Rule A: paid, and the order does not say so.
pub(crate) fn not_updated(number: u64, at: i64) -> Vec<Record> {
    bought(&order_no(number), at).into_iter().take(3).collect()
}

/// Rule D, if it was bought before.
pub(crate) fn paid_again(number: u64, at: i64) -> Record {
    payment(&order_no(number), at + 20_000, 2, P::Completed)
}

pub(crate) fn alert(rule: &str, number: u64) -> (String, String) {
    (rule.to_owned(), order_no(number).to_string())
}

/// Those of [`an_hour_ago`].
pub(crate) fn each_rule(firsts: &[u64]) -> Vec<(String, String)> {
    let of = |first: u64| {
        ["A", "B", "C", "D"]
            .into_iter()
            .zip(1..)
            .map(move |(rule, n)| alert(rule, first + n))
    };
    let mut all: Vec<_> = firsts.iter().copied().flat_map(of).collect();
    all.sort();
    all
}
