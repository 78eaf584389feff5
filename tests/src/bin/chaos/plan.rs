//! What will happen, drawn from a seed before anything happens: the same seed gives the same plan.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a buyer does with the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    Pay,
    /// Pays an order that was clicked twice at the same moment.
    DoubleClick,
    Decline,
    Cancel,
    /// Cancels and pays at the same moment.
    CancelAndPay,
    /// Pays, and has the money given back by an administrator.
    Return,
    Abandon,
}

impl Act {
    pub fn name(self) -> &'static str {
        match self {
            Act::Pay => "pay",
            Act::DoubleClick => "double-click and pay",
            Act::Decline => "decline",
            Act::Cancel => "cancel",
            Act::CancelAndPay => "cancel and pay at once",
            Act::Return => "pay and return",
            Act::Abandon => "abandon",
        }
    }
}

/// One order.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Visit {
    pub act: Act,
    /// Which of the products with stock.
    pub product: usize,
    pub quantity: i64,
    pub use_balance: bool,
    /// Milliseconds between the code and the act.
    pub thinks: u64,
}

/// A SIGKILL of the shop.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Kill {
    /// When so many orders have been begun.
    pub after: usize,
    /// And so many milliseconds later.
    pub delay: u64,
    /// And once more, so many milliseconds after the next start was begun: on the way up.
    pub again: Option<u64>,
}

#[derive(Debug)]
pub struct Plan {
    pub visits: Vec<Visit>,
    /// In the order of `after`.
    pub kills: Vec<Kill>,
    /// The sandbox's faults from so many begun orders on.
    pub faults: Vec<(usize, Value)>,
}

impl Plan {
    pub fn draw(seed: u64, orders: usize, kills: usize) -> Plan {
        let mut dice = StdRng::seed_from_u64(seed);
        let visits = (0..orders).map(|_| visit(&mut dice)).collect();
        let mut kills: Vec<Kill> = (0..kills)
            .map(|_| Kill {
                after: dice.random_range(0..orders.max(1)),
                delay: dice.random_range(0..500),
                again: dice.random_bool(0.15).then(|| dice.random_range(0..600)),
            })
            .collect();
        kills.sort_by_key(|kill| (kill.after, kill.delay));
        let stretch = (orders / 24).max(10);
        let faults = (0..orders)
            .step_by(stretch)
            .map(|from| (from, weather(&mut dice)))
            .collect();
        Plan {
            visits,
            kills,
            faults,
        }
    }

    /// Tells plans apart: printed, so that two runs can be seen to follow the same one.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.visits.hash(&mut hasher);
        self.kills.hash(&mut hasher);
        for (from, faults) in &self.faults {
            (from, faults.to_string()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn visit(dice: &mut StdRng) -> Visit {
    let act = match dice.random_range(0..100) {
        0..46 => Act::Pay,
        46..58 => Act::DoubleClick,
        58..66 => Act::Return,
        66..75 => Act::Decline,
        75..83 => Act::Cancel,
        83..91 => Act::CancelAndPay,
        _ => Act::Abandon,
    };
    Visit {
        act,
        product: dice.random_range(0..1_000),
        quantity: dice.random_range(1..=2),
        use_balance: dice.random_bool(0.25),
        thinks: dice.random_range(0..300),
    }
}

/// Faults for a while. Every third stretch is fair weather; in every twelfth PayPay is closed.
fn weather(dice: &mut StdRng) -> Value {
    let seed: u32 = dice.random();
    if dice.random_bool(0.33) {
        return calm();
    }
    if dice.random_bool(0.12) {
        return json!({"seed": seed, "maintenance": true});
    }
    let rate = |dice: &mut StdRng, most: f64| (dice.random_range(0.0..most) * 100.0).round() / 100.0;
    json!({
        "seed": seed, "maintenance": false, "forgetDeadCodes": dice.random_bool(0.3),
        "webhook": {
            "drop": rate(dice, 1.0), "duplicate": rate(dice, 1.0), "reorder": rate(dice, 1.0), "delayMs": dice.random_range(0..1_500),
        },
        "api": {
            "errorRate": rate(dice, 0.3), "timeoutRate": rate(dice, 0.1), "rateLimitRate": rate(dice, 0.1),
            "afterEffectRate": rate(dice, 0.1), "latencyMs": dice.random_range(0..200),
        },
    })
}

/// No faults.
pub fn calm() -> Value {
    json!({"seed": null, "maintenance": false, "forgetDeadCodes": false, "webhook": null, "api": null})
}
