//! Registering definitions.

use super::machines::{ORDER, ORDER_DEFINITION};
use super::{documents, services};
use crate::records::state_machines::{self, Registered};
use crate::records::{self, saga_list};
use crate::sagas::operator::SagaError;
use domain::Instant;
use saga::{DefinitionError, StateMachine};
use serde_json::Value;
use store::StoreError;

/// The largest definition, in bytes of JSON.
pub const LARGEST: usize = 256 * 1024;

/// Registers a definition, or the next version of one. Whether it is new, and its `StateMachine`.
pub async fn register(definition: &Value, actor: &str) -> Result<(bool, Value), SagaError> {
    let text = definition.to_string();
    let machine = StateMachine::from_json(&text).map_err(|error| invalid(&error))?;
    if machine.name() == ORDER {
        return Err(SagaError::Conflict(format!("`{ORDER}` is part of the program")));
    }
    let objections = objections(definition);
    if !objections.is_empty() {
        return Err(SagaError::Definition(objections));
    }
    let mut tries = 1;
    let (new, registered) = loop {
        match store_next(machine.name(), &text, definition, actor).await {
            // Another took the number, as can happen on MySQL: theirs is the newest now.
            Err(error) if error.is_unique_violation() && tries < NUMBERS => tries += 1,
            stored => break stored?,
        }
    };
    Ok((new, show(&registered).await?))
}

/// How many numbers may be taken from under us.
const NUMBERS: u32 = 8;

/// The next version; if this is the newest already, that one, and `false`.
async fn store_next(
    name: &str,
    text: &str,
    definition: &Value,
    actor: &str,
) -> Result<(bool, Registered), StoreError> {
    // Read inside the transaction: two that register at once get two numbers.
    let stored = records::open().await?.transact(async |tx| {
        let newest = state_machines::newest(tx, name).await?;
        let version_no = newest.as_ref().map_or(1, |newest| newest.version_no + 1);
        if let Some(newest) = newest.filter(|newest| newest.definition == text) {
            return Ok((false, newest));
        }
        let registered = Registered {
            name: name.to_owned(),
            version_no,
            definition: text.to_owned(),
            registered_at: Instant::now(),
        };
        let at = registered.registered_at;
        state_machines::insert(tx, name, version_no, definition, actor, at).await?;
        Ok::<_, StoreError>((true, registered))
    });
    stored.await.map(|(_, stored)| stored)
}

/// States that call something that is not there.
fn objections(definition: &Value) -> Vec<(String, String)> {
    let states = definition["States"].as_object().into_iter().flatten();
    states
        .filter(|(_, state)| state["Type"] == "ServiceTask")
        .filter_map(|(name, state)| {
            let text = |key: &str| state[key].as_str().unwrap_or_default();
            let why = services::objection(
                text("ServiceName"),
                text("ServiceMethod"),
                state["ServiceType"].as_str(),
            )?;
            Some((format!("States.{name}"), why))
        })
        .collect()
}

/// A `StateMachineList`.
pub async fn list() -> Result<Value, SagaError> {
    let db = records::open().await?;
    let census = saga_list::census(&db).await?;
    let mut all = vec![built_in()];
    all.extend(state_machines::all(&db).await?);
    let items: Vec<Value> = all
        .iter()
        .map(|machine| documents::state_machine(machine, in_flight(&census, &machine.name), None))
        .collect();
    Ok(serde_json::json!({ "items": items }))
}

/// A `StateMachine`, the newest version.
pub async fn find(name: &str) -> Result<Value, SagaError> {
    if name == ORDER {
        return show(&built_in()).await;
    }
    let db = records::open().await?;
    match state_machines::newest(&db, name).await? {
        Some(newest) => show(&newest).await,
        None => Err(SagaError::UnknownMachine(name.to_owned())),
    }
}

async fn show(machine: &Registered) -> Result<Value, SagaError> {
    let census = saga_list::census(&*records::open().await?).await?;
    let definition = serde_json::from_str(&machine.definition).unwrap_or_default();
    Ok(documents::state_machine(
        machine,
        in_flight(&census, &machine.name),
        Some(&definition),
    ))
}

/// What drives orders, as number 0: it has no row.
fn built_in() -> Registered {
    Registered {
        name: ORDER.to_owned(),
        version_no: 0,
        definition: ORDER_DEFINITION.to_owned(),
        registered_at: Instant::from_millis(0),
    }
}

fn in_flight(census: &[saga_list::Count], machine: &str) -> u64 {
    census
        .iter()
        .filter(|count| {
            count.machine == machine
                && !matches!(count.phase.as_str(), "SUCCEEDED" | "FAILED" | "COMPENSATED")
        })
        .map(|count| count.count)
        .sum()
}

fn invalid(error: &DefinitionError) -> SagaError {
    let mut field = Vec::new();
    if let Some(state) = &error.state {
        field.push(format!("States.{state}"));
    }
    field.extend(error.key.clone());
    SagaError::Definition(vec![(field.join("."), error.problem.to_string())])
}
