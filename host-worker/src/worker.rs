//! The worker's parts, wired: the orders' outbox to the browsers, and what is due to the orders.

use crate::{lifecycle::OrderComponent, settings::Settings};
use anyhow::{Context, Result};
use domain::{OrderStatusChanged, topic};
use kessai_host::{Host, HostConfig, Limits};
use kessai_ops::Database;
use kessai_realtime::{OrderView, Realtime, RealtimeConfig};
use kessai_relay::{Event, MemoryLog, Relay, RelayConfig, Subscription};
use kessai_schedule::{ScheduleConfig, Scheduler, SystemClock};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Events that the browsers' feed may lie behind before it reads all watched orders anew.
const LOG_CAPACITY: usize = 8192;

/// Loads the application of the manifest.
pub(crate) async fn load_host(manifest: &Path, data: &Path, settings: &Settings) -> Result<Host> {
    let config = HostConfig {
        manifest: manifest.to_owned(),
        data_dir: data.to_owned(),
        cache_dir: cache_folder(data),
        overrides: settings.overrides(),
        limits: Limits::default(),
    };
    Host::load(config).await.context("the application does not load")
}

/// Compiled code belongs to the machine, not to the data: many data folders share it.
fn cache_folder(data: &Path) -> PathBuf {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .map_or_else(|| data.join("cache"), |cache| cache.join("kessai"))
}

/// Realtime, schedule and relay, running.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) realtime: Realtime,
    schedule: Part,
    relay: Part,
}

impl Worker {
    /// Starts all three. The databases must be migrated.
    pub(crate) async fn start(host: &Host, data: &Path, settings: &Settings) -> Result<Worker> {
        let orders = Arc::new(OrderComponent(host.lifecycle()?));
        let commits = || host.commits(Database::Orders.name());

        let realtime = Realtime::new(orders.clone(), RealtimeConfig::new(settings.value("public_url")?));
        let log = MemoryLog::new(LOG_CAPACITY);
        tokio::spawn(feed(log.subscribe(), realtime.clone()));
        let relay = Relay::open(
            &Database::Orders.file(data),
            &Database::Worker.file(data),
            Arc::new(log),
            RelayConfig::default(),
        )
        .await?;

        let hub = realtime.hub().clone();
        let watched = Arc::new(move |order_no: &domain::OrderNo| hub.is_watched(order_no));
        let scheduler = Scheduler::new(orders, watched, Arc::new(SystemClock), ScheduleConfig::default());
        tracing::info!(component = "worker", owner = scheduler.owner(), "at work");
        Ok(Worker {
            schedule: Part::start(|stop| scheduler.run(commits(), stop)),
            relay: Part::start(|stop| relay.run(commits(), stop)),
            realtime,
        })
    }

    /// Takes no new work, closes the browsers' connections, and waits for the work in hand.
    pub(crate) async fn drain(&mut self, limit: Duration) {
        tokio::join!(self.schedule.stop(), self.realtime.drain(limit));
    }

    /// The end, once nothing commits any more: hands on the last events.
    pub(crate) async fn finish(mut self) {
        self.relay.stop().await;
    }
}

/// A loop that runs until it is stopped.
#[derive(Debug)]
struct Part {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Part {
    fn start<F: Future<Output = ()> + Send + 'static>(run: impl FnOnce(CancellationToken) -> F) -> Part {
        let stop = CancellationToken::new();
        Part {
            task: tokio::spawn(run(stop.clone())),
            stop,
        }
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(component = "worker", %error, "a part of the worker had ended in a panic");
        }
    }
}

/// Brings what the relay tells to the browsers that watch.
async fn feed(mut events: Subscription, realtime: Realtime) {
    while let Some(next) = events.next().await {
        match next {
            Ok(event) => publish(&event, &realtime),
            Err(missed) => {
                tracing::warn!(component = "realtime", %missed, "reading every watched order anew");
                realtime.resync().await;
            }
        }
    }
}

fn publish(event: &Event, realtime: &Realtime) {
    if event.topic != topic::ORDERS || event.kind != OrderStatusChanged::TYPE {
        return;
    }
    match serde_json::from_str::<OrderStatusChanged>(&event.data) {
        Ok(changed) => realtime.hub().publish(OrderView::from(changed)),
        // A reader that fell behind the writer: the browsers still get their snapshots.
        Err(error) => {
            tracing::error!(component = "realtime", event = event.id, %error, "an event cannot be read")
        }
    }
}
