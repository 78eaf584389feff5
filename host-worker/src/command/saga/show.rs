//! `kessai saga show`

use super::documents::{Audit, Saga, State};
use super::{Place, print_json, refusal};
use crate::command::table::{Table, clock, or_dash, span};
use anyhow::Result;
use jiff::Timestamp;
use std::{collections::HashMap, fmt::Write, process::ExitCode};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The saga's id; for an order's saga the order's number
    id: String,

    /// Print JSON, as the API has it: with input and output of each state, and the definition
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(options: Options) -> Result<ExitCode> {
    let sagas = options.place.sagas().await?;
    let document = sagas
        .show(&options.id)
        .await
        .map_err(|error| refusal(&options.id, error))?;
    print(&document, options.json)?;
    Ok(ExitCode::SUCCESS)
}

/// A `Saga` on stdout.
pub(super) fn print(document: &str, json: bool) -> Result<()> {
    if json {
        return print_json(document);
    }
    print!("{}", text(&serde_json::from_str(document)?, Timestamp::now()));
    Ok(())
}

fn text(saga: &Saga, now: Timestamp) -> String {
    let mut text = head(saga, now);
    if !saga.states.is_empty() {
        let mut table = Table::new(&["", "STATE", "STATUS", "STARTED", "TOOK", "RETRIES", ""]);
        states(&mut table, &saga.states, 0, now);
        text.push('\n');
        text.push_str(&table.to_string());
    }
    if !saga.audit.is_empty() {
        text.push('\n');
        text.push_str(&audit(&saga.audit).to_string());
    }
    text
}

fn head(saga: &Saga, now: Timestamp) -> String {
    let summary = &saga.summary;
    let version = summary
        .machine_version
        .as_ref()
        .map_or_else(String::new, |version| format!(" version {version}"));
    let status = match &summary.compensation_status {
        Some(compensation) => format!("{}, compensation {compensation}", summary.status),
        None => summary.status.clone(),
    };
    let archived = if summary.archived { ", archived" } else { "" };
    let mut lines = vec![
        ("machine", format!("{}{version}", summary.machine)),
        ("status", format!("{status}{archived}")),
    ];
    let mut optional = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    optional("order", summary.order_no.clone());
    optional(
        "business key",
        summary
            .business_key
            .clone()
            .filter(|key| Some(key) != summary.order_no.as_ref()),
    );
    optional("state", summary.state.clone());
    let told = |at: Timestamp| format!("{} UTC, {} ago", clock(at), span(at, now));
    optional("started", Some(told(summary.started_at)));
    optional("ended", summary.ended_at.map(told));
    optional(
        "next",
        summary
            .next_at
            .map(|at| format!("{} UTC, in {}", clock(at), span(now, at))),
    );
    optional(
        "waits for",
        Some(saga.waiting_for.join(", ")).filter(|names| !names.is_empty()),
    );
    optional(
        "tried again",
        (summary.recoveries > 0).then(|| format!("{} times", summary.recoveries)),
    );
    optional(
        "error",
        summary
            .error
            .as_ref()
            .map(|error| format!("{}: {}", error.name, error.message)),
    );
    optional(
        "you can",
        Some(saga.actions.join(", ")).filter(|names| !names.is_empty()),
    );
    let mut text = format!("{}  {}\n", summary.id, summary.phase);
    for (name, value) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:12}  {}", value.replace(char::is_control, " "));
    }
    text
}

/// A row for each state; those of a sub-machine below it, further to the right.
fn states(table: &mut Table, states: &[State], depth: usize, now: Timestamp) {
    let names: HashMap<&str, &str> = states
        .iter()
        .map(|state| (state.step_id.as_str(), state.name.as_str()))
        .collect();
    for (number, state) in states.iter().enumerate() {
        let indent = "  ".repeat(depth);
        table.row([
            format!("{indent}{}", number + 1),
            format!("{indent}{}", state.name),
            state.status.clone(),
            clock(state.started_at),
            span(state.started_at, state.ended_at.unwrap_or(now)),
            state.retries.to_string(),
            remarks(state, &names),
        ]);
        if let Some(child) = &state.child {
            self::states(table, &child.states, depth + 1, now);
        }
    }
}

fn remarks(state: &State, names: &HashMap<&str, &str>) -> String {
    let mut remarks = Vec::new();
    if let Some(undone) = &state.compensates {
        let name = names.get(undone.as_str()).copied().unwrap_or(undone);
        remarks.push(format!("undoes {name}"));
    }
    match state.compensation_status.as_deref() {
        Some("SU") => remarks.push("undone".to_owned()),
        Some(status) => remarks.push(format!("undoing it: {status}")),
        None => {}
    }
    if state.ended_at.is_none() {
        remarks.push("under way".to_owned());
    }
    if state.superseded {
        remarks.push("done again later".to_owned());
    }
    if let Some(child) = &state.child {
        remarks.push(format!("runs {}", child.machine));
    } else if state.kind != "ServiceTask" {
        remarks.push(state.kind.clone());
    }
    if let Some(error) = &state.error {
        remarks.push(format!("{}: {}", error.name, error.message));
    }
    remarks.join("; ")
}

fn audit(entries: &[Audit]) -> Table {
    let mut table = Table::new(&["WHEN", "WHO", "WHAT", "OUTCOME", "WHY"]);
    for entry in entries {
        table.row([
            clock(entry.at),
            entry.actor.clone(),
            entry.action.clone(),
            entry.outcome.clone(),
            or_dash(entry.reason.as_deref()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn state(name: &str, more: Value) -> Value {
        let mut state = json!({"name": name, "type": "ServiceTask", "status": "SU", "stepId": format!("S1.{name}"), "input": [], "retries": 0,
            "forUpdate": true, "startedAt": "2026-11-22T01:00:00Z", "endedAt": "2026-11-22T01:00:00.120Z", "superseded": false});
        let more = more.as_object().unwrap().clone();
        state.as_object_mut().unwrap().extend(more);
        state
    }

    #[test]
    fn a_saga_is_shown_with_what_undid_what_and_who_did_what() {
        let document = json!({
            "id": "S1", "machine": "goods_out", "machineVersion": "2", "businessKey": "fair", "phase": "PARKED", "status": "UN",
            "compensationStatus": "FA", "state": "Retract", "recoveries": 24, "archived": false, "startedAt": "2026-11-22T01:00:00Z",
            "updatedAt": "2026-11-22T01:00:01Z", "endedAt": "2026-11-22T02:00:00Z",
            "error": {"name": "ConnectError", "message": "refused\nagain", "kind": "connect", "state": "Retract"},
            "context": {}, "definition": {}, "waitingFor": [], "actions": ["compensate", "retry"],
            "states": [
                state("Line", json!({"type": "SubStateMachine", "child": {"id": "S1.Line", "machine": "goods_out_line", "status": "SU", "context": {},
                    "states": [state("Reserve", json!({"retries": 2}))]}})),
                state("Tell", json!({"compensationStatus": "FA"})),
                state("Retract", json!({"status": "FA", "compensates": "S1.Tell", "error": {"name": "ConnectError", "message": "refused"}})),
            ],
            "audit": [{"at": "2026-11-22T02:30:00Z", "actor": "cli:hana", "action": "retry", "outcome": "done", "reason": "mended"}],
        });
        let saga: Saga = serde_json::from_value(document).unwrap();
        assert_eq!(
            text(&saga, "2026-11-22T03:00:00Z".parse().unwrap()),
            "S1  PARKED
  machine       goods_out version 2
  status        UN, compensation FA
  business key  fair
  state         Retract
  started       2026-11-22 01:00:00 UTC, 2h 0m ago
  ended         2026-11-22 02:00:00 UTC, 1h 0m ago
  tried again   24 times
  error         ConnectError: refused again
  you can       compensate, retry

     STATE      STATUS  STARTED              TOOK   RETRIES
1    Line       SU      2026-11-22 01:00:00  120ms  0        runs goods_out_line
  1    Reserve  SU      2026-11-22 01:00:00  120ms  2
2    Tell       SU      2026-11-22 01:00:00  120ms  0        undoing it: FA
3    Retract    FA      2026-11-22 01:00:00  120ms  0        undoes Tell; ConnectError: refused

WHEN                 WHO       WHAT   OUTCOME  WHY
2026-11-22 02:30:00  cli:hana  retry  done     mended
"
        );
    }
}
