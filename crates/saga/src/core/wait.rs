//! Waiting for events and deadlines.

use serde_json::Value;

use super::child::status_of;
use super::event::AdvanceError;
use super::execution::Execution;
use crate::definition::{CatchRule, RecoverStrategy, State, StateMachine, Until, WaitForEvent};
use crate::expression::Template;
use crate::instance::{Cursor, Failure, Instance, Millis, StateType, Status, Strand};
use crate::machines::Machines;
use crate::service::{ErrorKind, ServiceError, name};
use crate::value;

impl<'a> Execution<'a> {
    pub(super) fn begin_wait(&mut self, name: &str, wait: &'a WaitForEvent) {
        let run = self.open_run(name, StateType::WaitForEvent, false, None);
        match self.deadline(wait, run) {
            Ok(deadline) => self.instance.cursor = Cursor::Waiting { run, deadline },
            Err(error) => {
                self.close_run(run, Status::Failed);
                self.catch_or_fail(run, &error, catching(wait, &error));
            }
        }
    }

    fn deadline(&self, wait: &WaitForEvent, run: usize) -> Result<Millis, ServiceError> {
        let number = |key: &str, template: &Template| {
            let step = &self.instance.states[run].step_id;
            let value = template
                .fill(&self.scope(run), step)
                .map_err(|error| ServiceError::expression_failed(key, &error))?;
            value.as_f64().filter(|number| *number >= 0.0).ok_or_else(|| {
                let message = format!("{key} must be a number, 0 or more, and is {value}");
                ServiceError::new(ErrorKind::Other, name::EXPRESSION_FAILED, message)
            })
        };
        // Epoch milliseconds are far below 2^53, where a float is exact; what is above means "never".
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        match &wait.until {
            Until::Deadline(at) => number("Deadline", at).map(|at| at as Millis),
            Until::Timeout(seconds) => number("TimeoutSeconds", seconds)
                .map(|seconds| self.now.saturating_add((seconds * 1000.0) as Millis)),
        }
    }

    pub(super) fn awaited(&self, run: usize) -> impl Iterator<Item = String> + use<'a> {
        let wait = self.wait_state(run).map(|(_, wait)| wait);
        wait.into_iter()
            .flat_map(|wait| wait.events.iter().map(|(name, _)| name.clone()))
    }

    fn wait_state(&self, run: usize) -> Option<(String, &'a WaitForEvent)> {
        wait_state(self.machine, self.instance, run)
    }

    /// An event counts until the deadline was acted upon, even if it has passed: late good news is still good news. It goes to whatever
    /// waits for it, in every sub-machine.
    pub(super) fn signal(&mut self, event: &str, payload: Value) -> Result<(), AdvanceError> {
        value::check("the payload", [&payload])
            .map_err(|error| AdvanceError::TooLarge { what: error.message })?;
        hears(self.machines, self.machine, self.instance, event)?;
        self.deliver(event, payload);
        Ok(())
    }

    fn deliver(&mut self, event: &str, payload: Value) {
        let Cursor::Waiting { run, .. } = self.instance.cursor else {
            for strand in Vec::from_iter(self.instance.strands()) {
                let holder = self.instance.child_holder(strand.run);
                self.in_child(holder, |child| {
                    if hears(child.machines, child.machine, child.instance, event).is_ok() {
                        child.deliver(event, payload.clone());
                    }
                });
            }
            return;
        };
        let Some((_, wait)) = self.wait_state(run) else {
            return;
        };
        let Some((_, rule)) = wait.events.iter().find(|(name, _)| name == event) else {
            return;
        };
        match self.apply_output(&rule.output, payload, run) {
            Ok(()) => {
                self.close_run(run, Status::Succeeded);
                self.go_from(run, Some(&rule.next));
            }
            Err(error) => {
                self.close_run(run, Status::Failed);
                self.catch_or_fail(run, &error, catching(wait, &error));
            }
        }
    }

    pub(super) fn deadline_passed(&mut self) -> Result<(), AdvanceError> {
        if self.instance.is_overdue(self.now) {
            self.act_on_deadlines();
            return Ok(());
        }
        match self.instance.due_at() {
            Some(deadline) if deadline > self.now && self.instance.waiting_in().is_some() => {
                Err(AdvanceError::TooEarly { deadline })
            }
            _ => Ok(()),
        }
    }

    fn act_on_deadlines(&mut self) {
        self.moved = true;
        let whole = self.instance.deadline;
        match self.instance.cursor {
            Cursor::Waiting { run, deadline }
                if deadline <= self.now && whole.is_none_or(|whole| deadline <= whole) =>
            {
                self.wait_timed_out(run);
            }
            _ if whole.is_some_and(|whole| whole <= self.now) => self.machine_timed_out(),
            _ => {
                for strand in Vec::from_iter(self.instance.strands()) {
                    if self
                        .instance
                        .child_of(strand)
                        .is_some_and(|child| child.is_overdue(self.now))
                    {
                        let holder = self.instance.child_holder(strand.run);
                        self.in_child(holder, |child| child.act_on_deadlines());
                    }
                }
            }
        }
    }

    fn wait_timed_out(&mut self, run: usize) {
        let Some((state, wait)) = self.wait_state(run) else {
            return;
        };
        match &wait.timeout_next {
            Some(next) => {
                self.close_run(run, Status::Succeeded);
                self.go_from(run, Some(next));
            }
            None => {
                self.close_run(run, Status::Failed);
                let message = format!("no event came for `{state}` before its deadline");
                let error = ServiceError::new(ErrorKind::Timeout, name::WAIT_TIMED_OUT, message);
                self.catch_or_fail(run, &error, catching(wait, &error));
            }
        }
    }

    fn machine_timed_out(&mut self) {
        // One time-out is acted upon once; a compensation in progress is left to finish.
        self.instance.deadline = None;
        let forward = self.machine.recover_strategy == RecoverStrategy::Forward;
        if forward || self.instance.compensation.is_some() {
            return;
        }
        self.break_off();
        self.instance.status = Status::Unknown;
        self.begin_compensation(None);
    }

    /// Ends what is under way, with whatever it may have done.
    fn break_off(&mut self) {
        let state = self.instance.current_state().unwrap_or_default();
        let message = "the instance did not end in time";
        let error = ServiceError::new(ErrorKind::Timeout, name::MACHINE_TIMED_OUT, message);
        self.instance.error = Some(Failure::at(state, &error));
        if let Cursor::Waiting { run, .. } = self.instance.cursor {
            self.close_run(run, Status::Failed);
        }
        for strand in Vec::from_iter(self.instance.strands()) {
            let status = self.status_broken_off(strand);
            self.close_run(strand.run, status);
        }
        if let Some(looping) = &mut self.instance.looping {
            looping.active.clear();
            looping.closing = true;
        }
    }

    fn status_broken_off(&mut self, strand: Strand) -> Status {
        let run = &self.instance.states[strand.run];
        let in_doubt = run.for_update || run.is_compensation();
        if run.is_child() {
            let holder = self.instance.child_holder(strand.run);
            let status = self.in_child(holder, |child| {
                child.be_broken_off();
                status_of(child.instance, false)
            });
            return status.unwrap_or(Status::Unknown);
        }
        if in_doubt { Status::Unknown } else { Status::Failed }
    }

    /// The instance around this one timed out: what this one has done is compensated from there.
    fn be_broken_off(&mut self) {
        if self.instance.is_ended() {
            return;
        }
        let compensating = self.instance.compensation.is_some();
        let run = self.instance.cursor.strand().map(|strand| strand.run);
        self.break_off();
        match run {
            Some(run) if compensating => self.compensation_stopped(run),
            _ => {
                self.instance.status = Status::Unknown;
                self.close();
            }
        }
    }
}

fn wait_state<'m>(
    machine: &'m StateMachine,
    instance: &Instance,
    run: usize,
) -> Option<(String, &'m WaitForEvent)> {
    let name = &instance.states.get(run)?.name;
    match machine.states.get(name) {
        Some(State::Wait(wait)) => Some((name.clone(), wait)),
        _ => None,
    }
}

fn catching<'w>(wait: &'w WaitForEvent, error: &ServiceError) -> Option<&'w CatchRule> {
    wait.catch.iter().find(|rule| rule.catches(error))
}

/// Whether an event is waited for, here or in a sub-machine.
fn hears(
    machines: &Machines,
    machine: &StateMachine,
    instance: &Instance,
    event: &str,
) -> Result<(), AdvanceError> {
    if let Cursor::Waiting { run, .. } = instance.cursor {
        let known = wait_state(machine, instance, run);
        return match known {
            Some((_, wait)) if wait.events.iter().any(|(name, _)| name == event) => Ok(()),
            _ => Err(AdvanceError::UnknownEvent {
                event: event.to_owned(),
                state: instance
                    .states
                    .get(run)
                    .map(|run| run.name.clone())
                    .unwrap_or_default(),
            }),
        };
    }
    let mut answer = Err(AdvanceError::NotWaiting {
        event: event.to_owned(),
    });
    for child in instance.strands().filter_map(|strand| instance.child_of(strand)) {
        let Some(machine) = machines.get(&child.machine) else {
            continue;
        };
        match hears(machines, machine, child, event) {
            Ok(()) => return Ok(()),
            Err(unknown @ AdvanceError::UnknownEvent { .. }) => answer = Err(unknown),
            Err(_) => {}
        }
    }
    answer
}
