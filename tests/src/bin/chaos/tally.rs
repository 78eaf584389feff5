//! What was seen, by all buyers together.

use anyhow::Result;
use scenarios::Answer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Seen>>);

/// The order that the shop has confirmed for each key that a buyer used; `None` while it has confirmed none.
pub type Placed = BTreeMap<String, Option<String>>;

#[derive(Debug, Default)]
pub struct Seen {
    /// Answers by call and by status with its code; calls that got none.
    pub answers: BTreeMap<(String, String), u64>,
    pub placed: Placed,
    /// SIGKILLs of a shop at work.
    pub kills: usize,
    /// SIGKILLs of a shop on its way up.
    pub kills_at_start: usize,
    /// How often buyers did what.
    pub acts: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
}

impl Tally {
    pub fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn answered(&self, call: &str, answer: &Result<Answer>) {
        let outcome = match answer {
            Ok(answer) => format!("{} {}", answer.status, answer.code()).trim().to_owned(),
            // The harness holds every answer to the contract.
            Err(error) if error.downcast_ref::<reqwest::Error>().is_none() => {
                format!("broken contract: {error:#}")
            }
            Err(_) => "no answer".to_owned(),
        };
        if outcome.starts_with("broken contract") || outcome.starts_with("500") {
            self.violation(format!("{call}: {outcome}"));
        }
        *self.lock().answers.entry((call.to_owned(), outcome)).or_default() += 1;
    }

    pub fn used_key(&self, key: &str) {
        self.lock().placed.entry(key.to_owned()).or_default();
    }

    /// The shop has confirmed an order for a key: always the same one.
    pub fn placed(&self, key: &str, order_no: &Value) {
        let order_no = order_no.as_str().unwrap_or_default().to_owned();
        let before = self.lock().placed.insert(key.to_owned(), Some(order_no.clone()));
        if let Some(Some(before)) = before
            && before != order_no
        {
            self.violation(format!("key {key} gave two orders: {before} and {order_no}"));
        }
    }

    pub fn act(&self, name: &'static str) {
        *self.lock().acts.entry(name).or_default() += 1;
    }

    pub fn violation(&self, what: String) {
        eprintln!("VIOLATION: {what}");
        self.lock().violations.push(what);
    }
}
