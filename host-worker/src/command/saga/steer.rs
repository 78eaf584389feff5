//! `kessai saga forward | compensate | skip | retry`

use super::documents::Saga;
use super::{Place, actor, refusal, show};
use anyhow::{Context, Result};
use kessai_host::sagas::Action;
use std::{
    io::{BufRead, IsTerminal, Write},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The saga's id; for an order's saga the order's number
    id: String,

    /// Why, for the saga's audit
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,

    /// Do not ask first
    #[arg(long, short)]
    yes: bool,

    /// Print the saga as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

fn reason(text: &str) -> Result<String, String> {
    if text.chars().count() <= 500 {
        Ok(text.to_owned())
    } else {
        Err("at most 500 characters".to_owned())
    }
}

pub(super) async fn run(action: Action, options: Options) -> Result<ExitCode> {
    let (id, reason) = (&options.id, options.reason.as_deref());
    let sagas = options.place.sagas().await?;
    if !options.yes && std::io::stdin().is_terminal() {
        let document = sagas.show(id).await.map_err(|error| refusal(id, error))?;
        let saga: Saga = serde_json::from_str(&document)?;
        let question = question(action, &saga);
        if !agreed(&question, std::io::stdin().lock(), std::io::stderr())? {
            eprintln!("nothing was done");
            return Ok(ExitCode::FAILURE);
        }
    }
    let document = sagas
        .steer(id, action, &actor(), reason)
        .await
        .map_err(|error| refusal(id, error))?;
    show::print(&document, options.json)?;
    Ok(ExitCode::SUCCESS)
}

fn question(action: Action, saga: &Saga) -> String {
    let summary = &saga.summary;
    let at = summary
        .state
        .as_ref()
        .map_or_else(String::new, |state| format!(" at {state}"));
    let will = match action {
        Action::Forward => "go on there",
        Action::Compensate => "undo what it did",
        Action::Skip => "leave that out and go on after it",
        Action::Retry => "try again now",
    };
    format!(
        "{} ({}) is {}{at}. Let it {will}?",
        summary.id, summary.machine, summary.phase
    )
}

/// Asks; only a yes is a yes.
fn agreed(question: &str, mut answers: impl BufRead, mut ask: impl Write) -> Result<bool> {
    write!(ask, "{question} [y/N] ")?;
    ask.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer).context("no answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, yes) in [
            ("y\n", true),
            ("Yes\n", true),
            ("\n", false),
            ("", false),
            ("yep\n", false),
        ] {
            let mut asked = Vec::new();
            assert_eq!(agreed("Really?", answer.as_bytes(), &mut asked).unwrap(), yes);
            assert_eq!(asked, b"Really? [y/N] ");
        }
    }

    #[test]
    fn the_question_says_what_will_happen_to_what() {
        let saga = json!({"id": "S1", "machine": "goods_out", "phase": "PARKED", "status": "UN", "state": "Retract", "recoveries": 24,
            "archived": false, "startedAt": "2026-11-22T01:00:00Z", "waitingFor": [], "actions": [], "states": [], "audit": []});
        assert_eq!(
            question(Action::Skip, &serde_json::from_value(saga).unwrap()),
            "S1 (goods_out) is PARKED at Retract. Let it leave that out and go on after it?"
        );
    }
}
