//! Letting a saga that is not an order's run until it waits, sleeps or ends.

use super::journal::Journal;
use super::{machines, services};
use crate::parking;
use crate::records::sagas::{self, Due, DueKind, Lease};
use crate::records::{self};
use crate::settings;
use crate::work::{self, WorkError};
use domain::Instant;
use edge::RequestContext;
use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use saga::{Command, Event, Instance, Machines, ServiceCall, ServiceError, StepId};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// After this time no further call is begun: the worker goes on in a request of its own. The host ends a request after 10 s, of which a call
/// may take most.
const TURN: Duration = Duration::from_secs(2);

/// A saga under its lease.
#[derive(Debug)]
pub struct Run {
    pub instance: Instance,
    pub lease: Lease,
    pub machines: Machines,
    failures: u32,
    /// The version that is on disk.
    stored: u64,
}

impl Run {
    /// A saga that was stored just now by whoever calls.
    pub fn of_new(instance: Instance, lease: Lease, machines: Machines) -> Run {
        Run {
            stored: instance.version,
            instance,
            lease,
            machines,
            failures: 0,
        }
    }

    /// Takes a saga's lease and loads it.
    pub async fn acquire(id: &str, ctx: &RequestContext) -> Result<Run, WorkError> {
        let taken = work::take(id, &ctx.request_id).await?;
        let pins = taken
            .pins
            .ok_or_else(|| WorkError::Broken(format!("the saga {id} is an order's")))?;
        Ok(Run {
            machines: machines::pinned(&*records::open().await?, &pins).await?,
            stored: taken.instance.version,
            instance: taken.instance,
            lease: taken.lease,
            failures: taken.failures,
        })
    }

    /// Sends `event`, lets the saga run for its turn, stores it and gives the lease back.
    ///
    /// `at`: the time that the event comes at, if it is to be acted upon before its time.
    ///
    /// # Errors
    /// [`WorkError::Conflict`] if the saga does not take the event; the lease is given back. After any other error it runs out, or the saga is
    /// put off.
    pub async fn run(
        mut self,
        event: Event,
        at: Option<Instant>,
        ctx: &RequestContext,
    ) -> Result<Instance, WorkError> {
        match self.drive(event, at, ctx).await {
            Ok(()) => {
                self.release(ctx).await?;
                Ok(self.instance)
            }
            Err(WorkError::Conflict(why)) => {
                self.release(ctx).await?;
                Err(WorkError::Conflict(why))
            }
            Err(WorkError::Busy) => Err(WorkError::Busy),
            Err(error) => {
                let failures = self.failures.saturating_add(1);
                let due = Due {
                    at: Instant::now().plus(crate::schedule::backoff(failures)),
                    kind: DueKind::Saga,
                };
                sagas::release_unchanged(&records::open().await?, &self.lease, due, failures).await?;
                Err(error)
            }
        }
    }

    async fn drive(
        &mut self,
        event: Event,
        at: Option<Instant>,
        ctx: &RequestContext,
    ) -> Result<(), WorkError> {
        let mut journal = Journal::of(ctx, &self.instance);
        let service_url = settings::saga_service_url().await?;
        let turn_ends = Instant::now().plus(TURN);
        let mut in_flight = FuturesUnordered::new();
        let mut begun: HashSet<(StepId, u32)> = HashSet::new();
        // An answer that nobody waits for any more is dropped.
        let mut awaited: HashSet<StepId> = HashSet::new();
        let mut now = at.unwrap_or_else(Instant::now).max(Instant::now());
        let mut event = event;
        loop {
            journal.received(&self.instance, &event);
            let command = self
                .machines
                .advance(&mut self.instance, event, crate::drive::millis(now))?;
            now = Instant::now();
            journal.look(&self.instance);
            // Calls may take their time.
            journal.tell();
            let wake_at = match command {
                Command::Finished | Command::WaitForEvent { .. } => return Ok(()),
                Command::Sleep { until } => Some(until),
                Command::Invoke { calls, wake_at } => {
                    awaited = calls.iter().map(|call| call.step_id.clone()).collect();
                    let fresh: Vec<ServiceCall> = calls
                        .into_iter()
                        .filter(|call| !begun.contains(&(call.step_id.clone(), call.attempt)))
                        .collect();
                    if !fresh.is_empty() && now < turn_ends {
                        // What the calls depend on is on disk before they are made: one write for all of them.
                        if fresh.iter().any(|call| call.persist) {
                            self.save().await?;
                        }
                        for call in fresh {
                            begun.insert((call.step_id.clone(), call.attempt));
                            in_flight.push(make(call, &service_url, ctx));
                        }
                    }
                    wake_at
                }
            };
            let sleep =
                wake_at.map(|until| crate::drive::instant(until).since(now).min(turn_ends.since(now)));
            let answer = match (in_flight.is_empty(), sleep) {
                // Nothing is under way, and the turn is over or the next thing is later than its end.
                (true, None) => return Ok(()),
                (true, Some(_)) if wake_at > Some(crate::drive::millis(turn_ends)) || now >= turn_ends => {
                    return Ok(());
                }
                (true, Some(pause)) => {
                    spin_sdk::time::sleep(pause).await;
                    None
                }
                (false, None) => in_flight.next().await,
                (false, Some(pause)) => {
                    let alarm = std::pin::pin!(spin_sdk::time::sleep(pause));
                    match select(in_flight.next(), alarm).await {
                        Either::Left((answer, _)) => answer,
                        // A turn that is over waits for what is under way and begins nothing.
                        Either::Right(((), next)) if Instant::now() >= turn_ends => next.await,
                        Either::Right(_) => None,
                    }
                }
            };
            now = Instant::now();
            event = match answer {
                Some((step_id, result)) if awaited.contains(&step_id) => Event::Outcome { step_id, result },
                _ => self.instance.due_event(crate::drive::millis(now)),
            };
        }
    }

    async fn save(&mut self) -> Result<(), WorkError> {
        if self.stored != self.instance.version {
            sagas::save(
                &*records::open().await?,
                &self.lease,
                &self.instance,
                Instant::now(),
            )
            .await?;
            self.stored = self.instance.version;
        }
        Ok(())
    }

    /// Stores the saga as it is and gives the lease back.
    pub async fn release(&self, ctx: &RequestContext) -> Result<(), WorkError> {
        let now = Instant::now();
        let due = self.instance.due_at().map(|at| Due {
            at: crate::drive::instant(at).max(now),
            kind: DueKind::Saga,
        });
        let db = records::open().await?;
        if self.instance.is_parked() {
            db.transact(async |tx| {
                parking::alert(tx, &self.instance, None, ctx, now).await?;
                sagas::release(tx, &self.lease, &self.instance, due, now).await?;
                Ok::<_, WorkError>(())
            })
            .await?;
        } else {
            sagas::release(&db, &self.lease, &self.instance, due, now).await?;
        }
        Ok(())
    }
}

async fn make(
    call: ServiceCall,
    service_url: &str,
    ctx: &RequestContext,
) -> (StepId, Result<Value, ServiceError>) {
    let result = services::invoke(&call, service_url, ctx).await;
    (call.step_id, result)
}
