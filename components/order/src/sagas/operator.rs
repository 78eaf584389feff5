//! What an operator does: looking, starting, steering, archiving.

use super::documents;
use super::journal::Journal;
use super::machines::{self, ORDER};
use super::run::Run;
use crate::records::saga_audit::Entry;
use crate::records::saga_list::{Filter, Listed};
use crate::records::{self, saga_archive, saga_audit, saga_list, sagas, state_machines};
use crate::tend;
use crate::work::WorkError;
use domain::{Instant, OrderNo};
use edge::RequestContext;
use saga::{Event, Instance, Machines, Phase, RecoverStrategy};
use serde_json::{Map, Value};
use std::collections::HashMap;
use store::StoreError;

/// Why an operator's wish was not granted.
#[derive(Debug, thiserror::Error)]
pub enum SagaError {
    #[error("there is no such saga")]
    NotFound,
    #[error("no machine `{0}` is registered")]
    UnknownMachine(String),
    /// A field, and what is wrong with it.
    #[error("{0}: {1}")]
    Invalid(String, String),
    /// Places in a definition, and what is wrong with each.
    #[error("the definition is not valid")]
    Definition(Vec<(String, String)>),
    #[error("{0}")]
    Conflict(String),
    #[error("somebody works on the saga at this moment")]
    Busy,
    /// A database or a service did not answer, or a defect; nothing is lost.
    #[error("{0}")]
    Unavailable(String),
}

impl From<WorkError> for SagaError {
    fn from(error: WorkError) -> SagaError {
        match error {
            WorkError::NotFound => SagaError::NotFound,
            WorkError::Busy => SagaError::Busy,
            WorkError::Conflict(why) => SagaError::Conflict(why),
            WorkError::Unavailable(why) | WorkError::Broken(why) => SagaError::Unavailable(why),
        }
    }
}

impl From<StoreError> for SagaError {
    fn from(error: StoreError) -> SagaError {
        WorkError::from(error).into()
    }
}

/// What an operator can do to a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Forward,
    Compensate,
    Skip,
    Retry,
}

impl Action {
    pub const ALL: [Action; 4] = [Action::Forward, Action::Compensate, Action::Skip, Action::Retry];

    pub fn as_str(self) -> &'static str {
        match self {
            Action::Forward => "forward",
            Action::Compensate => "compensate",
            Action::Skip => "skip",
            Action::Retry => "retry",
        }
    }

    pub fn from_name(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// A `SagaPage`, and where the next one begins.
pub async fn list(filter: &Filter, size: u32) -> Result<(Vec<Listed>, Map<String, Value>), SagaError> {
    let db = records::open().await?;
    let mut page = saga_list::list(&db, filter, size).await?;
    if let Some(order_no) = filter.order_no.as_deref().filter(|_| page.is_empty()) {
        // One order's saga is wanted wherever it lies.
        page.extend(saga_list::find(&db, order_no).await?.filter(|found| {
            found.archived && filter.phase.as_ref().is_none_or(|phase| *phase == found.phase)
        }));
    }
    let mut counts = Map::new();
    let mut others = 0;
    for line in saga_list::census(&db).await? {
        others += line.count;
        let before = counts.get(&line.phase).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(line.phase, (before + line.count).into());
    }
    let succeeded = saga_list::count(&db).await?.saturating_sub(others);
    if succeeded > 0 {
        counts.insert(saga_list::SUCCEEDED.to_owned(), succeeded.into());
    }
    Ok((page, counts))
}

/// A `Saga`.
pub async fn show(id: &str) -> Result<Value, SagaError> {
    let db = records::open().await?;
    let listed = saga_list::find(&db, id).await?.ok_or(SagaError::NotFound)?;
    let audit = saga_audit::of_saga(&db, id).await?;
    let (machines, definitions) = match &listed.pins {
        None => {
            let definition = serde_json::from_str(machines::ORDER_DEFINITION).unwrap_or_default();
            (
                machines::of_orders().await?,
                HashMap::from([(ORDER.to_owned(), definition)]),
            )
        }
        Some(pins) => {
            let mut definitions = HashMap::new();
            for (name, &version_no) in pins {
                if let Some(registered) = state_machines::version(&db, name, version_no).await? {
                    let definition: Value = serde_json::from_str(&registered.definition).unwrap_or_default();
                    definitions.insert(name.clone(), definition);
                }
            }
            (machines::pinned(&db, pins).await?, definitions)
        }
    };
    let actions: Vec<&str> = Action::ALL
        .into_iter()
        .filter(|&action| allowed(&listed.instance, listed.order_no.is_some(), action, &machines))
        .map(Action::as_str)
        .collect();
    let definition = |name: &str| definitions.get(name).cloned();
    Ok(documents::saga(&listed, &definition, &machines, &actions, &audit))
}

/// Whether a saga would take this now. What an order has settled stays settled: giving money back is a refund.
fn allowed(instance: &Instance, of_order: bool, action: Action, machines: &Machines) -> bool {
    let phase = instance.phase();
    if instance.is_settled() && (of_order || action != Action::Compensate) {
        return false;
    }
    if action == Action::Retry {
        return match phase {
            Phase::Retrying | Phase::Recovering | Phase::Parked => true,
            // An order that waits can be read from PayPay at once.
            Phase::Waiting => of_order,
            _ => false,
        };
    }
    let event = event_of(instance, action, machines);
    machines
        .advance(&mut instance.clone(), event, instance.ended_at.unwrap_or(0))
        .is_ok()
}

/// What the wish means to this instance.
fn event_of(instance: &Instance, action: Action, machines: &Machines) -> Event {
    match action {
        Action::Forward => Event::Forward,
        Action::Compensate => Event::Compensate,
        Action::Skip => Event::SkipAndForward,
        // What the worker would do by itself, had the tries not been used up.
        Action::Retry => match instance.phase() {
            Phase::Parked | Phase::Recovering if instance.compensation_status.is_some() => Event::Compensate,
            Phase::Parked | Phase::Recovering => {
                match machines
                    .get(&instance.machine)
                    .map(|machine| machine.recover_strategy())
                {
                    Some(RecoverStrategy::Forward) => Event::Forward,
                    Some(RecoverStrategy::Compensate) | None => Event::Compensate,
                }
            }
            _ => Event::Resume,
        },
    }
}

/// Sets a saga going again. A `Saga`.
pub async fn steer(
    id: &str,
    action: Action,
    actor: &str,
    reason: Option<&str>,
    ctx: &RequestContext,
) -> Result<Value, SagaError> {
    let db = records::open().await?;
    let listed = saga_list::find(&db, id).await?.ok_or(SagaError::NotFound)?;
    let result = match &listed.order_no {
        Some(order_no) => steer_order(order_no, action, ctx).await,
        None => steer_instance(id, action, ctx).await,
    };
    let entry = Entry {
        at: Instant::now(),
        actor: actor.to_owned(),
        action: action.as_str().to_owned(),
        reason: reason.map(str::to_owned),
        outcome: outcome(&result),
    };
    audited(id, entry, ctx).await?;
    result?;
    show(id).await
}

/// Tells a saga that is not an order's of the event that it waits for. A `Saga`.
pub async fn signal(
    id: &str,
    event: &str,
    payload: Value,
    actor: &str,
    ctx: &RequestContext,
) -> Result<Value, SagaError> {
    let db = records::open().await?;
    let listed = saga_list::find(&db, id).await?.ok_or(SagaError::NotFound)?;
    let result = if listed.order_no.is_some() {
        // What PayPay says is read from PayPay, and what a buyer wants is asked by the buyer.
        Err(SagaError::Conflict(
            "an order's saga takes no events from outside".to_owned(),
        ))
    } else {
        let run = Run::acquire(id, ctx).await?;
        let signal = Event::Signal {
            name: event.to_owned(),
            payload,
        };
        run.run(signal, None, ctx)
            .await
            .map(drop)
            .map_err(SagaError::from)
    };
    let entry = Entry {
        at: Instant::now(),
        actor: actor.to_owned(),
        action: format!("signal {event}"),
        reason: None,
        outcome: outcome(&result),
    };
    audited(id, entry, ctx).await?;
    result?;
    show(id).await
}

fn outcome(result: &Result<(), SagaError>) -> String {
    result
        .as_ref()
        .map_or_else(ToString::to_string, |()| "done".to_owned())
}

async fn audited(id: &str, entry: Entry, ctx: &RequestContext) -> Result<(), SagaError> {
    saga_audit::append(&*records::open().await?, id, &entry).await?;
    edge::log::info(
        ctx,
        "saga_steered",
        serde_json::json!({"sagaId": id, "action": entry.action, "actor": entry.actor, "outcome": entry.outcome}),
    );
    Ok(())
}

async fn steer_instance(id: &str, action: Action, ctx: &RequestContext) -> Result<(), SagaError> {
    let run = Run::acquire(id, ctx).await?;
    let wished = allowed(&run.instance, false, action, &run.machines);
    if !wished {
        let phase = run.instance.phase().as_str();
        run.release(ctx).await?;
        return Err(refused(action, phase));
    }
    let event = event_of(&run.instance, action, &run.machines);
    // A pause is cut short.
    let at = (event == Event::Resume)
        .then(|| run.instance.due_at().map(crate::drive::instant))
        .flatten();
    run.run(event, at, ctx).await?;
    Ok(())
}

async fn steer_order(order_no: &str, action: Action, ctx: &RequestContext) -> Result<(), SagaError> {
    let order_no: OrderNo = order_no.parse().map_err(|_| SagaError::NotFound)?;
    let machines = machines::of_orders().await?;
    let allowed = |instance: &Instance| {
        if allowed(instance, true, action, &machines) {
            Ok(event_of(instance, action, &machines))
        } else {
            Err(instance.phase().as_str())
        }
    };
    match tend::steer(&order_no, &allowed, ctx).await? {
        Ok(_) => Ok(()),
        Err(phase) => Err(refused(action, phase)),
    }
}

fn refused(action: Action, phase: &str) -> SagaError {
    SagaError::Conflict(format!(
        "a saga that is {phase} does not take `{}`",
        action.as_str()
    ))
}

/// Starts an instance of a registered machine: whether it is new, and its `Saga`.
pub async fn start(
    machine: &str,
    business_key: Option<&str>,
    params: Map<String, Value>,
    actor: &str,
    ctx: &RequestContext,
) -> Result<(bool, Value), SagaError> {
    if machine == ORDER {
        return Err(SagaError::Conflict(format!(
            "`{ORDER}` is started by placing an order"
        )));
    }
    let db = records::open().await?;
    if let Some(key) = business_key
        && let Some(found) = saga_list::find_by_key(&db, machine, key).await?
    {
        return Ok((false, show(&found.instance.id).await?));
    }
    let pins = machines::pin(&db, machine).await.map_err(|error| match error {
        WorkError::NotFound => SagaError::UnknownMachine(machine.to_owned()),
        other => other.into(),
    })?;
    let machines = machines::pinned(&db, &pins).await?;
    let now = Instant::now();
    let random =
        crate::checkout::random_bits().map_err(|problem| SagaError::Unavailable(problem.to_string()))?;
    let id = OrderNo::generate(now, random).as_str().replacen('K', "S", 1);
    let instance = machines
        .start(machine, &id, business_key, params, crate::drive::millis(now))
        .map_err(WorkError::from)?;
    let entry = Entry {
        at: now,
        actor: actor.to_owned(),
        action: "start".to_owned(),
        reason: None,
        outcome: "done".to_owned(),
    };
    let (_, lease) = db
        .transact(async |tx| {
            let lease = match sagas::insert(tx, &instance, None, Some(&pins), now).await {
                Ok(lease) => lease,
                // Another request with the same key was faster.
                Err(StoreError::Constraint { .. }) => return Err(SagaError::Busy),
                Err(error) => return Err(error.into()),
            };
            saga_audit::append(tx, &id, &entry).await?;
            Ok(lease)
        })
        .await?;
    Journal::started(ctx, &instance);
    let run = Run::of_new(instance, lease, machines);
    if let Err(error) = run.run(Event::Resume, None, ctx).await {
        // It is stored and due: the worker goes on with it.
        edge::log::warn(
            ctx,
            "saga_start_interrupted",
            serde_json::json!({"sagaId": id, "error": error.to_string()}),
        );
    }
    Ok((true, show(&id).await?))
}

/// Goes on with a saga that is due.
pub async fn resume(id: &str, ctx: &RequestContext) -> Result<(), SagaError> {
    let run = Run::acquire(id, ctx).await?;
    let event = run.instance.due_event(crate::drive::millis(Instant::now()));
    run.run(event, None, ctx).await?;
    Ok(())
}

/// Moves final sagas of old to the archive; how many.
pub async fn archive(ended_before: Instant, limit: u32) -> Result<u64, SagaError> {
    let db = records::open().await?;
    let (_, moved) = db
        .transact(async |tx| saga_archive::fill(tx, ended_before, limit, Instant::now()).await)
        .await?;
    Ok(moved)
}
