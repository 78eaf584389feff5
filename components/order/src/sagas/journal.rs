//! What a saga did, as log lines: one for each state that ended, and for its start, end, recovery and parking. The worker's metrics and spans are made
//! from them, since a component has no other way to tell.

use edge::{RequestContext, TraceContext, log};
use saga::{Event, Instance, StateRun};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Watches one instance while it is driven.
#[derive(Debug)]
pub struct Journal {
    /// Runs that had ended when they were last looked at.
    ended: HashSet<(String, u64)>,
    parked: bool,
    finished: bool,
}

impl Journal {
    /// From here on; what happened before was told by whoever drove the instance then.
    pub fn of(instance: &Instance) -> Journal {
        let mut ended = HashSet::new();
        visit(instance, &mut |_, run| {
            ended.extend(mark(run));
        });
        Journal {
            ended,
            parked: instance.is_parked(),
            finished: instance.is_ended(),
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
    pub fn received(&mut self, ctx: &RequestContext, instance: &Instance, event: &Event) {
        let name = match event {
            Event::Recover => {
                log::info(
                    ctx,
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
            ctx,
            "saga_taken_up",
            json!({"sagaId": instance.id, "machine": instance.machine, "by": name}),
        );
    }

    /// Tells of everything that ended since the last look.
    pub fn look(&mut self, ctx: &RequestContext, instance: &Instance) {
        visit(instance, &mut |machine, run| {
            if let Some(mark) = mark(run)
                && self.ended.insert(mark)
            {
                log::info(ctx, "saga_transition", transition(ctx, instance, machine, run));
            }
        });
        if instance.is_ended() && !self.finished {
            self.finished = true;
            let duration = instance
                .ended_at
                .map(|end| end.saturating_sub(instance.started_at));
            log::info(
                ctx,
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
                ctx,
                "saga_parked",
                json!({
                    "sagaId": instance.id, "machine": instance.machine, "state": instance.current_state(),
                    "error": instance.error.as_ref().map(|error| &error.name),
                    "message": instance.error.as_ref().map(|error| &error.message), "recoveries": instance.recoveries,
                }),
            );
        }
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

fn transition(ctx: &RequestContext, instance: &Instance, machine: &str, run: &StateRun) -> Value {
    let ended_at = run.ended_at.unwrap_or(run.started_at);
    json!({
        "sagaId": instance.id, "machine": machine, "state": run.name, "stateType": run.kind, "stepId": run.step_id,
        "status": run.status.code(), "retries": run.retries, "compensation": run.is_compensation(),
        "error": run.error.as_ref().map(|error| &error.name),
        "startedAt": run.started_at, "durationMs": ended_at.saturating_sub(run.started_at),
        "spanId": span_of(&ctx.trace).span_id(), "parentSpanId": ctx.trace.span_id(),
    })
}

/// A span of its own for a step, below the request's.
fn span_of(trace: &TraceContext) -> TraceContext {
    trace.child()
}
