//! From the other workers to this one's buyers.

use super::{Backoff, CHANNEL, Message};
use crate::{
    Realtime, RedisServer,
    redis_server::{ServerError, limited},
};
use futures::StreamExt;
use std::{convert::Infallible, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::interval,
};

/// How often a quiet connection is tried: one that is cut without a word would look like a quiet one for ever.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Before orders that could not be read are tried again.
const RESYNC_PAUSE: Duration = Duration::from_secs(1);

/// Listens for good, and makes up for every time that it did not.
pub(super) async fn listen(server: RedisServer, realtime: Realtime, subscribed: watch::Sender<bool>) {
    let resync = Notify::new();
    tokio::join!(
        keep_following(&server, &realtime, &subscribed, &resync),
        resync_when_told(&realtime, &resync)
    );
}

async fn keep_following(
    server: &RedisServer,
    realtime: &Realtime,
    subscribed: &watch::Sender<bool>,
    resync: &Notify,
) {
    let gauge = metrics::gauge!("kessai_fanout_subscribed");
    let mut backoff = Backoff::new();
    let mut told = false;
    loop {
        gauge.set(0.0);
        let Err(error) = follow(server, realtime, resync, || {
            gauge.set(1.0);
            subscribed.send_replace(true);
        })
        .await;
        if subscribed.send_replace(false) {
            // It had worked until now.
            (backoff, told) = (Backoff::new(), false);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(component = "realtime", %error, "changes found by other workers are not heard");
        }
        backoff.pause().await;
    }
}

/// Passes on what others publish until the connection ends.
async fn follow(
    server: &RedisServer,
    realtime: &Realtime,
    resync: &Notify,
    subscribed: impl FnOnce(),
) -> Result<Infallible, ServerError> {
    let (mut sink, mut messages) = server.subscription(CHANNEL).await?.split();
    // In this order: what happens from now on is heard, what happened before is read.
    subscribed();
    resync.notify_one();
    tracing::info!(component = "realtime", "changes found by other workers are heard");
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            message = messages.next() => {
                let message = message.ok_or(ServerError::Ended)?;
                hear(message.get_payload_bytes(), realtime, resync);
            }
            _ = heartbeat.tick() => {
                let _: redis::Value = limited(sink.ping()).await?;
            }
        }
    }
}

fn hear(message: &[u8], realtime: &Realtime, resync: &Notify) {
    match serde_json::from_slice(message) {
        Ok(Message::OrderUpdated { order }) => realtime.hub().publish(order),
        Ok(Message::Resync) => resync.notify_one(),
        // From a worker of another version, perhaps: what it tells of is read instead.
        Err(error) => {
            tracing::warn!(component = "realtime", %error, "a message of another worker cannot be read");
            resync.notify_one();
        }
    }
}

async fn resync_when_told(realtime: &Realtime, told: &Notify) {
    loop {
        told.notified().await;
        while realtime.resync().await > 0 {
            tokio::time::sleep(RESYNC_PAUSE).await;
        }
    }
}
