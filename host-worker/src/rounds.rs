//! Whose turn a round is, as the schedule wants it: over the table of all workers.

use domain::Instant;
use futures::{FutureExt, future::BoxFuture};
use kessai_ops::{Databases, Rounds, Times};
use kessai_schedule::{Rota, Round, Turn, WorkError};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// This process among the workers of its shop.
#[derive(Debug)]
pub(crate) struct Roster(Rounds);

impl Roster {
    pub(crate) fn new(databases: Databases) -> Arc<Roster> {
        let owner = format!("worker-{}-{}", std::process::id(), Uuid::new_v4().simple());
        Arc::new(Roster(Rounds::new(databases, owner)))
    }
}

impl Rota for Roster {
    fn take<'a>(&'a self, round: &'a Round) -> BoxFuture<'a, Result<Turn, WorkError>> {
        let times = Times {
            first: round.first,
            every: round.every,
            hold: round.hold,
        };
        async move {
            let turn = self.0.take(round.name, times, Instant::now()).await;
            Ok(match turn.map_err(unavailable)? {
                kessai_ops::Turn::Ours => Turn::Ours,
                kessai_ops::Turn::In(wait) => Turn::In(wait),
            })
        }
        .boxed()
    }

    fn put_off<'a>(&'a self, round: &'a Round, by: Duration) -> BoxFuture<'a, Result<bool, WorkError>> {
        async move {
            let ours = self.0.put_off(round.name, by, Instant::now()).await;
            ours.map_err(unavailable)
        }
        .boxed()
    }
}

fn unavailable(error: impl std::fmt::Display) -> WorkError {
    WorkError::Unavailable(error.to_string())
}
