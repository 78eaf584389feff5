//! From a definition's text to a state machine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{DefinitionError, Problem};
use super::reader::{Read, Reader};
use super::{
    CatchRule, Choice, EventRule, Output, RecoverStrategy, RetryRule, ScriptTask, ServiceTask, State,
    StateMachine, StatusCondition, StatusRule, Until, WaitForEvent, check,
};
use crate::expression::Template;
use crate::instance::Status;

/// What `ScriptType` may say: a script is one expression, which has no I/O and a step bound.
const SCRIPT_TYPE: &str = "expression";

impl StateMachine {
    /// Reads and checks a definition. Keys that mean nothing to the engine (a designer's layout) are ignored.
    ///
    /// # Errors
    /// If the definition cannot be run as a whole; the error names the machine, the state and the key.
    pub fn from_json(text: &str) -> Result<Self, DefinitionError> {
        let nowhere = |problem| DefinitionError {
            machine: String::new(),
            state: None,
            key: None,
            problem: Box::new(problem),
        };
        let json: Value =
            serde_json::from_str(text).map_err(|error| nowhere(Problem::NotJson(error.to_string())))?;
        let object = json
            .as_object()
            .ok_or_else(|| nowhere(Problem::Wrong("an object")))?;
        let name = object.get("Name").and_then(Value::as_str).unwrap_or_default();
        let reader = Reader {
            machine: name,
            state: None,
            path: "",
            object,
        };
        let machine = machine(&reader)?;
        check::check(&machine)?;
        Ok(machine)
    }
}

fn machine(reader: &Reader<'_>) -> Read<StateMachine> {
    let name = reader.required_text("Name")?.to_owned();
    let start_state = reader.required_text("StartState")?.to_owned();
    let recover_strategy = match reader.text("RecoverStrategy")? {
        None | Some("Compensate") => RecoverStrategy::Compensate,
        Some("Forward") => RecoverStrategy::Forward,
        Some(_) => return Err(reader.refuse("RecoverStrategy", Problem::Wrong("Compensate or Forward"))),
    };
    let mut states = BTreeMap::new();
    for (name, body) in reader
        .map("States")?
        .ok_or_else(|| reader.refuse("States", Problem::Missing))?
    {
        let object = body
            .as_object()
            .ok_or_else(|| reader.refuse(name, Problem::Wrong("an object")))?;
        states.insert(
            name.clone(),
            state(&Reader {
                state: Some(name),
                object,
                ..*reader
            })?,
        );
    }
    Ok(StateMachine {
        name,
        version: reader.name("Version")?,
        comment: reader.name("Comment")?,
        start_state,
        recover_strategy,
        persist: reader.flag("IsPersist")?.unwrap_or(true),
        update_on_retry: reader.flag("IsRetryPersistModeUpdate")?.unwrap_or(false),
        update_on_compensate: reader.flag("IsCompensatePersistModeUpdate")?.unwrap_or(false),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative; the far end is "never"
        timeout: reader.quantity("TimeoutSeconds")?.map(|seconds| (seconds * 1000.0) as u64),
        states,
    })
}

fn state(reader: &Reader<'_>) -> Read<State> {
    match reader.required_text("Type")? {
        "ServiceTask" => service_task(reader).map(State::Service),
        "ScriptTask" => script_task(reader).map(State::Script),
        "Choice" => choice(reader).map(State::Choice),
        "CompensationTrigger" => Ok(State::CompensationTrigger {
            next: reader.name("Next")?,
        }),
        "Succeed" => Ok(State::Succeed),
        "Fail" => Ok(State::Fail {
            code: reader.template("ErrorCode", reader.get("ErrorCode").unwrap_or(&Value::Null))?,
            message: reader.template("Message", reader.get("Message").unwrap_or(&Value::Null))?,
        }),
        "WaitForEvent" => wait_for_event(reader).map(State::Wait),
        "SubStateMachine" | "CompensateSubMachine" => Err(reader.refuse("Type", Problem::NotSupportedYet)),
        other => Err(reader.refuse("Type", Problem::UnknownStateType(other.to_owned()))),
    }
}

fn service_task(reader: &Reader<'_>) -> Read<ServiceTask> {
    if reader.get("Loop").is_some() {
        return Err(reader.refuse("Loop", Problem::NotSupportedYet));
    }
    let compensate_state = reader.name("CompensateState")?;
    Ok(ServiceTask {
        service: reader.required_text("ServiceName")?.to_owned(),
        method: reader.required_text("ServiceMethod")?.to_owned(),
        service_type: reader.name("ServiceType")?,
        input: input(reader)?,
        output: output(reader)?,
        status: status(reader)?,
        retry: retry(reader)?,
        catch: catch(reader)?,
        for_update: reader.flag("IsForUpdate")?.unwrap_or(compensate_state.is_some()),
        compensate_state,
        persist: reader.flag("IsPersist")?.unwrap_or(true),
        asynchronous: reader.flag("IsAsync")?.unwrap_or(false),
        next: reader.name("Next")?,
    })
}

fn script_task(reader: &Reader<'_>) -> Read<ScriptTask> {
    if reader.get("Loop").is_some() {
        return Err(reader.refuse("Loop", Problem::NotSupportedYet));
    }
    match reader.required_text("ScriptType")? {
        SCRIPT_TYPE => {}
        other => return Err(reader.refuse("ScriptType", Problem::UnknownScriptType(other.to_owned()))),
    }
    Ok(ScriptTask {
        script: reader.expression("ScriptContent", reader.required_text("ScriptContent")?)?,
        input: input(reader)?,
        output: output(reader)?,
        catch: catch(reader)?,
        next: reader.name("Next")?,
    })
}

fn choice(reader: &Reader<'_>) -> Read<Choice> {
    let mut choices = Vec::new();
    for (index, entry) in reader.array("Choices")?.iter().enumerate() {
        let path = format!("Choices[{index}].");
        let entry = reader.inside(entry, &path)?;
        let expression = entry.expression("Expression", entry.required_text("Expression")?)?;
        choices.push((expression, entry.required_text("Next")?.to_owned()));
    }
    let default = reader.name("Default")?;
    if choices.is_empty() && default.is_none() {
        return Err(reader.refuse("Choices", Problem::Missing));
    }
    Ok(Choice { choices, default })
}

fn wait_for_event(reader: &Reader<'_>) -> Read<WaitForEvent> {
    let mut events = Vec::new();
    for (name, rule) in reader
        .map("Events")?
        .ok_or_else(|| reader.refuse("Events", Problem::Missing))?
    {
        let path = format!("Events.{name}.");
        let rule = reader.inside(rule, &path)?;
        events.push((
            name.clone(),
            EventRule {
                next: rule.required_text("Next")?.to_owned(),
                output: output(&rule)?,
            },
        ));
    }
    // A wait without an end would be an instance that nobody ever looks at again.
    let until = match (reader.get("Deadline"), reader.get("TimeoutSeconds")) {
        (Some(deadline), None) => Until::Deadline(reader.template("Deadline", deadline)?),
        (None, Some(timeout)) => Until::Timeout(reader.template("TimeoutSeconds", timeout)?),
        (None, None) => return Err(reader.refuse("Deadline", Problem::Missing)),
        (Some(_), Some(_)) => {
            return Err(reader.refuse(
                "TimeoutSeconds",
                Problem::Wrong("absent where there is a Deadline"),
            ));
        }
    };
    Ok(WaitForEvent {
        events,
        until,
        timeout_next: reader.name("TimeoutNext")?,
        catch: catch(reader)?,
    })
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

fn output(reader: &Reader<'_>) -> Read<Output> {
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
                .map(|seconds| seconds * 1000.0),
        });
    }
    Ok(rules)
}

fn catch(reader: &Reader<'_>) -> Read<Vec<CatchRule>> {
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
