//! `kessai check`: no order, no yen and no piece of stock is lost or doubled.
//!
//! Each rule is a query over all databases at once that returns what breaks it. Only this checker joins databases; nothing that
//! runs the shop does.
//!
//! It works while the shop runs. All snapshots are taken within a moment of each other, but not at one instant, and an order on its way from one
//! state to the next has effects in one database before the others know. So rules speak of states that an order has reached, after every
//! effect that the state promises; rules about PayPay speak of orders for which nothing is due; and a finding counts only if it is found
//! again, by fresh looks some time apart.
//!
//! On MySQL the columns that the rules speak of are copied into a temporary SQLite database, out of one snapshot of the server, and the same
//! queries look at that: nobody else has joins over whole tables to run, and a rule is written once.

mod look;
mod mysql;
mod report;
mod rules;

pub use look::CheckError;
pub use report::{Finding, Outcome, Report};

use crate::Databases;
use std::{path::Path, time::Duration};

/// How often a finding must be found.
#[derive(Clone, Copy, Debug)]
pub struct Looks {
    pub count: u32,
    pub pause: Duration,
}

impl Default for Looks {
    /// Three looks, 700 ms apart: longer than a saga takes from one step to the next.
    fn default() -> Looks {
        Looks {
            count: 3,
            pause: Duration::from_millis(700),
        }
    }
}

/// Checks every invariant. `data`: the folder where a sandbox would keep its books. Changes nothing.
pub async fn check(databases: &Databases, data: &Path) -> Result<Report, CheckError> {
    check_with(databases, data, Looks::default()).await
}

/// [`check`], with other patience.
pub async fn check_with(databases: &Databases, data: &Path, looks: Looks) -> Result<Report, CheckError> {
    let mut report = look::look(databases, data).await?;
    for _ in 1..looks.count {
        if report.is_clean() {
            break;
        }
        tokio::time::sleep(looks.pause).await;
        report.keep_only_found_again(&look::look(databases, data).await?);
    }
    Ok(report)
}
