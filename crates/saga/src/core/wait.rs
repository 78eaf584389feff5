//! Waiting for events and deadlines.

use serde_json::Value;

use super::event::AdvanceError;
use super::execution::{Execution, expression_failed, name};
use crate::definition::{RecoverStrategy, State, StateMachine, Until, WaitForEvent};
use crate::expression::{Scope, Template};
use crate::instance::{Cursor, Failure, Millis, StateType, Status};
use crate::service::{ErrorKind, ServiceError};

impl<'a> Execution<'a> {
    pub(super) fn begin_wait(&mut self, name: &str, wait: &'a WaitForEvent) {
        let run = self.open_run(name, StateType::WaitForEvent, false);
        match self.deadline(wait, run) {
            Ok(deadline) => self.instance.cursor = Cursor::Waiting { run, deadline },
            Err(error) => {
                self.close_run(run, Status::Failed);
                self.catch_or_fail(run, &error, &wait.catch);
            }
        }
    }

    fn deadline(&self, wait: &WaitForEvent, run: usize) -> Result<Millis, ServiceError> {
        let number = |key: &str, template: &Template| {
            let step = &self.instance.states[run].step_id;
            let value = template
                .fill(&Scope::of_context(&self.instance.context), step)
                .map_err(|error| expression_failed(key, &error))?;
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

    pub(super) fn awaited(&self, run: usize) -> Vec<String> {
        let wait = self.wait_state(run).map(|(_, wait)| wait);
        wait.map(|wait| wait.events.iter().map(|(name, _)| name.clone()).collect())
            .unwrap_or_default()
    }

    fn wait_state(&self, run: usize) -> Option<(String, &'a WaitForEvent)> {
        let machine: &'a StateMachine = self.machine;
        let name = &self.instance.states.get(run)?.name;
        match machine.states.get(name) {
            Some(State::Wait(wait)) => Some((name.clone(), wait)),
            _ => None,
        }
    }

    /// An event counts until the deadline was acted upon, even if it has passed: late good news is still good news.
    pub(super) fn signal(&mut self, event: &str, payload: Value) -> Result<(), AdvanceError> {
        let not_waiting = || AdvanceError::NotWaiting {
            event: event.to_owned(),
        };
        let Cursor::Waiting { run, .. } = self.instance.cursor else {
            return Err(not_waiting());
        };
        let (state, wait) = self.wait_state(run).ok_or_else(not_waiting)?;
        let Some((_, rule)) = wait.events.iter().find(|(name, _)| name == event) else {
            return Err(AdvanceError::UnknownEvent {
                event: event.to_owned(),
                state,
            });
        };
        match self.apply_output(&rule.output, payload, run) {
            Ok(()) => {
                self.close_run(run, Status::Succeeded);
                self.go_from(run, Some(&rule.next));
            }
            Err(error) => {
                self.close_run(run, Status::Failed);
                self.catch_or_fail(run, &error, &wait.catch);
            }
        }
        Ok(())
    }

    pub(super) fn deadline_passed(&mut self) -> Result<(), AdvanceError> {
        let whole = self.instance.deadline.filter(|_| !self.instance.is_ended());
        match self.instance.cursor {
            Cursor::Waiting { run, deadline }
                if deadline <= self.now && whole.is_none_or(|whole| deadline <= whole) =>
            {
                self.wait_timed_out(run);
                Ok(())
            }
            _ if whole.is_some_and(|whole| whole <= self.now) => {
                self.machine_timed_out();
                Ok(())
            }
            Cursor::Waiting { deadline, .. } => Err(AdvanceError::TooEarly {
                deadline: whole.map_or(deadline, |whole| deadline.min(whole)),
            }),
            _ => Ok(()),
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
                self.catch_or_fail(run, &error, &wait.catch);
            }
        }
    }

    fn machine_timed_out(&mut self) {
        // One time-out is acted upon once; a compensation in progress is left to finish.
        self.instance.deadline = None;
        let forward = self.machine.recover_strategy == RecoverStrategy::Forward;
        if forward || self.instance.compensation_status.is_some() {
            return;
        }
        let state = match self.instance.cursor.clone() {
            Cursor::Invoking { run, .. } | Cursor::BackingOff { run, .. } | Cursor::Waiting { run, .. } => {
                let in_doubt = self.instance.states[run].for_update;
                self.close_run(run, if in_doubt { Status::Unknown } else { Status::Failed });
                self.instance.states[run].name.clone()
            }
            Cursor::Enter { state } => state,
            Cursor::Looping | Cursor::Compensating | Cursor::Ended => String::new(),
        };
        let message = "the instance did not end in time";
        let error = ServiceError::new(ErrorKind::Timeout, name::MACHINE_TIMED_OUT, message);
        self.instance.error = Some(Failure::at(&state, &error));
        self.instance.status = Status::Unknown;
        self.begin_compensation(None);
    }
}
