//! What came out: the table, the ratio with its spread, and everything raw.

use crate::contender::{Books, Kind};
use crate::load::{Load, Run};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The saga's share of what the same SQL does without it, at least.
const BUDGET: f64 = 0.80;

#[derive(Debug)]
pub struct Figures {
    setting: Value,
    pairs: Vec<Pair>,
    books: Vec<(Kind, Books)>,
}

/// Two runs, one directly after the other.
#[derive(Debug)]
struct Pair {
    saga: Run,
    plain: Run,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.saga.orders_per_second() / self.plain.orders_per_second()
    }
}

impl Figures {
    pub fn new(load: &Load) -> Figures {
        Figures {
            setting: json!({
                "callers": load.callers, "seconds": load.duration.as_secs_f64(),
                "cores": std::thread::available_parallelism().map_or(0, usize::from),
                "optimised": !cfg!(debug_assertions),
            }),
            pairs: Vec::new(),
            books: Vec::new(),
        }
    }

    /// Takes a pair, and says it in one line, below a heading if it is the first.
    pub fn add(&mut self, saga: Run, plain: Run) -> String {
        let pair = Pair { saga, plain };
        let mut line = String::new();
        if self.pairs.is_empty() {
            line.push_str(
                "orders/s: saga    plain   ratio   p50 ms: saga  plain   p99 ms: saga  plain    load\n",
            );
        }
        let (saga, plain) = (&pair.saga, &pair.plain);
        // Writing to a string does not fail.
        let _ = write!(
            line,
            "{:14.0} {:8.0} {:7.3} {:14.1} {:6.1} {:14.1} {:6.1} {:>7}",
            saga.orders_per_second(),
            plain.orders_per_second(),
            pair.ratio(),
            saga.latency_ms(0.5),
            plain.latency_ms(0.5),
            saga.latency_ms(0.99),
            plain.latency_ms(0.99),
            saga.load_average
                .map_or("?".to_owned(), |load| format!("{load:.1}")),
        );
        self.pairs.push(pair);
        line
    }

    pub fn describe(&mut self, kind: Kind, books: Books) {
        self.books.push((kind, books));
    }

    pub fn summary(&self) -> String {
        let ratio = self.spread(Pair::ratio);
        let mut text = format!(
            "saga ÷ plain: median {:.3}, min {:.3}, max {:.3} of {} pairs; budget ≥ {BUDGET:.2}: {}\n",
            ratio.median,
            ratio.min,
            ratio.max,
            self.pairs.len(),
            if ratio.median >= BUDGET { "met" } else { "MISSED" },
        );
        for (name, amount) in self.for_one_order() {
            let _ = writeln!(text, "{name:28} saga {:8.2}   plain {:8.2}", amount[0], amount[1]);
        }
        for (kind, books) in &self.books {
            let _ = writeln!(
                text,
                "{}: {} orders, stock and balances exact",
                kind.name(),
                books.orders
            );
        }
        text
    }

    pub fn json(&self) -> Value {
        let ratio = self.spread(Pair::ratio);
        let pairs: Vec<Value> = self
            .pairs
            .iter()
            .map(|pair| json!({"ratio": pair.ratio(), "saga": raw(&pair.saga), "plain": raw(&pair.plain)}))
            .collect();
        let one_order: serde_json::Map<String, Value> = self
            .for_one_order()
            .into_iter()
            .map(|(name, [saga, plain])| (name, json!({"saga": saga, "plain": plain})))
            .collect();
        let books: serde_json::Map<String, Value> = self
            .books
            .iter()
            .map(|(kind, books)| {
                let of_kind = json!({"orders": books.orders, "statesOfSaga": books.states, "bytesOfSaga": books.document});
                (kind.name().to_owned(), of_kind)
            })
            .collect();
        json!({
            "setting": self.setting,
            "ratio": {"median": ratio.median, "min": ratio.min, "max": ratio.max, "budget": BUDGET},
            "forOneOrder": one_order, "books": books, "pairs": pairs,
        })
    }

    /// Medians over all runs: saga, plain.
    fn for_one_order(&self) -> Vec<(String, [f64; 2])> {
        let both = |amount: &dyn Fn(&Run) -> f64| {
            [
                self.spread(|pair| amount(&pair.saga)).median,
                self.spread(|pair| amount(&pair.plain)).median,
            ]
        };
        let databases = self.pairs.first().map_or(0, |pair| pair.saga.commits.len());
        let mut amounts: Vec<_> = (0..databases)
            .map(|place| {
                let name = format!("commits on {}", self.pairs[0].saga.commits[place].0);
                (name, both(&|run| run.per_order(run.commits[place].1 as f64)))
            })
            .collect();
        let usage = |run: &Run, of: fn(&crate::usage::Usage) -> f64| {
            run.usage
                .as_ref()
                .map_or(f64::NAN, |usage| run.per_order(of(usage)))
        };
        amounts.push((
            "CPU ms".to_owned(),
            both(&|run| usage(run, |usage| usage.cpu.as_secs_f64() * 1000.0)),
        ));
        amounts.push((
            "KiB written, log included".to_owned(),
            both(&|run| usage(run, |usage| usage.written as f64 / 1024.0)),
        ));
        amounts
    }

    fn spread(&self, of: impl Fn(&Pair) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(of).collect())
    }
}

struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// Of nothing: not a number.
    fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let count = values.len();
        Spread {
            median: f64::midpoint(at(count.saturating_sub(1) / 2), at(count / 2)),
            min: at(0),
            max: at(count.saturating_sub(1)),
        }
    }
}

fn raw(run: &Run) -> Value {
    let commits: serde_json::Map<String, Value> = run
        .commits
        .iter()
        .map(|(database, count)| ((*database).to_owned(), json!(count)))
        .collect();
    json!({
        "orders": run.orders, "seconds": run.elapsed.as_secs_f64(), "ordersPerSecond": run.orders_per_second(),
        "latencyMs": {"p50": run.latency_ms(0.5), "p90": run.latency_ms(0.9), "p99": run.latency_ms(0.99), "max": run.latency_ms(1.0)},
        "commits": commits,
        "cpuSeconds": run.usage.map(|usage| usage.cpu.as_secs_f64()), "bytesWritten": run.usage.map(|usage| usage.written),
        "loadAverage": run.load_average,
    })
}
