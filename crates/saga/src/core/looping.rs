//! Loops: one state, once for each element of a collection.

use serde_json::{Map, Value, json};

use super::agenda::Agenda;
use super::execution::Execution;
use crate::definition::{CatchRule, Collection, Loop, State, StateMachine, Task};
use crate::expression::{Scope, is_truthy};
use crate::instance::{Cursor, Instance, Iteration, LoopError, Looping, StateRun, Status};
use crate::service::{ErrorKind, ServiceError, name};

/// Most elements of a collection.
const MAX_ELEMENTS: usize = 10_000;

impl<'a> Execution<'a> {
    pub(super) fn enter_loop(&mut self, name: &str, task: &'a Task, repeat: &'a Loop) {
        match self.collection(repeat) {
            Ok(elements) if elements.is_empty() => {
                let nothing = vec![(repeat.result.clone(), json!([]))];
                // An empty list cannot be too much: should the variables be so already, they stay as they are.
                let _ = self.set_variables(nothing);
                self.go(task.next.as_deref());
            }
            Ok(elements) => {
                self.instance.looping = Some(Box::new(Looping {
                    state: name.to_owned(),
                    elements,
                    next: 0,
                    again: Vec::new(),
                    active: Vec::new(),
                    closing: false,
                    succeeded: 0,
                    results: Vec::new(),
                    errors: Vec::new(),
                }));
                self.instance.cursor = Cursor::Looping;
            }
            Err(error) => {
                let run = self.open_run(name, task.kind(), false, None);
                self.broke(run, task, Status::Failed, &error);
            }
        }
    }

    /// Empty too if there is none, or it is no list.
    fn collection(&self, repeat: &Loop) -> Result<Vec<Value>, ServiceError> {
        let context = &self.instance.context;
        let value = match &repeat.collection {
            Collection::Variable(name) => context.get(name).cloned().unwrap_or(Value::Null),
            Collection::Expression(expression) => expression
                .eval_in(&Scope::of_context(context))
                .map_err(|error| ServiceError::expression_failed("Loop.Collection", &error))?,
        };
        match value {
            Value::Array(elements) if elements.len() > MAX_ELEMENTS => {
                let message = format!(
                    "{} elements; at most {MAX_ELEMENTS} can be looped over",
                    elements.len()
                );
                Err(ServiceError::new(ErrorKind::Other, name::LOOP_TOO_LARGE, message))
            }
            Value::Array(elements) => {
                crate::value::check("Loop.Collection", &elements)?;
                Ok(elements)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn loop_in_hand(&self) -> Option<(&'a Task, &'a Loop)> {
        let machine: &'a StateMachine = self.machine;
        let task = machine.task(&self.instance.looping.as_ref()?.state)?;
        Some((task, task.repeat.as_ref()?))
    }

    /// Starts what may be started and takes every iteration as far as it goes. Whether the loop is over.
    pub(super) fn proceed_loop(&mut self, agenda: &mut Agenda) -> bool {
        // `verify` leaves no cursor in a loop without this.
        let Some((task, repeat)) = self.loop_in_hand() else {
            return false;
        };
        let mut at = 0;
        loop {
            while self.start_iteration(task, repeat) {
                self.moved = true;
            }
            let looping = self.instance.looping.as_ref();
            let Some(strand) = looping.and_then(|looping| looping.active.get(at).copied()) else {
                break;
            };
            // What got further stands there still, or what stood behind it does.
            if self.proceed_strand(strand, agenda) {
                self.moved = true;
            } else {
                at += 1;
            }
        }
        if at == 0 {
            self.end_loop(task, repeat);
        }
        at == 0
    }

    /// Whether there was one left to start.
    fn start_iteration(&mut self, task: &'a Task, repeat: &Loop) -> bool {
        let Some(looping) = &mut self.instance.looping else {
            return false;
        };
        if looping.closing || looping.active.len() >= repeat.parallel {
            return false;
        }
        if let Some(index) = looping.again.pop() {
            let state = looping.state.clone();
            if let Some(run) = self
                .instance
                .states
                .iter()
                .rposition(|run| is_iteration(run, &state, index))
            {
                self.repeat_run(run, task);
            }
            return true;
        }
        let index = looping.next;
        let Some(element) = looping.elements.get(index as usize) else {
            return false;
        };
        looping.next += 1;
        let variables = [
            (repeat.element.clone(), element.clone()),
            (repeat.index.clone(), json!(index)),
        ];
        let iteration = Iteration {
            index,
            variables: Map::from_iter(variables),
        };
        let state = looping.state.clone();
        let run = self.open_run(&state, task.kind(), task.for_update(), Some(iteration));
        self.begin(run, task);
        true
    }

    /// A run of the loop has its final status; `error` is what the loop ends with when the others have ended too.
    pub(super) fn iteration_ended(&mut self, run: usize, error: Option<&ServiceError>) {
        let status = self.instance.states[run].status;
        let Some((_, repeat)) = self.loop_in_hand() else {
            return;
        };
        let Instance { looping, context, .. } = &mut *self.instance;
        let Some(looping) = looping else {
            return;
        };
        looping.active.retain(|strand| strand.run != run);
        looping.succeeded += u32::from(status == Status::Succeeded);
        looping.closing |= status != Status::Succeeded;
        let mut errors = Vec::from_iter(error.cloned());
        match is_complete(looping, repeat, context) {
            Ok(complete) => looping.closing |= complete,
            Err(error) => {
                looping.closing = true;
                errors.push(error);
            }
        }
        let errors = errors.into_iter().map(|error| LoopError { run, error });
        looping.errors.extend(errors);
    }

    fn end_loop(&mut self, task: &'a Task, repeat: &Loop) {
        let Some(mut looping) = self.instance.looping.take() else {
            return;
        };
        looping.results.sort_by_key(|(index, _)| *index);
        let results = looping
            .results
            .iter()
            .map(|(_, result)| Value::Object(result.clone()));
        let set = self.set_variables(vec![(repeat.result.clone(), results.collect())]);
        let errors = std::mem::take(&mut looping.errors);
        let mut runs = self
            .instance
            .states
            .iter()
            .enumerate()
            .filter(|(_, run)| is_turn(run, &looping.state));
        let unsuccessful = runs.any(|(_, run)| run.next.is_none() && run.status != Status::Succeeded);
        let state = looping.state.clone();
        if unsuccessful || !errors.is_empty() {
            // It may be sent forward.
            self.instance.looping = Some(looping);
        }
        if let Err(error) = set {
            return self.fail(&state, &error);
        }
        match self.way_out(task, &errors) {
            Some((LoopError { run, error }, rule)) => {
                self.leave_loop(&state, rule.map(|rule| rule.next.as_str()));
                self.catch_or_fail(*run, error, rule);
            }
            None => {
                self.leave_loop(&state, task.next.as_deref());
                self.go(task.next.as_deref());
            }
        }
    }

    /// Of the errors, one that leads to compensation is minded first, then one that is caught at all.
    fn way_out<'e>(
        &self,
        task: &'a Task,
        errors: &'e [LoopError],
    ) -> Option<(&'e LoopError, Option<&'a CatchRule>)> {
        let caught = |error: &'e LoopError| Some((error, Some(task.catching(&error.error)?)));
        let mut ways = errors.iter().filter_map(caught);
        let first = ways.clone().next();
        let compensates = |rule: &Option<&CatchRule>| {
            let next = rule.and_then(|rule| self.machine.states.get(&rule.next));
            matches!(next, Some(State::CompensationTrigger { .. }))
        };
        ways.find(|(_, rule)| compensates(rule))
            .or(first)
            .or_else(|| Some((errors.first()?, None)))
    }

    /// Notes on the runs of the loop whereto the instance went from there.
    fn leave_loop(&mut self, state: &str, next: Option<&str>) {
        for run in &mut self.instance.states {
            if run.next.is_none() && is_turn(run, state) {
                run.next = next.map(str::to_owned);
            }
        }
    }

    /// The loop that a run belongs to ended without success and was the last thing that the instance did.
    pub(super) fn is_in_failed_loop(&self, run: usize) -> bool {
        let looping = self.instance.looping.as_ref();
        looping.is_some_and(|looping| is_turn(&self.instance.states[run], &looping.state))
    }

    /// Goes on with a loop that ended: with the iterations that did not succeed, or were undone, and those that were not started.
    pub(super) fn resume_loop(&mut self) {
        let Instance { looping, states, .. } = &mut *self.instance;
        let Some(looping) = looping else {
            return;
        };
        let mut again = Vec::new();
        for index in (0..looping.next).rev() {
            let last = states
                .iter_mut()
                .rfind(|run| is_iteration(run, &looping.state, index));
            let done = |run: &StateRun| {
                matches!(run.status, Status::Succeeded | Status::Skipped) && run.compensation_status.is_none()
            };
            if let Some(run) = last {
                run.next = None;
                if !done(run) {
                    again.push(index);
                }
            }
        }
        looping.results.retain(|(index, _)| !again.contains(index));
        looping.succeeded = looping.next - u32::try_from(again.len()).unwrap_or(looping.next);
        looping.again = again;
        looping.closing = false;
        looping.errors.clear();
        self.instance.cursor = Cursor::Looping;
    }

    /// Takes the iterations that did not succeed as skipped. Gives the name of the state after the loop.
    pub(super) fn skip_loop(&mut self) -> Option<&'a str> {
        let (task, _) = self.loop_in_hand()?;
        let looping = self.instance.looping.take()?;
        for run in &mut self.instance.states {
            if is_turn(run, &looping.state) && run.status != Status::Succeeded {
                run.status = Status::Skipped;
            }
        }
        self.leave_loop(&looping.state, task.next.as_deref());
        task.next.as_deref()
    }
}

/// One of the turns of a state's loop, and not replaced by a repeat.
fn is_turn(run: &StateRun, state: &str) -> bool {
    run.iteration.is_some() && !run.is_compensation() && !run.superseded && run.state_name() == state
}

fn is_iteration(run: &StateRun, state: &str, index: u32) -> bool {
    run.iteration.as_ref().is_some_and(|turn| turn.index == index) && is_turn(run, state)
}

/// Whether the completion condition holds. Its counts are floats, so that `a / b` is a share, as in Seata.
fn is_complete(looping: &Looping, repeat: &Loop, context: &Map<String, Value>) -> Result<bool, ServiceError> {
    let Some(condition) = &repeat.completion else {
        return Ok(false);
    };
    #[allow(clippy::cast_precision_loss)] // at most 10,000
    let counts = [
        looping.elements.len() as f64,
        looping.active.len() as f64,
        f64::from(looping.succeeded),
    ];
    let names = repeat.counts.iter().cloned();
    let counts = Map::from_iter(names.zip(counts.map(Value::from)));
    is_truthy(condition, &Scope::of_context(context).with(Some(&counts)))
        .map_err(|error| ServiceError::expression_failed("Loop.CompletionCondition", &error))
}
