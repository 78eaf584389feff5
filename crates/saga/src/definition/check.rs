//! What can only be seen of a definition as a whole.

use std::collections::BTreeSet;

use super::error::{DefinitionError, Problem};
use super::{CatchRule, State, StateMachine};

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
            if key == "CompensateState" && !matches!(target_state, State::Service(_)) {
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
    let mut references = match state {
        State::Service(state) => task(state.next.as_ref(), &state.catch),
        State::Script(state) => task(state.next.as_ref(), &state.catch),
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
    };
    references.extend(
        state
            .compensate_state()
            .map(|name| ("CompensateState".to_owned(), name)),
    );
    references
}

/// A state that can be reached and from which no end can be.
fn inescapable(machine: &StateMachine) -> Option<&str> {
    // Backwards from the ends until nothing is added: definitions are small.
    let mut leaving: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = leaving.len();
        for (name, state) in &machine.states {
            let (exits, ends) = state.exits();
            if ends || exits.iter().any(|exit| leaving.contains(exit)) {
                leaving.insert(name);
            }
        }
        if leaving.len() == before {
            break;
        }
    }
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut to_visit = vec![machine.start_state.as_str()];
    while let Some(name) = to_visit.pop() {
        if !reached.insert(name) {
            continue;
        }
        if !leaving.contains(name) {
            return Some(name);
        }
        if let Some(state) = machine.states.get(name) {
            to_visit.extend(state.exits().0);
        }
    }
    None
}
