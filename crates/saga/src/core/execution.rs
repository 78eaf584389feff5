//! Going from state to state until the outside is needed.

use serde_json::Value;

use super::agenda::Agenda;
use crate::definition::{Choice, State, StateMachine, Task};
use crate::expression::{Scope, Template, is_truthy};
use crate::instance::{Cursor, Failure, Instance, Millis};
use crate::machines::Machines;
use crate::service::{ErrorKind, ServiceError, name};
use crate::step_id::StepId;

/// Most states entered in one go. Only states that call nothing can reach it, in a loop that a `Choice` never leaves.
const MAX_STATES_AT_ONCE: u32 = 1_000;

/// The same for an instance with all its sub-machines.
const MAX_STATES_AT_ONCE_IN_ALL: u32 = 100_000;

/// One instance in the hands of its definition, at one moment.
pub(super) struct Execution<'a> {
    pub machines: &'a Machines,
    pub machine: &'a StateMachine,
    pub instance: &'a mut Instance,
    pub now: Millis,
    /// Of instances inside each other, from 1.
    pub depth: usize,
    /// States entered at this moment, those of sub-machines included.
    pub entered: u32,
    /// Something changed.
    pub moved: bool,
}

impl<'a> Execution<'a> {
    /// Takes the instance as far as it goes, and notes what it needs to go on.
    pub(super) fn proceed(&mut self, agenda: &mut Agenda) {
        let mut entered = 0;
        loop {
            match self.instance.cursor.clone() {
                Cursor::Ended => return,
                Cursor::Waiting { run, deadline } => {
                    agenda.wait(self.awaited(run), deadline);
                    break;
                }
                Cursor::Looping => {
                    if !self.proceed_loop(agenda) {
                        break;
                    }
                }
                Cursor::Compensating => self.compensate_next(),
                Cursor::Enter { state } => {
                    entered += 1;
                    self.entered += 1;
                    if entered > MAX_STATES_AT_ONCE || self.entered > MAX_STATES_AT_ONCE_IN_ALL {
                        let message = format!("{entered} states in a row called nothing");
                        self.fail(
                            &state,
                            &ServiceError::new(ErrorKind::Other, name::TOO_MANY_STATES, message),
                        );
                    } else {
                        self.enter(&state);
                    }
                }
                Cursor::Invoking { .. } | Cursor::BackingOff { .. } => {
                    let strand = self.instance.cursor.strand();
                    if !strand.is_some_and(|strand| self.proceed_strand(strand, agenda)) {
                        break;
                    }
                }
            }
            self.moved = true;
        }
        if let Some(deadline) = self.instance.deadline {
            agenda.wake(deadline);
        }
    }

    fn enter(&mut self, name: &str) {
        let machine: &'a StateMachine = self.machine;
        match machine.states.get(name) {
            Some(State::Task(task)) => self.enter_task(name, task),
            Some(State::Choice(choice)) => self.choose(name, choice),
            Some(State::CompensationTrigger { .. }) => self.trigger_compensation(name),
            Some(State::Succeed) => self.end(None, false),
            Some(State::Fail { code, message }) => self.end_failed(name, code, message),
            Some(State::Wait(wait)) => self.begin_wait(name, wait),
            // `verify` and the checks at load leave no such name; ending is still better than panicking.
            None => self.fail(
                name,
                &ServiceError::new(ErrorKind::Other, name::FAILED, "no such state"),
            ),
        }
    }

    fn enter_task(&mut self, name: &str, task: &'a Task) {
        match &task.repeat {
            Some(repeat) => self.enter_loop(name, task, repeat),
            None => {
                let run = self.open_run(name, task.kind(), task.for_update(), None);
                self.begin(run, task);
            }
        }
    }

    fn choose(&mut self, name: &str, choice: &'a Choice) {
        for (condition, next) in &choice.choices {
            match is_truthy(condition, &Scope::of_context(&self.instance.context)) {
                Ok(true) => return self.go(Some(next)),
                Ok(false) => {}
                Err(error) => {
                    return self.fail(name, &ServiceError::expression_failed(condition.source(), &error));
                }
            }
        }
        match &choice.default {
            Some(next) => self.go(Some(next)),
            None => {
                let message = "no choice applies and there is no default";
                self.fail(
                    name,
                    &ServiceError::new(ErrorKind::Other, name::NO_MATCHING_CHOICE, message),
                );
            }
        }
    }

    fn end_failed(&mut self, name: &str, code: &Template, message: &Template) {
        let step = StepId::action(&self.instance.id, name, 1);
        let scope = Scope::of_context(&self.instance.context);
        let text = |template: &Template| match template.fill(&scope, &step) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) | Err(_) => String::new(),
            Ok(other) => other.to_string(),
        };
        let (code, message) = (text(code), text(message));
        let code = if code.is_empty() {
            name::FAILED.to_owned()
        } else {
            code
        };
        self.instance.error = Some(Failure {
            name: code,
            message,
            kind: ErrorKind::Business,
            state: name.to_owned(),
        });
        self.end(None, true);
    }

    /// Goes to a state, or ends where a definition names none.
    pub(super) fn go(&mut self, next: Option<&str>) {
        match next {
            Some(state) => {
                self.instance.cursor = Cursor::Enter {
                    state: state.to_owned(),
                }
            }
            None => self.end(None, false),
        }
    }

    /// Goes on from a run, and notes on it whereto.
    pub(super) fn go_from(&mut self, run: usize, next: Option<&str>) {
        self.instance.states[run].next = next.map(str::to_owned);
        self.go(next);
    }

    pub(super) fn fail(&mut self, state: &str, error: &ServiceError) {
        self.instance.error = Some(Failure::at(state, error));
        self.end(Some(error), false);
    }
}
