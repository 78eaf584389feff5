//! Rounds that one worker does for all, now and then.

use crate::WorkError;
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::time;
use tokio_util::sync::CancellationToken;

/// A round is put off by so much before each part, so that nobody else begins it meanwhile. A part is ended by the host long before.
const HOLD: Duration = Duration::from_secs(120);
/// How often a worker looks whether a round is due: another may have died in it.
const LOOK: Duration = Duration::from_secs(60);

/// When a round comes.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Under which all workers of a shop know it.
    pub name: &'static str,
    /// From the end of one to the next.
    pub every: Duration,
    /// The first of all, in a shop that has never had one.
    pub first: Duration,
    /// How long whoever takes it has it, unless they put it off.
    pub hold: Duration,
}

/// What a worker is told that asks for a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The round is theirs.
    Ours,
    /// It is due after so long.
    In(Duration),
}

/// Who of all workers does a round, and when it is due.
///
/// # Contract
///
/// Of those who `take` a round that is due, one gets it. It has it until the time is over that it last put the round off for. That time outlives the worker.
/// Two may believe that they have it for as long as their clocks differ.
pub trait Rota: Send + Sync + 'static {
    fn take<'a>(&'a self, round: &'a Round) -> BoxFuture<'a, Result<Turn, WorkError>>;

    /// `false`: it was taken from us.
    fn put_off<'a>(&'a self, round: &'a Round, by: Duration) -> BoxFuture<'a, Result<bool, WorkError>>;
}

/// One worker's part in a round.
pub(crate) struct Attendance {
    rota: Arc<dyn Rota>,
    round: Round,
}

impl Attendance {
    /// The first round of a shop comes at a random time within `first_within`.
    pub(crate) fn new(
        rota: Arc<dyn Rota>,
        name: &'static str,
        first_within: Duration,
        every: Duration,
    ) -> Attendance {
        let round = Round {
            name,
            every,
            first: first_within.mul_f64(rand::random::<f64>()),
            hold: HOLD,
        };
        Attendance { rota, round }
    }

    /// Waits until this worker has the round. `false`: `stop` came first.
    pub(crate) async fn turn(&self, stop: &CancellationToken) -> bool {
        loop {
            let wait = match stop.run_until_cancelled(self.rota.take(&self.round)).await {
                None => return false,
                Some(Ok(Turn::Ours)) => return true,
                Some(Ok(Turn::In(wait))) => wait.min(LOOK),
                Some(Err(error)) => {
                    let round = self.round.name;
                    tracing::warn!(component = "schedule", round, %error, "nobody knows whose turn it is; asking again");
                    LOOK
                }
            };
            if stop.run_until_cancelled(time::sleep(wait)).await.is_none() {
                return false;
            }
        }
    }

    /// Whether the next part may begin: nobody else has the round, nor will for as long as a part takes.
    pub(crate) async fn goes_on(&self) -> bool {
        match self.rota.put_off(&self.round, HOLD).await {
            Ok(ours) => ours,
            Err(error) => {
                let round = self.round.name;
                tracing::warn!(component = "schedule", round, %error, "given up in the middle; it will be due again");
                false
            }
        }
    }

    /// Says when the next round is due. One that `stop` ended in the middle is due at once, for whoever runs then.
    pub(crate) async fn end(&self, is_whole: bool, stop: &CancellationToken) {
        let next = match is_whole {
            true => self.round.every,
            false if stop.is_cancelled() => Duration::ZERO,
            false => HOLD,
        };
        if let Err(error) = self.rota.put_off(&self.round, next).await {
            let round = self.round.name;
            tracing::warn!(component = "schedule", round, %error, "the end is not noted: it will come again");
        }
    }
}
