//! Going from state to state until the outside is needed.

use serde_json::{Value, json};

use super::event::Command;
use crate::definition::{Choice, Output, ScriptTask, State, StateMachine};
use crate::expression::{EvalError, Scope, Template, is_truthy};
use crate::instance::{Cursor, Failure, Instance, Millis, StateRun, StateType, Status};
use crate::service::{ErrorKind, ServiceError};
use crate::step_id::StepId;

/// Most states entered in one go. Only states that call nothing can reach it, in a loop that a `Choice` never leaves.
const MAX_STATES_AT_ONCE: usize = 1_000;

/// Names of the engine's own errors, which definitions may catch.
pub(super) mod name {
    pub const EXPRESSION_FAILED: &str = "ExpressionFailed";
    pub const NO_MATCHING_STATUS: &str = "NoMatchingStatus";
    pub const NO_MATCHING_CHOICE: &str = "NoMatchingChoice";
    pub const TOO_MANY_STATES: &str = "TooManyStates";
    pub const WAIT_TIMED_OUT: &str = "WaitTimedOut";
    pub const MACHINE_TIMED_OUT: &str = "StateMachineTimedOut";
    pub const FAILED: &str = "Failed";
}

/// One instance in the hands of its definition, at one moment.
pub(super) struct Execution<'a> {
    pub machine: &'a StateMachine,
    pub instance: &'a mut Instance,
    pub now: Millis,
}

impl<'a> Execution<'a> {
    pub(super) fn proceed(&mut self) -> Command {
        let mut entered = 0;
        loop {
            match self.instance.cursor.clone() {
                Cursor::Ended => return Command::Finished,
                Cursor::Waiting { run, deadline } => {
                    return Command::WaitForEvent {
                        names: self.awaited(run),
                        deadline,
                    };
                }
                Cursor::BackingOff { until, .. } if self.now < until => return Command::Sleep { until },
                Cursor::BackingOff { run, attempt, .. } => {
                    self.instance.cursor = Cursor::Invoking { run, attempt }
                }
                Cursor::Invoking { run, attempt } => {
                    return Command::Invoke {
                        calls: vec![self.call(run, attempt)],
                        wake_at: None,
                    };
                }
                Cursor::Looping => self.go(None),
                Cursor::Compensating => self.compensate_next(),
                Cursor::Enter { state } => {
                    entered += 1;
                    if entered > MAX_STATES_AT_ONCE {
                        let message = format!("{MAX_STATES_AT_ONCE} states in a row called nothing");
                        self.fail(
                            &state,
                            &ServiceError::new(ErrorKind::Other, name::TOO_MANY_STATES, message),
                        );
                    } else {
                        self.enter(&state);
                    }
                }
            }
        }
    }

    fn enter(&mut self, name: &str) {
        let machine: &'a StateMachine = self.machine;
        match machine.states.get(name) {
            Some(State::Service(task)) => self.enter_service(name, task),
            Some(State::Script(task)) => self.run_script(name, task),
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

    fn choose(&mut self, name: &str, choice: &'a Choice) {
        for (condition, next) in &choice.choices {
            match is_truthy(condition, &Scope::of_context(&self.instance.context)) {
                Ok(true) => return self.go(Some(next)),
                Ok(false) => {}
                Err(error) => return self.fail(name, &expression_failed(condition.source(), &error)),
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

    fn run_script(&mut self, name: &str, task: &'a ScriptTask) {
        let run = self.open_run(name, StateType::ScriptTask, false);
        let result = self.fill_all(&task.input, run).and_then(|input| {
            // A script sees its input's members first and the variables behind them.
            let root = input.first().cloned().unwrap_or(Value::Null);
            self.instance.states[run].input = input;
            let value = task
                .script
                .eval_in(&Scope::of_result(&root, &self.instance.context));
            value.map_err(|error| expression_failed(task.script.source(), &error))
        });
        match result.and_then(|value| self.apply_output(&task.output, value, run)) {
            Ok(()) => {
                self.close_run(run, Status::Succeeded);
                self.go_from(run, task.next.as_deref());
            }
            Err(error) => {
                self.close_run(run, Status::Failed);
                self.catch_or_fail(run, &error, &task.catch);
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

    pub(super) fn open_run(&mut self, name: &str, kind: StateType, for_update: bool) -> usize {
        let own = self
            .instance
            .states
            .iter()
            .filter(|run| run.name == name && !run.is_compensation());
        let ordinal = own.map(|run| run.ordinal).max().unwrap_or(0) + 1;
        let step_id = StepId::action(&self.instance.id, name, ordinal);
        self.push_run(name, kind, for_update, step_id, ordinal)
    }

    pub(super) fn push_run(
        &mut self,
        name: &str,
        kind: StateType,
        for_update: bool,
        step_id: StepId,
        ordinal: u32,
    ) -> usize {
        self.instance.states.push(StateRun {
            name: name.to_owned(),
            kind,
            status: Status::Running,
            step_id,
            input: Vec::new(),
            output: None,
            error: None,
            retry_counts: Vec::new(),
            for_update,
            started_at: self.now,
            ended_at: None,
            compensated_for: None,
            compensation_status: None,
            ordinal,
            next: None,
            superseded: false,
            retries: 0,
            completed: 0,
            iteration: None,
            child: None,
        });
        self.instance.states.len() - 1
    }

    pub(super) fn close_run(&mut self, run: usize, status: Status) {
        let run = &mut self.instance.states[run];
        run.status = status;
        run.ended_at = Some(self.now);
    }

    pub(super) fn fill_all(&self, templates: &[Template], run: usize) -> Result<Vec<Value>, ServiceError> {
        let step = &self.instance.states[run].step_id;
        let scope = Scope::of_context(&self.instance.context);
        templates
            .iter()
            .map(|template| {
                template
                    .fill(&scope, step)
                    .map_err(|error| expression_failed("Input", &error))
            })
            .collect()
    }

    /// Keeps a result on its run and sets the variables that `Output` names: all of them, or on an error none.
    pub(super) fn apply_output(
        &mut self,
        output: &Output,
        value: Value,
        run: usize,
    ) -> Result<(), ServiceError> {
        let set = self.fill_output(output, &value, run);
        self.instance.states[run].output = (!value.is_null()).then_some(value);
        self.instance.context.extend(set?);
        Ok(())
    }

    pub(super) fn fill_output(
        &self,
        output: &Output,
        root: &Value,
        run: usize,
    ) -> Result<Vec<(String, Value)>, ServiceError> {
        let step = &self.instance.states[run].step_id;
        let scope = Scope::of_result(root, &self.instance.context);
        output
            .iter()
            .map(|(variable, template)| match template.fill(&scope, step) {
                Ok(value) => Ok((variable.clone(), value)),
                Err(error) => Err(expression_failed(&format!("Output.{variable}"), &error)),
            })
            .collect()
    }
}

pub(super) fn expression_failed(what: &str, error: &EvalError) -> ServiceError {
    ServiceError::new(
        ErrorKind::Other,
        name::EXPRESSION_FAILED,
        format!("{what}: {error}"),
    )
}

/// An error as `#root` of a `Catch` entry's `Output`.
pub(super) fn as_value(error: &ServiceError) -> Value {
    json!({ "name": error.name, "message": error.message, "kind": error.kind })
}
