//! What came out: the table, the ratio with its spread, and everything raw.

use crate::contender::Books;
use crate::contest::Contest;
use crate::load::{Load, Run};
use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Debug)]
pub struct Figures {
    contest: Contest,
    setting: Value,
    pairs: Vec<Pair>,
    books: Vec<(&'static str, Books)>,
}

/// Two runs, one directly after the other.
#[derive(Debug)]
struct Pair {
    ours: Run,
    rival: Run,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.ours.orders_per_second() / self.rival.orders_per_second()
    }
}

impl Figures {
    pub fn new(contest: Contest, load: &Load) -> Figures {
        Figures {
            contest,
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
    pub fn add(&mut self, ours: Run, rival: Run) -> String {
        let pair = Pair { ours, rival };
        let mut line = String::new();
        if self.pairs.is_empty() {
            let (ours, rival) = (self.contest.ours.name(), self.contest.rival.name());
            // Writing to a string does not fail.
            let _ = writeln!(
                line,
                "{:>18} {rival:>8} {:>7} {:>14} {rival:>8} {:>14} {rival:>8} {:>7}",
                format!("orders/s: {ours}"),
                "ratio",
                format!("p50 ms: {ours}"),
                format!("p99 ms: {ours}"),
                "load",
            );
        }
        let (ours, rival) = (&pair.ours, &pair.rival);
        let _ = write!(
            line,
            "{:18.0} {:8.0} {:7.3} {:14.1} {:8.1} {:14.1} {:8.1} {:>7}",
            ours.orders_per_second(),
            rival.orders_per_second(),
            pair.ratio(),
            ours.latency_ms(0.5),
            rival.latency_ms(0.5),
            ours.latency_ms(0.99),
            rival.latency_ms(0.99),
            ours.load_average
                .map_or("?".to_owned(), |load| format!("{load:.1}")),
        );
        self.pairs.push(pair);
        line
    }

    pub fn describe(&mut self, name: &'static str, books: Books) {
        self.books.push((name, books));
    }

    pub fn summary(&self) -> String {
        let ratio = self.spread(Pair::ratio);
        let (ours, rival) = (self.contest.ours.name(), self.contest.rival.name());
        let mut text = format!(
            "{ours} ÷ {rival}: median {:.3}, min {:.3}, max {:.3} of {} pairs; {}\n",
            ratio.median,
            ratio.min,
            ratio.max,
            self.pairs.len(),
            match self.contest.budget {
                Some(budget) if ratio.median >= budget => format!("budget ≥ {budget:.2}: met"),
                Some(budget) => format!("budget ≥ {budget:.2}: MISSED"),
                None => "no budget".to_owned(),
            },
        );
        for (name, amount) in self.for_one_order() {
            let _ = writeln!(
                text,
                "{name:28} {ours} {:8.2}   {rival} {:8.2}",
                amount[0], amount[1]
            );
        }
        for (name, books) in &self.books {
            let _ = writeln!(text, "{name}: {} orders, stock and balances exact", books.orders);
        }
        text
    }

    pub fn json(&self) -> Value {
        let ratio = self.spread(Pair::ratio);
        let (ours, rival) = (self.contest.ours.name(), self.contest.rival.name());
        let pairs: Vec<Value> = self
            .pairs
            .iter()
            .map(|pair| json!({"ratio": pair.ratio(), ours: raw(&pair.ours), rival: raw(&pair.rival)}))
            .collect();
        let one_order: serde_json::Map<String, Value> = self
            .for_one_order()
            .into_iter()
            .map(|(name, amounts)| (name, json!({ours: amounts[0], rival: amounts[1]})))
            .collect();
        let books: serde_json::Map<String, Value> = self
            .books
            .iter()
            .map(|(name, books)| {
                let of_contender = json!({"orders": books.orders, "statesOfSaga": books.states, "bytesOfSaga": books.document});
                ((*name).to_owned(), of_contender)
            })
            .collect();
        json!({
            "setting": self.setting,
            "ratio": {"median": ratio.median, "min": ratio.min, "max": ratio.max, "budget": self.contest.budget},
            "forOneOrder": one_order, "books": books, "pairs": pairs,
        })
    }

    /// Medians over all runs: ours, the rival's.
    fn for_one_order(&self) -> Vec<(String, [f64; 2])> {
        let both = |amount: &dyn Fn(&Run) -> f64| {
            [
                self.spread(|pair| amount(&pair.ours)).median,
                self.spread(|pair| amount(&pair.rival)).median,
            ]
        };
        let databases = self.pairs.first().map_or(0, |pair| pair.ours.commits.len());
        let mut amounts: Vec<_> = (0..databases)
            .map(|place| {
                let name = format!("commits on {}", self.pairs[0].ours.commits[place].0);
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
