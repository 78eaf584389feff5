//! From a definition's text to a state machine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{DefinitionError, Problem};
use super::load_task::{catch, output, task};
use super::reader::{Read, Reader};
use super::{Choice, EventRule, RecoverStrategy, State, StateMachine, Until, WaitForEvent, check, json};
use crate::expression::Template;

/// Longest definition, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// Most states of a machine.
const MAX_STATES: usize = 1_000;

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
        if text.len() > MAX_TEXT {
            return Err(nowhere(Problem::TooLarge("1 MiB")));
        }
        let (json, repeated) =
            json::parse(text).map_err(|error| nowhere(Problem::NotJson(error.to_string())))?;
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
        if let Some(path) = repeated {
            return Err(comes_twice(name, &path));
        }
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
    let bodies = reader
        .map("States")?
        .ok_or_else(|| reader.refuse("States", Problem::Missing))?;
    if bodies.len() > MAX_STATES {
        return Err(reader.refuse("States", Problem::TooLarge("1,000 states")));
    }
    for (name, body) in bodies {
        if !is_safe(name) {
            return Err(reader.refuse(&format!("States.{name}"), Problem::UnsafeName));
        }
        let object = body
            .as_object()
            .ok_or_else(|| reader.refuse(&format!("States.{name}"), Problem::Wrong("an object")))?;
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
        kind @ ("ServiceTask" | "ScriptTask" | "SubStateMachine" | "CompensateSubMachine") => {
            task(reader, kind).map(Box::new).map(State::Task)
        }
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
        other => Err(reader.refuse("Type", Problem::UnknownStateType(other.to_owned()))),
    }
}

fn comes_twice(machine: &str, path: &[String]) -> DefinitionError {
    let (state, path) = match path {
        [states, state, _, ..] if states == "States" => (Some(state.clone()), &path[2..]),
        _ => (None, path),
    };
    DefinitionError {
        machine: machine.to_owned(),
        state,
        key: Some(path.join(".").replace(".[", "[")),
        problem: Box::new(Problem::ComesTwice),
    }
}

/// A name that no step id can be mistaken with: ids put visits behind `:`, compensations behind `~`, iterations behind `-loop-`.
fn is_safe(name: &str) -> bool {
    let iteration = name
        .rsplit_once("-loop-")
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    !name.is_empty() && !name.contains([':', '~']) && !iteration
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
    // A literal that is no time could only fail every instance.
    let (key, Until::Deadline(time) | Until::Timeout(time)) = (
        if reader.get("Deadline").is_some() {
            "Deadline"
        } else {
            "TimeoutSeconds"
        },
        &until,
    );
    let could_be_time = match time {
        Template::Literal(value) => value.as_f64().is_some_and(|number| number >= 0.0),
        Template::Expression(_) => true,
        _ => false,
    };
    if !could_be_time {
        return Err(reader.refuse(key, Problem::Wrong("a number, 0 or more, or an expression")));
    }
    Ok(WaitForEvent {
        events,
        until,
        timeout_next: reader.name("TimeoutNext")?,
        catch: catch(reader)?,
    })
}
