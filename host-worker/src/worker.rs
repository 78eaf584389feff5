//! The worker's parts, wired: the orders' outbox to the browsers, and what is due to the orders.

use crate::{
    alerts::{AlertOptions, Alerts, AlertsProbe, SessionGate},
    lifecycle::OrderComponent,
    redis::{self, RedisProbe},
    relays::{KafkaHealth, Relays},
    rounds::Roster,
    settings::Settings,
    signals,
};
use anyhow::{Context, Result};
use axum::Router;
use domain::{OrderStatusChanged, topic};
use kessai_host::{Host, HostConfig, Limits, LogSink};
use kessai_ops::{Database, SharedClock};
use kessai_realtime::{Fanout, OrderView, Realtime, RealtimeConfig};
use kessai_relay::{Event, MemoryLog, Subscription};
use kessai_schedule::{
    ArchiveConfig, Archivist, ReconcileConfig, Reconciler, ScheduleConfig, Scheduler, SystemClock,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Events that the browsers' feed may lie behind before it reads all watched orders anew.
const LOG_CAPACITY: usize = 8192;
/// How long the other workers may take to be told the last events.
const FAREWELL: Duration = Duration::from_secs(2);

/// Loads the application of the manifest. `log_sink` is shown what components log.
pub(crate) async fn load_host(
    manifest: &Path,
    data: &Path,
    settings: &Settings,
    log_sink: Option<Arc<dyn LogSink>>,
) -> Result<Host> {
    let config = HostConfig {
        manifest: manifest.to_owned(),
        data_dir: data.to_owned(),
        cache_dir: cache_folder(data),
        overrides: settings.overrides(),
        redis_authorities: redis::authorities(settings)?,
        limits: Limits::default(),
        log_sink,
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

/// What the worker does by itself, as far as there is a choice.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WorkerOptions {
    /// Archive sagas that ended so many days ago; 0: never
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(..=36_500),
        env = "KESSAI_SAGA_ARCHIVE_DAYS"
    )]
    pub(crate) saga_archive_days: u32,

    #[command(flatten)]
    pub(crate) alerts: AlertOptions,
}

impl WorkerOptions {
    fn archive(&self) -> Option<ArchiveConfig> {
        let age = Duration::from_secs(u64::from(self.saga_archive_days) * 86_400);
        (!age.is_zero()).then(|| ArchiveConfig::after(age))
    }
}

/// Realtime, schedule and relay, running.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) realtime: Realtime,
    schedule: Part,
    /// Takes no work from the orders: may end at any time.
    upkeep: Vec<Part>,
    relays: Vec<Part>,
    kafka: Option<KafkaHealth>,
    /// Ends when the relays have.
    feed: JoinHandle<()>,
    fanout: Option<Fanout>,
    redis: Option<RedisProbe>,
    alerts: Part,
    alert_status: kessai_alerts::Status,
    alert_routes: Router,
}

impl Worker {
    /// Starts everything. The databases must be migrated.
    pub(crate) async fn start(
        host: &Host,
        data: &Path,
        settings: &Settings,
        options: &WorkerOptions,
    ) -> Result<Worker> {
        // Before anything reads the time.
        let clock = SharedClock::start(&settings.databases(data)?)
            .await
            .context("the database does not tell the time")?;
        let orders = Arc::new(OrderComponent::new(host.lifecycle()?));
        let commits = || host.commits(Database::Orders.name());

        let realtime = Realtime::new(orders.clone(), RealtimeConfig::new(settings.value("public_url")?));
        let log = MemoryLog::new(LOG_CAPACITY);
        let fanout = redis::fanout(settings, &realtime)?;
        let feed = tokio::spawn(feed(log.subscribe(), realtime.clone()));
        let Relays {
            relays,
            pruner,
            kafka,
        } = Relays::open(data, settings, log).await?;

        let Alerts { processor, store } = Alerts::open(data, settings, &options.alerts).await?;
        let alert_status = processor.status();
        let gate = SessionGate::new(host.clone());
        let alert_routes = kessai_alerts::http::router(store, gate, settings.value("public_url")?);

        let hub = realtime.hub().clone();
        let watched = Arc::new(move |order_no: &domain::OrderNo| hub.is_watched(order_no));
        let sagas = orders.sagas().clone();
        let mut upkeep = vec![
            Part::start(|stop| clock.run(stop)),
            Part::start(|stop| signals::watch(sagas, stop)),
            Part::start(|stop| pruner.run(stop)),
        ];
        let rota = Roster::new(settings.databases(data)?);
        if let Some(config) = options.archive() {
            let archivist = Archivist::new(orders.clone(), Arc::new(SystemClock), rota.clone(), config);
            upkeep.push(Part::start(|stop| archivist.run(stop)));
        }
        let books = ReconcileConfig::default();
        let reconciler = Reconciler::new(orders.clone(), Arc::new(SystemClock), rota, books);
        upkeep.push(Part::start(|stop| reconciler.run(stop)));
        let scheduler = Scheduler::new(orders, watched, Arc::new(SystemClock), ScheduleConfig::default());
        tracing::info!(component = "worker", owner = scheduler.owner(), "at work");
        Ok(Worker {
            schedule: Part::start(|stop| scheduler.run(commits(), stop)),
            relays: relays
                .into_iter()
                .map(|relay| Part::start(|stop| relay.run(commits(), stop)))
                .collect(),
            alerts: Part::start(|stop| processor.run(commits(), stop)),
            alert_status,
            alert_routes,
            kafka,
            feed,
            fanout,
            redis: redis::probe(settings)?,
            upkeep,
            realtime,
        })
    }

    /// What to ask about Kafka, where there is one.
    pub(crate) fn kafka(&self) -> Option<KafkaHealth> {
        self.kafka.clone()
    }

    /// What to ask about Redis, where it is used.
    pub(crate) fn redis(&self) -> Option<RedisProbe> {
        self.redis.clone()
    }

    /// Whether alerts are raised.
    pub(crate) fn alerts(&self) -> AlertsProbe {
        AlertsProbe(self.alert_status.clone())
    }

    /// What the worker answers itself: the browsers' sockets and the operators' alerts.
    pub(crate) fn router(&self) -> Router {
        self.realtime.router().merge(self.alert_routes.clone())
    }

    /// Takes no new work, closes the browsers' connections, and waits for the work in hand.
    pub(crate) async fn drain(&mut self, limit: Duration) {
        let upkeep = futures::future::join_all(self.upkeep.iter_mut().map(Part::stop));
        tokio::join!(self.schedule.stop(), upkeep, self.realtime.drain(limit));
    }

    /// The end, once nothing commits any more: hands on the last events.
    pub(crate) async fn finish(mut self) {
        let relays = futures::future::join_all(self.relays.iter_mut().map(Part::stop));
        tokio::join!(relays, self.alerts.stop());
        // It hands on what the relays brought, and ends since they have.
        let _ = tokio::time::timeout(FAREWELL, self.feed).await;
        if let Some(fanout) = self.fanout {
            fanout.finish(FAREWELL).await;
        }
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
                realtime.resync_everywhere().await;
            }
        }
    }
}

fn publish(event: &Event, realtime: &Realtime) {
    if event.topic != topic::ORDERS || event.kind != OrderStatusChanged::TYPE {
        return;
    }
    match serde_json::from_str::<OrderStatusChanged>(&event.data) {
        Ok(changed) => realtime.publish(OrderView::from(changed)),
        // A reader that fell behind the writer: the browsers still get their snapshots.
        Err(error) => {
            tracing::error!(component = "realtime", event = event.id, %error, "an event cannot be read")
        }
    }
}
