//! Letting an order's saga run until it waits, sleeps or ends.

use crate::steps;
use crate::work::{Work, WorkError};
use domain::Instant;
use edge::RequestContext;
use saga::{Command, Cursor, DefinitionError, Event, Instance, StateMachine};
use std::sync::OnceLock;
use std::time::Duration;

/// A pause that is sat out with the lease held, rather than left to the worker: a buyer waits for the answer.
const SHORT: Duration = Duration::from_millis(500);

/// Where the saga stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// For a payment, until the deadline.
    Waiting {
        deadline: Instant,
    },
    /// Before it tries a failed step again.
    Sleeping {
        until: Instant,
    },
    Ended,
}

/// The definition that drives every order. It is part of the program, so that it is read once for each instance of the component.
pub fn machine() -> Result<&'static StateMachine, WorkError> {
    static MACHINE: OnceLock<Result<StateMachine, DefinitionError>> = OnceLock::new();
    MACHINE
        .get_or_init(|| StateMachine::from_json(include_str!("../order_create.json")))
        .as_ref()
        .map_err(|error| WorkError::Broken(error.to_string()))
}

/// Runs the saga on from `event`.
///
/// The order is written before anybody else is called whenever it has changed since it was last written; the outcome of a call is not: every
/// service records it under the step id, so a saga that was stored earlier asks again and gets the same answer. So an order's way to its
/// code costs two transactions here, whatever the number of steps.
pub async fn drive(work: &mut Work, event: Event, ctx: &RequestContext) -> Result<Rest, WorkError> {
    let machine = machine()?;
    let mut event = event;
    loop {
        let command = machine.advance(&mut work.instance, event, millis(Instant::now()))?;
        match command {
            Command::Invoke(call) => {
                if work.order.changes.row && !steps::is_local(&call) {
                    work.checkpoint(ctx).await?;
                }
                let result = steps::invoke(work, &call, ctx).await;
                if let Err(error) = &result {
                    edge::log::warn(
                        ctx,
                        "step_failed",
                        serde_json::json!({
                            "orderNo": work.order.order_no.as_str(), "state": call.state, "stepId": call.step_id.as_str(),
                            "error": error.name, "message": error.message,
                        }),
                    );
                }
                event = Event::Outcome {
                    step_id: call.step_id,
                    result,
                };
            }
            Command::WaitForEvent { deadline, .. } => {
                return Ok(Rest::Waiting {
                    deadline: instant(deadline),
                });
            }
            Command::Sleep { until } if until <= millis(Instant::now().plus(SHORT)) => {
                let pause = instant(until).since(Instant::now());
                spin_sdk::time::sleep(pause).await;
                event = Event::Resume;
            }
            Command::Sleep { until } => {
                return Ok(Rest::Sleeping {
                    until: instant(until),
                });
            }
            Command::Finished => {
                if !work.instance.is_settled() {
                    // Retries and compensations are used up: a person must look.
                    edge::log::error(
                        ctx,
                        "saga_needs_repair",
                        serde_json::json!({"orderNo": work.order.order_no.as_str(), "status": work.instance.status.code()}),
                    );
                }
                return Ok(Rest::Ended);
            }
        }
    }
}

/// Where a saga stands that was not touched.
pub fn rest_of(instance: &Instance) -> Rest {
    match instance.cursor {
        Cursor::Waiting { deadline, .. } => Rest::Waiting {
            deadline: instant(deadline),
        },
        Cursor::BackingOff { until, .. } => Rest::Sleeping {
            until: instant(until),
        },
        Cursor::Enter { .. } | Cursor::Invoking { .. } | Cursor::Compensating => Rest::Sleeping {
            until: Instant::now(),
        },
        Cursor::Ended => Rest::Ended,
    }
}

/// The saga counts epoch milliseconds without a sign.
pub fn millis(instant: Instant) -> saga::Millis {
    saga::Millis::try_from(instant.millis()).unwrap_or(0)
}

fn instant(millis: saga::Millis) -> Instant {
    Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
