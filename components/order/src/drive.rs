//! Letting an order's saga run until it waits, sleeps or ends.

use crate::sagas::journal::Journal;
use crate::sagas::machines;
use crate::steps;
use crate::work::{Work, WorkError};
use domain::Instant;
use edge::RequestContext;
use saga::{Command, Event, Instance};
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
    /// Before it tries a failed step, or what stopped it, again.
    Sleeping {
        until: Instant,
    },
    Ended,
}

/// Runs the saga on from `event`.
///
/// The order is written before anybody else is called whenever it has changed since it was last written; the outcome of a call is not: every
/// service records it under the step id, so a saga that was stored earlier asks again and gets the same answer. So an order's way to its
/// code costs two transactions here, whatever the number of steps.
pub async fn drive(work: &mut Work, event: Event, ctx: &RequestContext) -> Result<Rest, WorkError> {
    drive_from(work, event, Instant::now(), ctx).await
}

/// The same; `at` is the time that the event comes at, later than now if a pause is to be cut short.
pub async fn drive_from(
    work: &mut Work,
    event: Event,
    at: Instant,
    ctx: &RequestContext,
) -> Result<Rest, WorkError> {
    let machines = machines::of_orders().await?;
    let mut journal = Journal::of(ctx, &work.instance);
    let mut event = event;
    let mut now = at;
    loop {
        journal.received(&work.instance, &event);
        let command = machines.advance(&mut work.instance, event, millis(now))?;
        journal.look(&work.instance);
        match command {
            Command::Invoke { calls, .. } => {
                // The machine has no loops, so there is one call at a time; of several, the others would come again.
                let Some(call) = calls.into_iter().next() else {
                    return Err(WorkError::Broken("nothing to call".to_owned()));
                };
                if work.order.changes.row && !steps::is_local(&call) {
                    journal.tell();
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
            Command::Finished => return Ok(rest_of(&work.instance)),
        }
        now = Instant::now();
    }
}

/// Where a saga stands that was not touched.
pub fn rest_of(instance: &Instance) -> Rest {
    match instance.due_at().map(self::instant) {
        None => Rest::Ended,
        Some(deadline) if instance.waiting_in().is_some() => Rest::Waiting { deadline },
        Some(until) => Rest::Sleeping {
            until: until.max(Instant::now()),
        },
    }
}

/// The saga counts epoch milliseconds without a sign.
pub fn millis(instant: Instant) -> saga::Millis {
    saga::Millis::try_from(instant.millis()).unwrap_or(0)
}

pub fn instant(millis: saga::Millis) -> Instant {
    Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
