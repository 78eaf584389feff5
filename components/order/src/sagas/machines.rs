//! The definitions that a saga runs: the built-in one, or registered ones in the versions that it began with.

use crate::records::sagas::Pins;
use crate::records::state_machines;
use crate::settings;
use crate::work::WorkError;
use saga::{DefinitionError, Machines, StateMachine};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use store::Session;

/// The machine that drives every order.
pub const ORDER: &str = "order_create";

/// Its definition, part of the program.
pub const ORDER_DEFINITION: &str = include_str!("../../order_create.json");

/// Definitions that were parsed already, by name and version number. A version never changes.
type Parsed = HashMap<(String, u32), Arc<StateMachine>>;

thread_local! {
    /// An instance of the component lives through many requests.
    static PARSED: RefCell<Parsed> = RefCell::default();
}

/// What drives an order.
pub async fn of_orders() -> Result<Machines, WorkError> {
    static MACHINE: OnceLock<Result<Arc<StateMachine>, DefinitionError>> = OnceLock::new();
    let machine = MACHINE
        .get_or_init(|| StateMachine::from_json(ORDER_DEFINITION).map(Arc::new))
        .as_ref()
        .map_err(|error| WorkError::Broken(error.to_string()))?;
    let mut machines = empty().await?;
    machines.add(Arc::clone(machine));
    Ok(machines)
}

/// What drives a saga that began with these versions.
pub async fn pinned(session: &Session, pins: &Pins) -> Result<Machines, WorkError> {
    let mut machines = empty().await?;
    for (name, &version_no) in pins {
        machines.add(parsed(session, name, version_no).await?);
    }
    Ok(machines)
}

async fn empty() -> Result<Machines, WorkError> {
    Ok(Machines::new().with_recovery(settings::recovery_policy().await?))
}

async fn parsed(session: &Session, name: &str, version_no: u32) -> Result<Arc<StateMachine>, WorkError> {
    let key = (name.to_owned(), version_no);
    if let Some(machine) = PARSED.with_borrow(|parsed| parsed.get(&key).cloned()) {
        return Ok(machine);
    }
    let registered = state_machines::version(session, name, version_no)
        .await?
        .ok_or_else(|| {
            WorkError::Broken(format!(
                "version {version_no} of the machine `{name}` is not registered"
            ))
        })?;
    let machine = StateMachine::from_json(&registered.definition)
        .map_err(|error| WorkError::Broken(error.to_string()))?;
    let machine = Arc::new(machine);
    PARSED.with_borrow_mut(|parsed| parsed.insert(key, Arc::clone(&machine)));
    Ok(machine)
}

/// The newest versions of a machine and of every machine that it starts, by name.
///
/// # Errors
/// [`WorkError::NotFound`] if it is not registered, [`WorkError::Conflict`] if one that it starts is not.
pub async fn pin(session: &Session, name: &str) -> Result<Pins, WorkError> {
    let mut pins = Pins::new();
    let mut wanted = vec![name.to_owned()];
    while let Some(wants) = wanted.pop() {
        if pins.contains_key(&wants) {
            continue;
        }
        let Some(newest) = state_machines::newest(session, &wants).await? else {
            return Err(if wants == name {
                WorkError::NotFound
            } else {
                WorkError::Conflict(format!("`{name}` starts `{wants}`, which is not registered"))
            });
        };
        let machine = parsed(session, &wants, newest.version_no).await?;
        wanted.extend(machine.sub_machines().map(|(_, name)| name.to_owned()));
        pins.insert(wants, newest.version_no);
    }
    Ok(pins)
}
