//! What was seen, by all buyers together.

use anyhow::Result;
use scenarios::Answer;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
pub struct Seen {
    /// Answers by call and by status with its code; calls that got none.
    pub answers: BTreeMap<(String, String), u64>,
    /// Orders that the shop has confirmed.
    pub placed: BTreeSet<String>,
    /// Keys that each buyer has used: more orders than keys would be doubled ones.
    pub keys: BTreeMap<String, usize>,
    pub kills: usize,
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

    pub fn placed(&self, order_no: &Value) {
        if let Some(order_no) = order_no.as_str() {
            self.lock().placed.insert(order_no.to_owned());
        }
    }

    pub fn used_key(&self, email: &str) {
        *self.lock().keys.entry(email.to_owned()).or_default() += 1;
    }

    pub fn violation(&self, what: String) {
        eprintln!("VIOLATION: {what}");
        self.lock().violations.push(what);
    }
}
