//! Many workers: a buyer is connected to one of them, and the change is found by another.
//!
//! Every worker publishes the changes it learns of on one Redis channel and listens to it. Pub/sub keeps nothing, so whoever was
//! not listening for a moment reads its watched orders anew afterwards; and a worker whose messages were lost says so, which makes all
//! the others do the same. Versions make the rest harmless: what comes twice, late or out of order is ignored by the [`Hub`](crate::Hub).

mod incoming;
mod outgoing;

pub(crate) use outgoing::Outgoing;

use crate::{OrderView, Realtime, RedisServer};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The channel of all workers of a shop.
pub(crate) const CHANNEL: &str = "kessai:orders";
/// Between two tries to reach a server that is away: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What workers tell each other, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
enum Message {
    OrderUpdated {
        order: OrderView,
    },
    /// Updates were lost that nobody can name: read every watched order anew.
    Resync,
}

/// The worker's part in it, until it is dropped.
///
/// # Contract
///
/// - What [`Realtime::publish`] is given reaches the watchers of every worker that is connected then; local ones without Redis, too.
/// - A worker that was cut off reads every order watched there anew once it listens again, until each was read.
/// - Nothing here makes anybody wait for Redis.
#[derive(Debug)]
pub struct Fanout {
    stop: CancellationToken,
    publisher: JoinHandle<()>,
    listener: JoinHandle<()>,
    subscribed: watch::Receiver<bool>,
}

impl Fanout {
    /// Joins the workers on this server, which need not be up yet. A second one for the same `realtime` publishes nothing.
    pub fn start(server: RedisServer, realtime: &Realtime) -> Fanout {
        let stop = CancellationToken::new();
        let (outgoing, queue) = Outgoing::new();
        realtime.send_to(outgoing);
        let (tell, subscribed) = watch::channel(false);
        Fanout {
            publisher: tokio::spawn(queue.publish(server.clone(), stop.clone())),
            listener: tokio::spawn(incoming::listen(server, realtime.clone(), tell)),
            subscribed,
            stop,
        }
    }

    /// Whether this worker hears the others now.
    pub fn is_subscribed(&self) -> bool {
        *self.subscribed.borrow()
    }

    /// Hands on what is queued, at most for `limit`, and leaves.
    pub async fn finish(mut self, limit: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(limit, &mut self.publisher).await.is_err() {
            tracing::warn!(
                component = "realtime",
                "other workers were not told everything: Redis does not answer"
            );
        }
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.publisher.abort();
        self.listener.abort();
    }
}

/// The wait before the next try.
#[derive(Debug)]
struct Backoff(Duration);

impl Backoff {
    fn new() -> Backoff {
        Backoff(PAUSES.0)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSES.1);
    }
}
