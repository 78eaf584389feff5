//! `kessai saga machines | register | start`

use super::documents::{Machine, MachineList};
use super::{Place, actor, print_json, refusal, show};
use crate::command::table::{Table, or_dash};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct ListOptions {
    /// Print the definition of this one
    name: Option<String>,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn list(options: ListOptions) -> Result<ExitCode> {
    let sagas = options.place.sagas().await?;
    let Some(name) = options.name else {
        let document = sagas
            .machines()
            .await
            .map_err(|error| refusal("machines", error))?;
        if options.json {
            print_json(&document)?;
        } else {
            let list: MachineList = serde_json::from_str(&document)?;
            print!("{}", table(&list.items));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let document = sagas
        .machine(&name)
        .await
        .map_err(|error| refusal(&name, error))?;
    if options.json {
        print_json(&document)?;
    } else {
        let machine: Value = serde_json::from_str(&document)?;
        println!("{}", serde_json::to_string_pretty(&machine["definition"])?);
    }
    Ok(ExitCode::SUCCESS)
}

fn table(machines: &[Machine]) -> Table {
    let mut table = Table::new(&["NAME", "VERSION", "IN FLIGHT", "COMMENT"]);
    for machine in machines {
        let built_in = if machine.built_in { " (built in)" } else { "" };
        table.row([
            machine.name.clone(),
            format!("{}{built_in}", machine.version),
            machine.in_flight.to_string(),
            or_dash(machine.comment.as_deref()),
        ]);
    }
    table
}

#[derive(Debug, clap::Args)]
pub(super) struct RegisterOptions {
    /// The definition, in the state language; `-`: from stdin
    file: PathBuf,

    /// Print the machine as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn register(options: RegisterOptions) -> Result<ExitCode> {
    let definition = read(&options.file)?;
    let sagas = options.place.sagas().await?;
    let subject = options.file.display().to_string();
    let registered = sagas
        .register(definition, &actor())
        .await
        .map_err(|error| refusal(&subject, error))?;
    if options.json {
        print_json(&registered.machine)?;
    } else {
        let machine: Machine = serde_json::from_str(&registered.machine)?;
        let done = if registered.new {
            "registered"
        } else {
            "was registered already, unchanged"
        };
        println!("{} version {}: {done}", machine.name, machine.version);
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, clap::Args)]
pub(super) struct StartOptions {
    /// The state machine's name
    machine: String,

    /// Makes a repeat harmless: with a key that an instance of this machine has, that instance is shown
    #[arg(long, value_name = "TEXT")]
    business_key: Option<String>,

    /// The first variables: a JSON object, or @FILE
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,

    /// Print the saga as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn start(options: StartOptions) -> Result<ExitCode> {
    let params = match options.params.strip_prefix('@') {
        Some(file) => read(Path::new(file))?,
        None => options.params,
    };
    serde_json::from_str::<Map<String, Value>>(&params).context("--params is not a JSON object")?;
    let sagas = options.place.sagas().await?;
    let key = options.business_key.as_deref();
    let started = sagas
        .start(&options.machine, key, params, &actor())
        .await
        .map_err(|error| refusal(&options.machine, error))?;
    if !started.new {
        eprintln!("an instance with this business key was there already");
    }
    show::print(&started.saga, options.json)?;
    Ok(ExitCode::SUCCESS)
}

/// A file's text, or what comes from stdin for `-`.
pub(super) fn read(file: &Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn machines_are_listed_with_what_they_are_for() {
        let list: MachineList = serde_json::from_value(json!({"items": [
            {"name": "goods_out", "version": "1", "comment": "Goods leave.", "builtIn": false, "registeredAt": "2026-11-22T01:00:00Z", "inFlight": 3},
            {"name": "order_create", "version": "1", "builtIn": true, "inFlight": 0},
        ]}))
        .unwrap();
        assert_eq!(
            table(&list.items).to_string(),
            "NAME          VERSION       IN FLIGHT  COMMENT\n\
             goods_out     1             3          Goods leave.\n\
             order_create  1 (built in)  0          -\n"
        );
    }
}
