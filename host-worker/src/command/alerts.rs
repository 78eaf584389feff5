//! `kessai alerts`

use super::place::Home;
use super::saga::actor;
use super::table::{Table, clock, or_dash};
use crate::relays;
use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use domain::Instant;
use jiff::Timestamp;
use kessai_alerts::{ActError, Action, Alert, AlertStatus, Filter, Page, Store};
use kessai_ops::{Database, SharedClock};
use std::{fmt::Write, process::ExitCode};

/// What one look at the table gives at most.
const PAGE: u32 = 100;

/// See alerts and say who looks after them
///
/// Works on the worker's database, beside a running worker or without one. Exit code 1 if something was refused, with the reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List alerts, the newest first
    List(ListOptions),
    /// Show one alert with its facts, and who did what to it
    Show(ShowOptions),
    /// Say that somebody looks after it
    Acknowledge(ActOptions),
    /// Say that it is settled
    Resolve(ActOptions),
}

#[derive(Debug, clap::Args)]
struct ListOptions {
    /// Only alerts in this status
    #[arg(long, ignore_case = true, value_parser = ["NEW", "ACKNOWLEDGED", "RESOLVED"])]
    status: Option<String>,

    /// Only alerts of this rule: A to D, M, R or S
    #[arg(long)]
    rule: Option<String>,

    /// Only alerts about this order
    #[arg(long, value_name = "ORDER_NO")]
    order: Option<String>,

    /// List so many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Print JSON: `items`, `counts` and `open`, as the API has them
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    home: Home,
}

#[derive(Debug, clap::Args)]
struct ShowOptions {
    /// The alert's id
    id: String,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    home: Home,
}

#[derive(Debug, clap::Args)]
struct ActOptions {
    /// The alert's id
    id: String,

    /// What was found or done, for the audit
    #[arg(long, value_name = "TEXT", value_parser = note)]
    note: Option<String>,

    /// Print the alert as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    home: Home,
}

fn note(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (1..=500).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("1 to 500 characters".to_owned())
    }
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    match options.command {
        Command::List(options) => list(options).await?,
        Command::Show(options) => {
            let alert = open(&options.home).await?.show(&options.id).await?;
            let alert = alert.with_context(|| format!("there is no alert `{}`", options.id))?;
            print(&alert, options.json)?;
        }
        Command::Acknowledge(options) => act(Action::Acknowledge, options).await?,
        Command::Resolve(options) => act(Action::Resolve, options).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn open(home: &Home) -> Result<Store> {
    let databases = home.databases()?;
    if databases.outdated().await?.contains(&Database::Worker) {
        bail!(
            "{databases} has not the worker's database of this program: are these the shop's? (`kessai migrate` brings them up to date)"
        )
    }
    SharedClock::start(&databases).await?;
    Ok(Store::open(relays::source(&databases, Database::Worker)).await?)
}

async fn list(options: ListOptions) -> Result<()> {
    let store = open(&options.home).await?;
    let status = options
        .status
        .map(|status| status.to_uppercase().parse::<AlertStatus>());
    let mut filter = Filter {
        status: status.transpose()?,
        rule: options.rule.map(|rule| rule.to_uppercase()),
        order_no: options.order.map(|order| order.to_uppercase()),
        ..Filter::default()
    };
    let mut items = Vec::new();
    let page = loop {
        let left = options
            .limit
            .saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        filter.size = left.min(PAGE);
        let mut page = store.list(&filter).await?;
        items.append(&mut page.items);
        filter.cursor = page.next_cursor.as_deref().and_then(Filter::read_cursor);
        if filter.cursor.is_none() || items.len() >= options.limit as usize {
            break Page { items, ..page };
        }
    };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&page)?);
    } else {
        print!("{}", page_text(&page)?);
    }
    Ok(())
}

async fn act(action: Action, options: ActOptions) -> Result<()> {
    let store = open(&options.home).await?;
    let who = actor();
    let done = store.act(&options.id, action, &who, options.note.as_deref(), Instant::now());
    let alert = done.await.map_err(|error| match error {
        ActError::NotFound => anyhow!("there is no alert `{}`", options.id),
        error => error.into(),
    })?;
    print(&alert, options.json)
}

fn time(at: Instant) -> Result<String> {
    Ok(clock(Timestamp::from_millisecond(at.millis())?))
}

fn page_text(page: &Page) -> Result<String> {
    let mut table = Table::new(&[
        "DETECTED", "RULE", "SEVERITY", "STATUS", "ORDER", "ID", "OBSERVED",
    ]);
    for alert in &page.items {
        table.row([
            time(alert.detected_at)?,
            alert.rule_id.clone(),
            alert.severity.clone(),
            alert.status.to_string(),
            or_dash(alert.order_no.clone()),
            alert.alert_id.clone(),
            alert.observed.clone(),
        ]);
    }
    let mut text = if page.items.is_empty() {
        "no alert is like that\n".to_owned()
    } else {
        table.to_string()
    };
    if page.next_cursor.is_some() {
        text.push_str("… and more: raise --limit\n");
    }
    let counts: Vec<String> = page
        .counts
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "\nin all: {}", counts.join(", "));
    Ok(text)
}

fn print(alert: &Alert, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(alert)?);
    } else {
        print!("{}", alert_text(alert)?);
    }
    Ok(())
}

fn alert_text(alert: &Alert) -> Result<String> {
    let summary = &alert.summary;
    let mut table = Table::new(&[&summary.alert_id]);
    for (name, value) in [
        ("rule", summary.rule_id.clone()),
        ("severity", summary.severity.clone()),
        ("status", summary.status.to_string()),
        ("order", or_dash(summary.order_no.clone())),
        ("observed", summary.observed.clone()),
        ("expected", summary.expected.clone()),
        ("detected", time(summary.detected_at)?),
        ("source", summary.source.clone()),
    ] {
        table.row([format!("{name:9} {value}")]);
    }
    let mut text = format!("{table}\n{}\n", serde_json::to_string_pretty(&alert.facts)?);
    if !alert.audit.is_empty() {
        let mut audit = Table::new(&["AT", "WHO", "DID", "NOTE"]);
        for entry in &alert.audit {
            audit.row([
                time(entry.at)?,
                entry.actor.clone(),
                entry.action.clone(),
                or_dash(entry.note.clone()),
            ]);
        }
        let _ = write!(text, "\n{audit}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kessai_alerts::{AuditEntry, Summary};
    use serde_json::json;

    fn alert() -> Alert {
        let at = Instant::from_millis(1_795_309_200_000);
        Alert {
            summary: Summary {
                alert_id: "A-1".into(),
                rule_id: "A".into(),
                severity: "CRITICAL".into(),
                order_no: Some("K1".into()),
                observed: "paid\nnot told".into(),
                expected: "told".into(),
                detected_at: at,
                source: "alerts".into(),
                status: AlertStatus::Acknowledged,
                updated_at: at,
            },
            facts: json!({"status": "PENDING"}),
            audit: vec![AuditEntry {
                at,
                actor: "cli:ana".into(),
                action: "ACKNOWLEDGE".into(),
                note: None,
            }],
        }
    }

    #[test]
    fn a_list_shows_what_was_observed_and_how_many_there_are() {
        let page = Page {
            items: vec![alert().summary],
            next_cursor: Some("1.A-1".into()),
            counts: [("NEW", 2), ("ACKNOWLEDGED", 1)].into(),
            open: [("A".to_owned(), 3)].into(),
        };
        assert_eq!(
            page_text(&page).unwrap(),
            "DETECTED             RULE  SEVERITY  STATUS        ORDER  ID   OBSERVED\n\
             2026-11-22 01:00:00  A     CRITICAL  ACKNOWLEDGED  K1     A-1  paid not told\n\
             … and more: raise --limit\n\
             \nin all: 1 ACKNOWLEDGED, 2 NEW\n"
        );
    }

    #[test]
    fn an_alert_is_shown_with_its_facts_and_its_audit() {
        let text = alert_text(&alert()).unwrap();
        for part in [
            "A-1\nrule      A\n",
            "order     K1\n",
            "\"status\": \"PENDING\"",
            "cli:ana  ACKNOWLEDGE  -\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
