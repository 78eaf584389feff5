//! What a saga did, as log lines: one for the states that ended, and for its start, end, recovery and parking. The worker's metrics and spans are made
//! from them, since a component has no other way to tell.

use edge::{RequestContext, log};
use saga::{Event, Instance, StateRun};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Ends of states in one line. A line must not be longer than the host reads.
const MOST_TRANSITIONS: usize = 16;

/// Watches one instance while it is driven. What it has seen is told at the next [`Journal::tell`], at the latest when it is dropped: a line costs far more
/// than what is in it.
#[derive(Debug)]
pub struct Journal<'a> {
    ctx: &'a RequestContext,
    saga_id: String,
    /// Runs that had ended when they were last looked at.
    ended: HashSet<(String, u64)>,
    parked: bool,
    finished: bool,
    /// Ends of states that are not told of yet.
    transitions: Vec<Value>,
}

impl<'a> Journal<'a> {
    /// From here on; what happened before was told by whoever drove the instance then.
    pub fn of(ctx: &'a RequestContext, instance: &Instance) -> Journal<'a> {
        let mut ended = HashSet::new();
        visit(instance, &mut |_, run| {
            ended.extend(mark(run));
        });
        Journal {
            ctx,
            saga_id: instance.id.clone(),
            ended,
            parked: instance.is_parked(),
            finished: instance.is_ended(),
            transitions: Vec::new(),
        }
    }

    /// Tells of a new instance.
    pub fn started(ctx: &RequestContext, instance: &Instance) {
        log::info(
            ctx,
            "saga_started",
            json!({"sagaId": instance.id, "machine": instance.machine, "businessKey": instance.business_key}),
        );
    }

    /// Tells of an event that somebody outside sent.
    pub fn received(&mut self, instance: &Instance, event: &Event) {
        let name = match event {
            Event::Recover => {
                log::info(
                    self.ctx,
                    "saga_recovered",
                    json!({"sagaId": instance.id, "machine": instance.machine, "recoveries": instance.recoveries + 1}),
                );
                "recover"
            }
            Event::Forward => "forward",
            Event::Compensate => "compensate",
            Event::SkipAndForward => "skip",
            _ => return,
        };
        self.finished = false;
        log::info(
            self.ctx,
            "saga_taken_up",
            json!({"sagaId": instance.id, "machine": instance.machine, "by": name}),
        );
    }

    /// Notes everything that ended since the last look, and tells of it if that was the saga.
    pub fn look(&mut self, instance: &Instance) {
        visit(instance, &mut |machine, run| {
            if let Some(mark) = mark(run)
                && self.ended.insert(mark)
            {
                self.transitions.push(transition(machine, run));
            }
        });
        if instance.is_ended() && !self.finished {
            self.finished = true;
            self.tell();
            let duration = instance
                .ended_at
                .map(|end| end.saturating_sub(instance.started_at));
            log::info(
                self.ctx,
                "saga_finished",
                json!({
                    "sagaId": instance.id, "machine": instance.machine, "status": instance.status.code(),
                    "compensationStatus": instance.compensation_status.map(saga::Status::code),
                    "phase": instance.phase().as_str(), "durationMs": duration,
                }),
            );
        }
        if instance.is_parked() && !self.parked {
            self.parked = true;
            // Nobody will try again without an operator.
            log::error(
                self.ctx,
                "saga_parked",
                json!({
                    "sagaId": instance.id, "machine": instance.machine, "state": instance.current_state(),
                    "error": instance.error.as_ref().map(|error| &error.name),
                    "message": instance.error.as_ref().map(|error| &error.message), "recoveries": instance.recoveries,
                }),
            );
        }
    }

    /// Tells of the states that ended. To be called before they are stored: whoever takes the saga up from there will not tell of them.
    pub fn tell(&mut self) {
        while !self.transitions.is_empty() {
            let count = self.transitions.len().min(MOST_TRANSITIONS);
            let told: Vec<Value> = self.transitions.drain(..count).collect();
            log::info(
                self.ctx,
                "saga_transitions",
                json!({"sagaId": self.saga_id, "parentSpanId": self.ctx.trace.span_id(), "transitions": told}),
            );
        }
    }
}

impl Drop for Journal<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}

/// What tells one end of one run from another: a run that is repeated by hand ends again.
fn mark(run: &StateRun) -> Option<(String, u64)> {
    run.ended_at.map(|at| (run.step_id.as_str().to_owned(), at))
}

fn visit(instance: &Instance, tell: &mut impl FnMut(&str, &StateRun)) {
    for run in &instance.states {
        if let Some(child) = &run.child {
            visit(child, tell);
        }
        tell(&instance.machine, run);
    }
}

fn transition(machine: &str, run: &StateRun) -> Value {
    let ended_at = run.ended_at.unwrap_or(run.started_at);
    let mut told = json!({
        "machine": machine, "state": run.name, "stateType": run.kind, "stepId": run.step_id, "status": run.status.code(),
        "retries": run.retries, "compensation": run.is_compensation(), "startedAt": run.started_at,
        "durationMs": ended_at.saturating_sub(run.started_at),
    });
    if let Some(error) = &run.error {
        told["error"] = error.name.as_str().into();
    }
    told
}
