//! `kessai reconcile`

use super::Place;
use super::table::Table;
use anyhow::{Context, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use kessai_host::CallError;
use kessai_host::lifecycle::{Difference, Lifecycle, LifecycleError, Reconciliation, Verdict};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Payments in one call: each may wait for PayPay.
const PART: u32 = 5;

/// Compare every payment with PayPay's details, and put right what differs
///
/// Asks PayPay for the details of each payment that was asked for between two instants and prints a table of differences. Works beside a running shop or
/// without one, which also does this by itself once a day. Exit code 1 if something differs and was not put right.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,

    /// From when on: a date (UTC) or an instant, 2026-11-22 or 2026-11-22T10:00:00Z; default: a day ago
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    from: Option<Timestamp>,

    /// Until when, not included; default: now
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    to: Option<Timestamp>,

    /// Put right what has one right answer, and raise an alert for the rest
    #[arg(long)]
    apply: bool,

    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let now = Timestamp::now();
    let from = options.from.unwrap_or(now - SignedDuration::from_hours(24));
    let to = options.to.unwrap_or(now);
    if from >= to {
        bail!("--from {from} is not before --to {to}");
    }
    let orders = options.place.orders().await?;
    let found = compare(&orders, (from, to), options.apply).await?;
    if options.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&as_json(&found, options.apply))?
        );
    } else {
        print!("{}", as_table(&found));
        println!(
            "{} payments compared, {} differences, {} put right",
            found.checked,
            found.differences.len(),
            count(&found, Verdict::Repaired)
        );
    }
    let open = found.differences.len() - count(&found, Verdict::Repaired);
    Ok(ExitCode::from(u8::from(open > 0)))
}

/// All parts, with a counter for whoever watches.
async fn compare(
    orders: &Lifecycle,
    (from, to): (Timestamp, Timestamp),
    apply: bool,
) -> Result<Reconciliation> {
    let millis = |at: Timestamp| u64::try_from(at.as_millisecond()).context("before 1970");
    let (from, to) = (millis(from)?, millis(to)?);
    let mut all = Reconciliation {
        checked: 0,
        differences: Vec::new(),
        next: None,
    };
    let watched = std::io::stderr().is_terminal();
    loop {
        let part = orders
            .reconcile(from, to, all.next.take(), PART, apply)
            .await
            .map_err(refusal)?;
        all.checked += part.checked;
        all.differences.extend(part.differences);
        all.next = part.next;
        if watched {
            eprint!("\r{} compared, {} differ", all.checked, all.differences.len());
            std::io::stderr().flush()?;
        }
        if all.next.is_none() {
            break;
        }
    }
    if watched {
        eprintln!();
    }
    Ok(all)
}

fn refusal(error: CallError<LifecycleError>) -> anyhow::Error {
    match error {
        CallError::Refused(LifecycleError::Busy) => {
            anyhow!("somebody works on one of the orders at this moment: try again")
        }
        CallError::Refused(LifecycleError::Unavailable(why)) => {
            anyhow!("{why}; what was put right stays so, try again later")
        }
        error => error.into(),
    }
}

fn count(found: &Reconciliation, verdict: Verdict) -> usize {
    let those = found
        .differences
        .iter()
        .filter(|difference| difference.verdict == verdict);
    those.count()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Repaired => "repaired",
        Verdict::Repairable => "repairable",
        Verdict::Unresolved => "unresolved",
    }
}

fn as_table(found: &Reconciliation) -> String {
    if found.differences.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["ORDER", "PAYMENT", "OURS", "PAYPAY'S", "VERDICT", "WHAT"]);
    for difference in &found.differences {
        table.row([
            difference.order_no.clone(),
            difference.merchant_payment_id.clone(),
            difference.ours.clone(),
            difference.theirs.clone(),
            word(difference.verdict).to_owned(),
            difference.detail.clone(),
        ]);
    }
    table.to_string()
}

fn as_json(found: &Reconciliation, applied: bool) -> serde_json::Value {
    let difference = |difference: &Difference| {
        json!({
            "orderNo": difference.order_no, "merchantPaymentId": difference.merchant_payment_id, "ours": difference.ours,
            "theirs": difference.theirs, "verdict": word(difference.verdict), "detail": difference.detail,
        })
    };
    json!({
        "checked": found.checked, "applied": applied,
        "differences": found.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

/// A date means its first moment in UTC.
fn instant(text: &str) -> Result<Timestamp, String> {
    let day = format!("{text}T00:00:00Z");
    text.parse().or_else(|_| day.parse()).map_err(|_| {
        "neither a date such as 2026-11-22 nor an instant such as 2026-11-22T10:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_and_instants_are_read() {
        assert_eq!(
            instant("2026-11-22").unwrap(),
            instant("2026-11-22T09:00:00+09:00").unwrap()
        );
        for text in ["", "yesterday", "2026-13-01", "2026-11-22T25:00:00Z"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
