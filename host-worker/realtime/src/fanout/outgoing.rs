//! From this worker to the others.

use super::{Backoff, CHANNEL, Message};
use crate::{OrderView, RedisServer, redis_server::ServerError};
use redis::aio::MultiplexedConnection;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages that wait while Redis is away. More are lost, and the others then read anew.
const QUEUE: usize = 4096;
/// Messages in one round trip.
const BATCH: usize = 128;

const FAILURES: &str = "kessai_fanout_publish_failures_total";

/// Where messages are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    queue: mpsc::Sender<Message>,
    lost: Arc<AtomicBool>,
}

impl Outgoing {
    pub(super) fn new() -> (Outgoing, Queue) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let lost = Arc::new(AtomicBool::new(false));
        let outgoing = Outgoing {
            queue: sender,
            lost: Arc::clone(&lost),
        };
        // So that a worker without failures shows none, and not nothing.
        for reason in ["redis", "queue_full"] {
            metrics::counter!(FAILURES, "reason" => reason).increment(0);
        }
        (
            outgoing,
            Queue {
                messages: receiver,
                lost,
            },
        )
    }

    /// Never waits.
    pub(crate) fn offer(&self, view: OrderView) {
        self.enqueue(Message::OrderUpdated { order: view });
    }

    /// Makes the others read anew. Never waits.
    pub(crate) fn ask_for_resync(&self) {
        self.enqueue(Message::Resync);
    }

    fn enqueue(&self, message: Message) {
        // A queue that is closed belongs to a worker that is leaving: whoever takes over tells the rest.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(message) {
            self.lost.store(true, Ordering::Release);
            metrics::counter!(FAILURES, "reason" => "queue_full").increment(1);
        }
    }
}

/// What waits to be published.
#[derive(Debug)]
pub(super) struct Queue {
    messages: mpsc::Receiver<Message>,
    /// One did not fit in. The queue was full then, so this is seen without a signal of its own.
    lost: Arc<AtomicBool>,
}

impl Queue {
    /// Publishes until `stop`, then what is left. A batch whose fate is unknown is published again.
    pub(super) async fn publish(mut self, server: RedisServer, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut connection = None;
        let mut backoff = Backoff::new();
        let mut failing = false;
        loop {
            if batch.is_empty() && !self.fill(&mut batch, &stop).await {
                return;
            }
            let lost = self.lost.swap(false, Ordering::AcqRel);
            match send(&server, &mut connection, &batch, lost).await {
                Ok(()) => {
                    batch.clear();
                    backoff = Backoff::new();
                    if std::mem::take(&mut failing) {
                        tracing::info!(component = "realtime", "other workers are told of changes again");
                    }
                }
                Err(error) => {
                    connection = None;
                    self.lost.fetch_or(lost, Ordering::AcqRel);
                    metrics::counter!(FAILURES, "reason" => "redis").increment(1);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(component = "realtime", %error, "other workers are not told of changes");
                    }
                    backoff.pause().await;
                }
            }
        }
    }

    /// The next messages; `false` once there will be none.
    async fn fill(&mut self, batch: &mut Vec<Message>, stop: &CancellationToken) -> bool {
        tokio::select! {
            received = self.messages.recv_many(batch, BATCH) => received > 0,
            () = stop.cancelled() => {
                self.messages.close();
                self.messages.recv_many(batch, BATCH).await > 0
            }
        }
    }
}

async fn send(
    server: &RedisServer,
    kept: &mut Option<MultiplexedConnection>,
    batch: &[Message],
    lost: bool,
) -> Result<(), ServerError> {
    let mut commands = redis::pipe();
    let mut publish = |message: &Message| {
        // Strings, numbers and enums of our own: serialising them cannot fail.
        let text = serde_json::to_string(message).unwrap_or_default();
        commands.cmd("PUBLISH").arg(CHANNEL).arg(text).ignore();
    };
    batch.iter().for_each(&mut publish);
    if lost {
        publish(&Message::Resync);
    }
    let connection = match kept {
        Some(connection) => connection,
        None => kept.insert(server.connection().await?),
    };
    Ok(commands.exec_async(connection).await?)
}
