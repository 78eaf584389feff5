//! Reading the states that do something.

use serde_json::Value;

use super::error::Problem;
use super::reader::{Read, Reader};
use super::rules::{CatchRule, RetryRule, StatusCondition, StatusRule};
use super::{Collection, Loop, Output, Service, Task, Work};
use crate::expression::Template;
use crate::instance::{Millis, Status};

/// What `ScriptType` may say: a script is one expression, which has no I/O and a step bound.
const SCRIPT_TYPE: &str = "expression";

/// What `ServiceType` says of a service that is reached by the engine's own protocol over HTTP.
const HTTP: &str = "http";

/// Milliseconds: a day. Nobody who writes a growing interval means more.
const LONGEST_PAUSE: f64 = 86_400_000.0;

/// Seconds that a service may be given for its answer.
const LONGEST_CALL: f64 = 60.0;

/// `kind` is one of the four types that are tasks.
pub(super) fn task(reader: &Reader<'_>, kind: &str) -> Read<Task> {
    let work = match kind {
        "ServiceTask" => Work::Service(service(reader)?),
        "ScriptTask" => script(reader)?,
        "SubStateMachine" => Work::SubMachine(reader.required_text("StateMachineName")?.to_owned()),
        _ => Work::CompensateSubMachine,
    };
    let script = matches!(work, Work::Script(_));
    let compensation = matches!(work, Work::CompensateSubMachine);
    Ok(Task {
        input: input(reader)?,
        output: output(reader)?,
        status: if script { Vec::new() } else { status(reader)? },
        retry: if script { Vec::new() } else { retry(reader)? },
        catch: catch(reader)?,
        compensate_state: if script || compensation {
            None
        } else {
            reader.name("CompensateState")?
        },
        for_update: if script { None } else { reader.flag("IsForUpdate")? },
        persist: reader.flag("IsPersist")?.unwrap_or(true),
        update_on_retry: reader.flag("IsRetryPersistModeUpdate")?,
        update_on_compensate: reader.flag("IsCompensatePersistModeUpdate")?,
        repeat: if compensation { None } else { repeat(reader)? },
        next: reader.name("Next")?,
        work,
    })
}

fn service(reader: &Reader<'_>) -> Read<Service> {
    let service = Service {
        name: reader.required_text("ServiceName")?.to_owned(),
        method: reader.required_text("ServiceMethod")?.to_owned(),
        kind: reader.name("ServiceType")?,
        timeout: timeout(reader)?,
        asynchronous: reader.flag("IsAsync")?.unwrap_or(false),
    };
    if service.kind.as_deref() == Some(HTTP) {
        let visible = |text: &str| !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let address = ["http://", "https://"]
            .iter()
            .find_map(|scheme| service.name.strip_prefix(scheme));
        let known = match address {
            Some(rest) => visible(rest) && !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']),
            None => service
                .name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
        };
        if !known {
            let expected = "an http(s) address, or a name of letters, digits, dots, underscores and hyphens";
            return Err(reader.refuse("ServiceName", Problem::Wrong(expected)));
        }
        if !service.method.starts_with('/') || !visible(&service.method) {
            return Err(reader.refuse("ServiceMethod", Problem::Wrong("a path that begins with a slash")));
        }
    }
    Ok(service)
}

fn timeout(reader: &Reader<'_>) -> Read<Option<Millis>> {
    match reader.quantity("TimeoutSeconds")? {
        None => Ok(None),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 1 to 60,000
        Some(seconds) if seconds > 0.0 && seconds <= LONGEST_CALL => {
            Ok(Some(((seconds * 1000.0).ceil()) as Millis))
        }
        Some(_) => Err(reader.refuse("TimeoutSeconds", Problem::Wrong("above 0 and not above 60"))),
    }
}

fn script(reader: &Reader<'_>) -> Read<Work> {
    match reader.required_text("ScriptType")? {
        SCRIPT_TYPE => {}
        other => return Err(reader.refuse("ScriptType", Problem::UnknownScriptType(other.to_owned()))),
    }
    let content = reader.required_text("ScriptContent")?;
    Ok(Work::Script(reader.expression("ScriptContent", content)?))
}

fn repeat(reader: &Reader<'_>) -> Read<Option<Loop>> {
    let Some(body) = reader.get("Loop") else {
        return Ok(None);
    };
    let reader = reader.inside(body, "Loop.")?;
    let collection = reader.required_text("Collection")?;
    let name = |key: &str, default: &str| -> Read<String> {
        Ok(reader.name(key)?.unwrap_or_else(|| default.to_owned()))
    };
    let completion = reader
        .text("CompletionCondition")?
        .filter(|text| !text.is_empty());
    Ok(Some(Loop {
        parallel: parallel(&reader)?,
        collection: if collection.starts_with("$.") {
            Collection::Expression(reader.expression("Collection", collection)?)
        } else {
            Collection::Variable(collection.to_owned())
        },
        element: name("ElementVariableName", "loopElement")?,
        index: name("ElementIndexName", "loopCounter")?,
        completion: completion
            .map(|text| reader.expression("CompletionCondition", text))
            .transpose()?,
        result: name("ResultName", "loopResult")?,
        counts: [
            name("NumberOfInstancesName", "nrOfInstances")?,
            name("NumberOfActiveInstancesName", "nrOfActiveInstances")?,
            name("NumberOfCompletedInstancesName", "nrOfCompletedInstances")?,
        ],
    }))
}

/// The designer writes numbers as strings.
fn parallel(reader: &Reader<'_>) -> Read<usize> {
    let number = match reader.get("Parallel") {
        None => Some(1),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
    };
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| reader.refuse("Parallel", Problem::Wrong("a whole number, 1 or more")))
}

/// One entry an argument; anything but a list is a single argument.
fn input(reader: &Reader<'_>) -> Read<Vec<Template>> {
    match reader.get("Input") {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| reader.template(&format!("Input[{index}]"), item))
            .collect(),
        Some(single) => Ok(vec![reader.template("Input", single)?]),
    }
}

pub(super) fn output(reader: &Reader<'_>) -> Read<Output> {
    let Some(map) = reader.map("Output")? else {
        return Ok(Vec::new());
    };
    map.iter()
        .map(|(variable, value)| {
            Ok((
                variable.clone(),
                reader.template(&format!("Output.{variable}"), value)?,
            ))
        })
        .collect()
}

fn status(reader: &Reader<'_>) -> Read<Vec<StatusRule>> {
    let Some(map) = reader.map("Status")? else {
        return Ok(Vec::new());
    };
    let mut rules = Vec::new();
    for (condition, status) in map {
        let key = format!("Status.{condition}");
        let status = match status.as_str() {
            Some("SU") => Status::Succeeded,
            Some("FA") => Status::Failed,
            Some("UN") => Status::Unknown,
            _ => return Err(reader.refuse(&key, Problem::UnknownStatus(status.to_string()))),
        };
        let raised = condition
            .trim()
            .strip_prefix("$Exception{")
            .and_then(|rest| rest.strip_suffix('}'));
        let condition = match raised {
            Some(name) => StatusCondition::Raised(name.trim().to_owned()),
            None => StatusCondition::Holds(reader.expression(&key, condition)?),
        };
        rules.push(StatusRule { condition, status });
    }
    Ok(rules)
}

fn retry(reader: &Reader<'_>) -> Read<Vec<RetryRule>> {
    let mut rules = Vec::new();
    for (index, entry) in reader.array("Retry")?.iter().enumerate() {
        let path = format!("Retry[{index}].");
        let entry = reader.inside(entry, &path)?;
        rules.push(RetryRule {
            exceptions: exceptions(&entry)?,
            interval: entry.quantity("IntervalSeconds")?.unwrap_or(1.0) * 1000.0,
            max_attempts: entry.whole("MaxAttempts")?.unwrap_or(3),
            backoff_rate: entry.quantity("BackoffRate")?.unwrap_or(2.0),
            max_interval: entry
                .quantity("MaxIntervalSeconds")?
                .map_or(LONGEST_PAUSE, |seconds| (seconds * 1000.0).min(LONGEST_PAUSE)),
            jitter: match entry.quantity("Jitter")?.unwrap_or(0.0) {
                jitter if jitter <= 1.0 => jitter,
                _ => return Err(entry.refuse("Jitter", Problem::Wrong("a number from 0 to 1"))),
            },
        });
    }
    Ok(rules)
}

pub(super) fn catch(reader: &Reader<'_>) -> Read<Vec<CatchRule>> {
    let mut rules = Vec::new();
    for (index, entry) in reader.array("Catch")?.iter().enumerate() {
        let path = format!("Catch[{index}].");
        let entry = reader.inside(entry, &path)?;
        rules.push(CatchRule {
            exceptions: exceptions(&entry)?,
            output: output(&entry)?,
            next: entry.required_text("Next")?.to_owned(),
        });
    }
    Ok(rules)
}

fn exceptions(reader: &Reader<'_>) -> Read<Vec<String>> {
    reader
        .array("Exceptions")?
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| reader.refuse("Exceptions", Problem::Wrong("a list of strings")))
}
