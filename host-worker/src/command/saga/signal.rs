//! `kessai saga signal`

use super::{Place, actor, refusal, show};
use anyhow::{Result, bail};
use serde_json::Value;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The saga's id
    id: String,

    /// The event's name, one of the waiting state's `Events`
    event: String,

    /// What the event says, as JSON; the waiting state's `Output` is made of it
    #[arg(long, value_name = "JSON", default_value = "null")]
    payload: String,

    /// Print the saga as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(options: Options) -> Result<ExitCode> {
    if let Err(error) = serde_json::from_str::<Value>(&options.payload) {
        bail!("--payload: {error}");
    }
    let id = &options.id;
    let sagas = options.place.sagas().await?;
    let document = sagas
        .signal(id, &options.event, options.payload, &actor())
        .await
        .map_err(|error| refusal(id, error))?;
    show::print(&document, options.json)?;
    Ok(ExitCode::SUCCESS)
}
