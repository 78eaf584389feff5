//! Sagas as `/api/admin` shows them. The shapes are those of `docs/openapi.yaml`.

use crate::records::saga_audit;
use crate::records::saga_list::Listed;
use crate::records::state_machines::Registered;
use saga::{Command, Event, Failure, Instance, Machines, Millis, StateRun, Status};
use serde_json::{Map, Value, json};

/// What stands in place of a secret.
const HIDDEN: &str = "•••";
/// A member whose name has one of these words in it, whatever the case, is a secret.
const SECRET_WORDS: [&str; 9] = [
    "token",
    "secret",
    "password",
    "passwd",
    "apikey",
    "api_key",
    "authorization",
    "cookie",
    "credential",
];

/// A `SagaSummary`.
pub fn summary(listed: &Listed) -> Map<String, Value> {
    let instance = &listed.instance;
    let next_at = match listed.phase.as_str() {
        "RUNNING" | "COMPENSATING" => None,
        _ => listed.due_at,
    };
    object(json!({
        "id": instance.id,
        "machine": instance.machine,
        "machineVersion": listed.pins.as_ref().and_then(|pins| pins.get(&instance.machine)).map(u32::to_string),
        "businessKey": instance.business_key,
        "orderNo": listed.order_no,
        "phase": listed.phase,
        "status": instance.status.code(),
        "compensationStatus": instance.compensation_status.map(Status::code),
        "state": instance.current_state(),
        "recoveries": instance.recoveries,
        "nextAt": next_at.map(|at| at.to_string()),
        "error": instance.error.as_ref().map(failure),
        "startedAt": iso(instance.started_at),
        "updatedAt": listed.updated_at.to_string(),
        "endedAt": instance.ended_at.map(iso),
        "archived": listed.archived,
    }))
}

/// A `Saga`.
pub fn saga(
    listed: &Listed,
    definition: &dyn Fn(&str) -> Option<Value>,
    machines: &Machines,
    actions: &[&str],
    audit: &[saga_audit::Entry],
) -> Value {
    let instance = &listed.instance;
    let mut document = summary(listed);
    document.insert(
        "context".to_owned(),
        hidden(&Value::Object(instance.context.clone())),
    );
    document.insert("states".to_owned(), states(&instance.states, definition));
    document.insert("waitingFor".to_owned(), json!(awaited(instance, machines)));
    document.insert("actions".to_owned(), json!(actions));
    document.insert(
        "definition".to_owned(),
        definition(&instance.machine).unwrap_or_else(|| json!({})),
    );
    document.insert("audit".to_owned(), audit.iter().map(audited).collect());
    Value::Object(document)
}

/// A `SagaAudit`.
pub fn audited(entry: &saga_audit::Entry) -> Value {
    Value::Object(object(json!({
        "at": entry.at.to_string(), "actor": entry.actor, "action": entry.action, "reason": entry.reason, "outcome": entry.outcome,
    })))
}

/// The events that would wake the saga.
fn awaited(instance: &Instance, machines: &Machines) -> Vec<String> {
    match machines.advance(&mut instance.clone(), Event::Resume, 0) {
        Ok(Command::WaitForEvent { names, .. }) => names,
        _ => Vec::new(),
    }
}

/// A `StateMachineSummary`; with its definition a `StateMachine`.
pub fn state_machine(registered: &Registered, in_flight: u64, definition: Option<&Value>) -> Value {
    let parsed: Value = serde_json::from_str(&registered.definition).unwrap_or_default();
    let own_version = parsed
        .get("Version")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    Value::Object(object(json!({
        "name": registered.name,
        "version": own_version.map_or_else(|| registered.version_no.to_string(), str::to_owned),
        "comment": parsed.get("Comment").and_then(Value::as_str),
        "builtIn": registered.version_no == 0,
        "registeredAt": (registered.version_no > 0).then(|| registered.registered_at.to_string()),
        "inFlight": in_flight,
        "definition": definition,
    })))
}

fn states(runs: &[StateRun], definition: &dyn Fn(&str) -> Option<Value>) -> Value {
    runs.iter().map(|run| state(run, definition)).collect()
}

fn state(run: &StateRun, definition: &dyn Fn(&str) -> Option<Value>) -> Value {
    Value::Object(object(json!({
        "name": run.name,
        "type": run.kind,
        "status": run.status.code(),
        "stepId": run.step_id,
        "input": run.input.iter().map(hidden).collect::<Vec<_>>(),
        "output": run.output.as_ref().map(hidden),
        "error": run.error.as_ref().map(failure),
        "retries": run.retries,
        "forUpdate": run.for_update,
        "startedAt": iso(run.started_at),
        "endedAt": run.ended_at.map(iso),
        "compensates": run.compensated_for,
        "compensationStatus": run.compensation_status.map(Status::code),
        "next": run.next,
        "superseded": run.superseded,
        "child": run.child.as_ref().map(|child| self::child(child, definition)),
    })))
}

fn child(instance: &Instance, definition: &dyn Fn(&str) -> Option<Value>) -> Value {
    Value::Object(object(json!({
        "id": instance.id,
        "machine": instance.machine,
        "status": instance.status.code(),
        "compensationStatus": instance.compensation_status.map(Status::code),
        "error": instance.error.as_ref().map(failure),
        "context": hidden(&Value::Object(instance.context.clone())),
        "states": states(&instance.states, definition),
        "definition": definition(&instance.machine),
    })))
}

fn failure(failure: &Failure) -> Value {
    json!({"name": failure.name, "message": failure.message, "kind": failure.kind, "state": failure.state})
}

/// An object's members without the null ones: what is absent is left out.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    }
}

/// The value with every secret in it replaced.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(hidden).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let shown = if is_secret(name) && !value.is_null() {
                    HIDDEN.into()
                } else {
                    hidden(value)
                };
                (name.clone(), shown)
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn iso(at: Millis) -> String {
    crate::drive::instant(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_at_any_depth_and_the_rest_is_shown() {
        let value = json!({
            "orderNo": "K1", "channelToken": "t", "list": [{"API-Key": "k", "note": "ok"}], "password": null,
            "deep": {"Authorization": {"scheme": "Bearer"}},
        });
        let shown = json!({
            "orderNo": "K1", "channelToken": HIDDEN, "list": [{"API-Key": HIDDEN, "note": "ok"}], "password": null,
            "deep": {"Authorization": HIDDEN},
        });
        assert_eq!(hidden(&value), shown);
    }
}
