//! What can only be seen of a definition as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{DefinitionError, Problem};
use super::{CatchRule, State, StateMachine, Work};

pub(super) fn check(machine: &StateMachine) -> Result<(), DefinitionError> {
    let refuse = |state: Option<&str>, key: &str, problem| {
        let state = state.map(str::to_owned);
        Err(DefinitionError {
            machine: machine.name.clone(),
            state,
            key: Some(key.to_owned()),
            problem: Box::new(problem),
        })
    };
    if !machine.states.contains_key(&machine.start_state) {
        return refuse(
            None,
            "StartState",
            Problem::UnknownState(machine.start_state.clone()),
        );
    }
    for (name, state) in &machine.states {
        for (key, target) in references(state) {
            let Some(target_state) = machine.states.get(target) else {
                return refuse(Some(name), &key, Problem::UnknownState(target.to_owned()));
            };
            if key == "CompensateState" && !can_compensate(target_state, state) {
                return refuse(
                    Some(name),
                    &key,
                    Problem::CannotCompensate {
                        state: target.to_owned(),
                    },
                );
            }
        }
    }
    for (state, sub_machine) in machine.sub_machines() {
        if sub_machine == machine.name {
            return refuse(Some(state), "StateMachineName", Problem::Recursive);
        }
    }
    match inescapable(machine) {
        Some(state) => refuse(Some(state), "Next", Problem::Inescapable),
        None => Ok(()),
    }
}

/// Every other state that this one names, with the key that names it.
fn references(state: &State) -> Vec<(String, &str)> {
    fn task<'s>(next: Option<&'s String>, catch: &'s [CatchRule]) -> Vec<(String, &'s str)> {
        let caught = catch
            .iter()
            .enumerate()
            .map(|(index, rule)| (format!("Catch[{index}].Next"), rule.next.as_str()));
        next.map(|next| ("Next".to_owned(), next.as_str()))
            .into_iter()
            .chain(caught)
            .collect()
    }
    match state {
        State::Task(state) => {
            let mut references = task(state.next.as_ref(), &state.catch);
            let compensation = state.compensate_state.as_deref();
            references.extend(compensation.map(|name| ("CompensateState".to_owned(), name)));
            references
        }
        State::CompensationTrigger { next } => task(next.as_ref(), &[]),
        State::Succeed | State::Fail { .. } => Vec::new(),
        State::Choice(state) => {
            let choices = state.choices.iter().enumerate();
            let choices = choices.map(|(index, (_, next))| (format!("Choices[{index}].Next"), next.as_str()));
            choices
                .chain(state.default.as_deref().map(|next| ("Default".to_owned(), next)))
                .collect()
        }
        State::Wait(state) => {
            let events = state
                .events
                .iter()
                .map(|(name, rule)| (format!("Events.{name}.Next"), rule.next.as_str()));
            let timeout = state
                .timeout_next
                .as_deref()
                .map(|next| ("TimeoutNext".to_owned(), next));
            events.chain(timeout).chain(task(None, &state.catch)).collect()
        }
    }
}

/// A service can undo anything; a `CompensateSubMachine` only a sub-machine.
fn can_compensate(compensation: &State, action: &State) -> bool {
    let sub_machine = matches!(action, State::Task(task) if matches!(task.work, Work::SubMachine(_)));
    match compensation {
        State::Task(task) => match task.work {
            Work::Service(_) => true,
            Work::CompensateSubMachine => sub_machine,
            Work::Script(_) | Work::SubMachine(_) => false,
        },
        _ => false,
    }
}

/// A state that can be reached and from which no end can be.
fn inescapable(machine: &StateMachine) -> Option<&str> {
    let mut entries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut to_visit = Vec::new();
    for (name, state) in &machine.states {
        let (exits, ends) = state.exits();
        for exit in exits {
            entries.entry(exit).or_default().push(name);
        }
        if ends {
            to_visit.push(name.as_str());
        }
    }
    let nothing = Vec::new();
    let leaving = closure(to_visit, |name| entries.get(name).unwrap_or(&nothing).clone());
    let exits = |name: &str| {
        machine
            .states
            .get(name)
            .map_or_else(Vec::new, |state| state.exits().0)
    };
    let reached = closure(vec![machine.start_state.as_str()], exits);
    reached.into_iter().find(|name| !leaving.contains(name))
}

/// Everything that can be come to by these steps.
fn closure<'m>(mut to_visit: Vec<&'m str>, steps: impl Fn(&'m str) -> Vec<&'m str>) -> BTreeSet<&'m str> {
    let mut visited = BTreeSet::new();
    while let Some(name) = to_visit.pop() {
        if visited.insert(name) {
            to_visit.extend(steps(name));
        }
    }
    visited
}
