//! What came out.

use crate::{contender::Run, shop::Events};
use serde_json::{Value, json};

/// The least ratio that design §6 asks for.
const BUDGET: f64 = 0.60;

#[derive(Debug)]
pub struct Figures {
    events: Events,
    partitions: u16,
    pairs: Vec<(Run, Run)>,
}

impl Figures {
    pub fn new(events: Events, partitions: u16) -> Figures {
        println!(
            "{} events in {partitions} partitions of two topics\n\n  rules /s    bare /s   ratio   CPU µs an event, rules / bare",
            events.count
        );
        Figures {
            events,
            partitions,
            pairs: Vec::new(),
        }
    }

    fn rate(&self, run: &Run) -> f64 {
        self.events.count as f64 / run.seconds
    }

    fn cpu(&self, run: &Run) -> f64 {
        run.cpu * 1e6 / self.events.count as f64
    }

    /// Takes a pair in and shows it as a line.
    pub fn add(&mut self, rules: Run, bare: Run) -> String {
        self.pairs.push((rules, bare));
        format!(
            "{:>10.0} {:>10.0} {:>7.3}   {:.2} / {:.2}",
            self.rate(&rules),
            self.rate(&bare),
            self.rate(&rules) / self.rate(&bare),
            self.cpu(&rules),
            self.cpu(&bare)
        )
    }

    fn ratios(&self) -> Vec<f64> {
        let mut ratios: Vec<f64> = self
            .pairs
            .iter()
            .map(|(rules, bare)| self.rate(rules) / self.rate(bare))
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    pub fn summary(&self) -> String {
        let ratios = self.ratios();
        let (Some(least), Some(most)) = (ratios.first(), ratios.last()) else {
            return "no pair".to_owned();
        };
        let median = median(&ratios);
        let verdict = if median >= BUDGET { "met" } else { "MISSED" };
        format!(
            "ratio: median {median:.3} ({least:.3} to {most:.3}, {} pairs); budget {BUDGET:.2}: {verdict}",
            ratios.len()
        )
    }

    pub fn json(&self) -> Value {
        let ratios = self.ratios();
        let pairs: Vec<Value> = self
            .pairs
            .iter()
            .map(|(rules, bare)| {
                json!({
                    "rules": {"seconds": rules.seconds, "eventsPerSecond": self.rate(rules), "cpuSeconds": rules.cpu},
                    "bare": {"seconds": bare.seconds, "eventsPerSecond": self.rate(bare), "cpuSeconds": bare.cpu},
                })
            })
            .collect();
        json!({
            "events": self.events.count,
            "partitions": self.partitions,
            "pairs": pairs,
            "ratio": {"median": median(&ratios), "min": ratios.first(), "max": ratios.last()},
            "budget": BUDGET,
        })
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        _ if sorted.is_empty() => f64::NAN,
        0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}
