//! `kessai saga list`

use super::documents::{Counts, Page, Summary};
use super::{Place, refusal};
use crate::command::table::{Table, or_dash, span};
use anyhow::Result;
use jiff::{SpanRelativeTo, Timestamp};
use kessai_host::sagas::{Filter, Sagas};
use serde_json::{Value, json};
use std::{fmt::Write, process::ExitCode};

/// What one call gives at most.
const PAGE: u32 = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only sagas in this phase
    #[arg(long, ignore_case = true, value_parser = [
        "RUNNING", "WAITING", "RETRYING", "COMPENSATING", "RECOVERING", "PARKED", "SUCCEEDED", "FAILED", "COMPENSATED",
    ])]
    phase: Option<String>,

    /// Only instances of this state machine
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,

    /// Only the saga of this order
    #[arg(long, value_name = "ORDER_NO")]
    order: Option<String>,

    /// Only sagas that were started so long ago, for example 90s, 2h or 3d
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<u32>,

    /// List so many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Print JSON: `items` and `counts`, as the API has them
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

/// Seconds. Days have 24 hours.
fn age(text: &str) -> Result<u32, String> {
    let parse = || {
        let span: jiff::Span = text.parse().ok()?;
        let seconds = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .ok()?
            .as_secs();
        u32::try_from(seconds).ok()
    };
    parse().ok_or_else(|| "an age is a number with a unit: 90s, 15m, 2h, 3d".to_owned())
}

pub(super) async fn run(options: Options) -> Result<ExitCode> {
    let sagas = options.place.sagas().await?;
    let (items, counts, is_all) = read(&sagas, &options).await?;
    if options.json {
        let document = json!({"items": items, "counts": counts});
        println!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(ExitCode::SUCCESS);
    }
    let page: Page = serde_json::from_value(json!({"items": items}))?;
    print!(
        "{}",
        text(
            &page.items,
            &serde_json::from_value(counts)?,
            is_all,
            Timestamp::now()
        )
    );
    Ok(ExitCode::SUCCESS)
}

/// Pages until there are enough: the items, the counts, and whether that was all.
async fn read(sagas: &Sagas, options: &Options) -> Result<(Vec<Value>, Value, bool)> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let left = options
            .limit
            .saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let filter = Filter {
            phase: options.phase.as_ref().map(|phase| phase.to_uppercase()),
            machine: options.machine.clone(),
            order_no: options.order.clone(),
            older_than: options.older_than,
            cursor,
            size: left.min(PAGE),
        };
        let page = sagas.list(filter).await.map_err(|error| refusal("list", error))?;
        let mut page: Value = serde_json::from_str(&page)?;
        let Value::Array(found) = page["items"].take() else {
            anyhow::bail!("the order component's list has no items")
        };
        items.extend(found);
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() || items.len() >= options.limit as usize {
            return Ok((items, page["counts"].take(), cursor.is_none()));
        }
    }
}

fn text(items: &[Summary], counts: &Counts, is_all: bool, now: Timestamp) -> String {
    let mut table = Table::new(&["ID", "MACHINE", "PHASE", "STATE", "AGE", "NEXT", "TRIED", "ERROR"]);
    for saga in items {
        table.row([
            saga.id.clone(),
            saga.machine.clone(),
            saga.phase.clone(),
            or_dash(saga.state.as_deref()),
            span(saga.started_at, saga.ended_at.unwrap_or(now)),
            or_dash(saga.next_at.map(|at| match span(now, at) {
                soon if soon == "0ms" => "now".to_owned(),
                wait => format!("in {wait}"),
            })),
            saga.recoveries.to_string(),
            or_dash(
                saga.error
                    .as_ref()
                    .map(|error| format!("{}: {}", error.name, error.message)),
            ),
        ]);
    }
    let mut text = if items.is_empty() {
        "no saga is like that\n".to_owned()
    } else {
        table.to_string()
    };
    if !is_all {
        text.push_str("… and more: raise --limit\n");
    }
    let counted: Vec<String> = counts
        .iter()
        .map(|(phase, count)| format!("{count} {phase}"))
        .collect();
    if !counted.is_empty() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\nin all: {}", counted.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Args;

    fn phases_of_the_api() -> Vec<&'static str> {
        let document = include_str!("../../../../docs/openapi.yaml");
        let (_, after) = document.split_once("    SagaPhase:\n").unwrap();
        let (_, list) = after.split_once("enum: [").unwrap();
        list.split_once(']').unwrap().0.split(", ").collect()
    }

    #[test]
    fn every_phase_can_be_asked_for() {
        let command = Options::augment_args(clap::Command::new("list"));
        let phase = command
            .get_arguments()
            .find(|argument| argument.get_id() == "phase")
            .unwrap();
        let offered: Vec<String> = phase
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect();
        assert_eq!(offered, phases_of_the_api());
    }

    #[test]
    fn an_age_is_a_number_with_a_unit() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("2h", 7200),
            ("1h 30m", 5400),
            ("3d", 259_200),
        ] {
            assert_eq!(age(text), Ok(seconds), "{text}");
        }
        for text in ["", "2", "h", "-2h", "99999999999h", "yesterday"] {
            assert!(age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_shows_what_is_wrong_and_how_many_there_are() {
        let items: Vec<Summary> = serde_json::from_value(json!([
            {"id": "S1", "machine": "goods_out", "phase": "PARKED", "status": "UN", "compensationStatus": "FA", "state": "Retract", "recoveries": 24,
             "error": {"name": "ConnectError", "message": "refused", "kind": "connect", "state": "Retract"},
             "startedAt": "2026-11-22T01:00:00Z", "updatedAt": "2026-11-22T01:00:00Z", "archived": false},
            {"id": "K1", "machine": "order_create", "phase": "WAITING", "status": "RU", "recoveries": 0, "nextAt": "2026-11-22T03:00:30Z",
             "startedAt": "2026-11-22T02:59:00Z", "updatedAt": "2026-11-22T01:00:00Z", "archived": false},
        ]))
        .unwrap();
        let now = "2026-11-22T03:00:00Z".parse().unwrap();
        let counts = [("PARKED".to_owned(), 1), ("WAITING".to_owned(), 7)].into();
        assert_eq!(
            text(&items, &counts, false, now),
            "ID  MACHINE       PHASE    STATE    AGE    NEXT    TRIED  ERROR\n\
             S1  goods_out     PARKED   Retract  2h 0m  -       24     ConnectError: refused\n\
             K1  order_create  WAITING  -        1m 0s  in 30s  0      -\n\
             … and more: raise --limit\n\
             \nin all: 1 PARKED, 7 WAITING\n"
        );
        assert_eq!(text(&[], &Counts::new(), true, now), "no saga is like that\n");
    }
}
