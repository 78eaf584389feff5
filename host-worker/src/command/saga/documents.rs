//! The API's documents, as far as they are printed. `docs/openapi.yaml` describes them.

use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) items: Vec<Summary>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) machine: String,
    pub(super) machine_version: Option<String>,
    pub(super) business_key: Option<String>,
    pub(super) order_no: Option<String>,
    pub(super) phase: String,
    pub(super) status: String,
    pub(super) compensation_status: Option<String>,
    pub(super) state: Option<String>,
    pub(super) recoveries: u32,
    pub(super) next_at: Option<Timestamp>,
    pub(super) error: Option<Failure>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) archived: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) name: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saga {
    #[serde(flatten)]
    pub(super) summary: Summary,
    pub(super) states: Vec<State>,
    pub(super) waiting_for: Vec<String>,
    pub(super) actions: Vec<String>,
    pub(super) audit: Vec<Audit>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) step_id: String,
    pub(super) error: Option<Failure>,
    pub(super) retries: u32,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) compensates: Option<String>,
    pub(super) compensation_status: Option<String>,
    pub(super) superseded: bool,
    pub(super) child: Option<Child>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Child {
    pub(super) machine: String,
    pub(super) states: Vec<State>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Audit {
    pub(super) at: Timestamp,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) reason: Option<String>,
    pub(super) outcome: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct MachineList {
    pub(super) items: Vec<Machine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) comment: Option<String>,
    pub(super) built_in: bool,
    pub(super) in_flight: u64,
}

/// How many sagas there are in each phase.
pub(super) type Counts = BTreeMap<String, u64>;
