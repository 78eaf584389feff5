//! What the tests of the relay share: database files, and a log that remembers.

// Each test program uses its part.
#![allow(dead_code, clippy::unwrap_used)]

use domain::Instant;
use futures::{FutureExt, future::BoxFuture};
use kessai_relay::{AppendError, Event, EventLog, Positions, Relay, RelayConfig};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Files {
    directory: tempfile::TempDir,
    writer: SqliteConnection,
}

impl Files {
    pub async fn new() -> Files {
        let directory = tempfile::tempdir().unwrap();
        for (name, schema) in [
            (
                "orders",
                include_str!("../../../../migrations/sqlite/orders/0001_init.sql"),
            ),
            (
                "worker",
                include_str!("../../../../migrations/sqlite/worker/0001_init.sql"),
            ),
            (
                "worker",
                include_str!("../../../../migrations/sqlite/worker/0003_relay_leases.sql"),
            ),
        ] {
            let mut connection = open(directory.path().join(format!("{name}.db"))).await;
            sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
        }
        let writer = open(directory.path().join("orders.db")).await;
        Files { directory, writer }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.db"))
    }

    pub async fn commit(&mut self, id: &str, key: &str) {
        self.commit_at(id, key, Instant::now()).await;
    }

    pub async fn commit_at(&mut self, id: &str, key: &str, at: Instant) {
        sqlx::query(
            "INSERT INTO outbox (id, topic, key, type, data, created_at) VALUES (?1, 'orders.events.v1', ?2, 'T', '{}', ?3)",
        )
        .bind(id)
        .bind(key)
        .bind(at.millis())
        .execute(&mut self.writer)
        .await
        .unwrap();
    }

    /// How far a log has got, as it is stored.
    pub async fn position(&self, log: &str) -> i64 {
        Positions::open(&self.path("worker"))
            .await
            .unwrap()
            .of(log)
            .await
            .unwrap()
    }

    pub async fn relay(&self, log: Arc<dyn EventLog>, config: RelayConfig) -> Relay {
        Relay::open(&self.path("orders"), &self.path("worker"), log, config)
            .await
            .unwrap()
    }
}

async fn open(path: PathBuf) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .connect()
        .await
        .unwrap()
}

/// Keeps what it took, and fails as often as it is told to.
#[derive(Default)]
pub struct Recorder {
    is_shared: bool,
    taken: Mutex<Vec<String>>,
    pub failures: Mutex<u32>,
    /// Of the next batch, only so many.
    part: Mutex<Option<usize>>,
    /// While set, a batch is never taken.
    pub hangs: AtomicBool,
    changed: tokio::sync::Notify,
}

impl Recorder {
    pub fn shared() -> Arc<Recorder> {
        Arc::new(Recorder {
            is_shared: true,
            ..Recorder::default()
        })
    }

    /// The next batch is taken in part.
    pub fn take_only(&self, count: usize) {
        *self.part.lock().unwrap() = Some(count);
    }

    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    pub async fn until(&self, count: usize) {
        let wait = async {
            while self.taken().len() < count {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("only {:?}", self.taken()));
    }
}

impl EventLog for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn append<'a>(&'a self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Result<(), AppendError>> {
        async move {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(AppendError {
                    taken: 0,
                    is_retriable: true,
                    reason: "told to".into(),
                });
            }
            let count = self.part.lock().unwrap().take().unwrap_or(events.len());
            self.taken
                .lock()
                .unwrap()
                .extend(events[..count].iter().map(|event| event.id.clone()));
            self.changed.notify_one();
            if count < events.len() {
                return Err(AppendError {
                    taken: count,
                    is_retriable: true,
                    reason: "no more".into(),
                });
            }
            Ok(())
        }
        .boxed()
    }
}

/// A relay at work.
pub struct Running {
    _commits: watch::Sender<u64>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Running {
    pub fn start(relay: Relay) -> Running {
        let (commits, receiver) = watch::channel(0);
        let stop = CancellationToken::new();
        Running {
            _commits: commits,
            task: tokio::spawn(relay.run(receiver, stop.clone())),
            stop,
        }
    }

    /// As it ends with its worker's good end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As it ends with its worker's process.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Looks again and again until it is so.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("gave up waiting: {what}"));
}
