//! Who is measured against whom.

use crate::contender::Kind;
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Match {
    /// The saga against the same SQL and calls without it, both on SQLite
    Saga,
    /// The saga on MariaDB against the saga on SQLite
    Backends,
}

#[derive(Debug, Clone, Copy)]
pub struct Contest {
    pub ours: Kind,
    pub rival: Kind,
    /// Our share of the rival's orders a second, at least.
    pub budget: Option<f64>,
}

impl Match {
    pub fn contest(self) -> Contest {
        match self {
            Match::Saga => Contest {
                ours: Kind::Saga,
                rival: Kind::Plain,
                budget: Some(0.80),
            },
            Match::Backends => Contest {
                ours: Kind::MariaDb,
                rival: Kind::Saga,
                budget: None,
            },
        }
    }
}
