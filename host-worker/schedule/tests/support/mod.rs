//! The rota in memory, and tokio's clock as a time of day.

#![allow(clippy::unwrap_used)]

use domain::Instant;
use futures::{FutureExt, future::BoxFuture};
use kessai_schedule::{Clock, Rota, Round, Turn, WorkError};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time;

/// Of [`Stopped`], at the start of a test.
pub const START: i64 = 100 * 86_400_000;

pub struct Stopped(pub time::Instant);

impl Stopped {
    pub fn shared() -> Arc<Stopped> {
        Arc::new(Stopped(time::Instant::now()))
    }
}

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::from_millis(START).plus(self.0.elapsed())
    }
}

/// By round: who had it last, and when it is due.
type Entries = HashMap<&'static str, (u32, time::Instant)>;

/// Where all workers of a shop look.
#[derive(Default)]
pub struct Wall(Mutex<Entries>);

impl Wall {
    /// What one worker sees of it.
    pub fn seen_by(self: &Arc<Wall>, worker: u32) -> Arc<dyn Rota> {
        Arc::new(Seat {
            wall: Arc::clone(self),
            worker,
        })
    }

    /// Somebody whom nobody sees has the round now.
    #[allow(dead_code, reason = "not every file of tests needs it")]
    pub fn snatch(&self, round: &'static str, for_: Duration) {
        let mut entries = self.0.lock().unwrap();
        entries.insert(round, (u32::MAX, time::Instant::now() + for_));
    }
}

struct Seat {
    wall: Arc<Wall>,
    worker: u32,
}

impl Rota for Seat {
    fn take<'a>(&'a self, round: &'a Round) -> BoxFuture<'a, Result<Turn, WorkError>> {
        async move {
            let (now, mut entries) = (time::Instant::now(), self.wall.0.lock().unwrap());
            let entry = entries.entry(round.name).or_insert((0, now + round.first));
            if entry.1 > now {
                return Ok(Turn::In(entry.1 - now));
            }
            *entry = (self.worker, now + round.hold);
            Ok(Turn::Ours)
        }
        .boxed()
    }

    fn put_off<'a>(&'a self, round: &'a Round, by: Duration) -> BoxFuture<'a, Result<bool, WorkError>> {
        async move {
            let mut entries = self.wall.0.lock().unwrap();
            let entry = entries.get_mut(round.name).unwrap();
            let ours = entry.0 == self.worker;
            if ours {
                entry.1 = time::Instant::now() + by;
            }
            Ok(ours)
        }
        .boxed()
    }
}
