//! `/health/live` and `/health/ready`.

use crate::Database;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use futures::{FutureExt, future::BoxFuture};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A dependency that takes longer is not ready.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// One dependency.
///
/// # Contract
///
/// `check` changes nothing, may run at any time and any number of times at once, and may be dropped half-way.
pub trait Probe: Send + Sync + 'static {
    fn name(&self) -> String;

    /// Whether buyers are turned away without it. Otherwise it is only shown.
    fn is_required(&self) -> bool {
        true
    }

    /// Names of the checks without which this one cannot succeed. While one of them fails, this one only waits for it.
    fn needs(&self) -> Vec<String> {
        Vec::new()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// Reads one row of a database file.
#[derive(Clone, Debug)]
pub struct DatabaseProbe {
    pub database: Database,
    pub data: PathBuf,
}

impl Probe for DatabaseProbe {
    fn name(&self) -> String {
        self.database.check_name()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let mut connection = self
                .database
                .open_read_only(&self.data)
                .await
                .map_err(|error| error.to_string())?;
            let _: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
                .fetch_one(&mut connection)
                .await
                .map_err(|error| error.to_string())?;
            Ok(())
        }
        .boxed()
    }
}

struct Shared {
    probes: Vec<Box<dyn Probe>>,
    drain: CancellationToken,
}

/// The process's health. Clones are the same health.
#[derive(Clone)]
pub struct Health(Arc<Shared>);

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.probes.iter().map(|probe| probe.name()).collect();
        f.debug_struct("Health").field("probes", &names).finish()
    }
}

/// What `/health/ready` answers.
#[derive(Debug, Serialize)]
struct Readiness {
    /// `ready`, `degraded` (buyers are served, something else waits), `unready` or `draining`.
    status: &'static str,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    ok: bool,
    required: bool,
    /// Milliseconds.
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The failing checks that this one needs: the fault is there, not here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waits_for: Vec<String>,
}

impl Health {
    /// Ready while every required probe succeeds and `drain` has not begun.
    pub fn new(probes: Vec<Box<dyn Probe>>, drain: CancellationToken) -> Health {
        Health(Arc::new(Shared { probes, drain }))
    }

    /// `GET /health/live`: the process answers. `GET /health/ready`: it can serve buyers, with each dependency timed; 503 if not.
    pub fn router(&self) -> Router {
        Router::new()
            .route(
                "/health/live",
                get(async || Json(serde_json::json!({ "status": "live" }))),
            )
            .route("/health/ready", get(ready))
            .with_state(self.clone())
    }
}

async fn ready(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let probes = &health.0.probes;
    let mut checks = futures::future::join_all(probes.iter().map(|probe| timed(probe.as_ref()))).await;
    let failing: BTreeSet<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| check.name.clone())
        .collect();
    for (probe, check) in probes.iter().zip(&mut checks).filter(|(_, check)| !check.ok) {
        check.waits_for = probe.needs();
        check.waits_for.retain(|needed| failing.contains(needed));
    }
    let serves = checks.iter().all(|check| check.ok || !check.required);
    let (code, status) = if health.0.drain.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if !serves {
        (StatusCode::SERVICE_UNAVAILABLE, "unready")
    } else if checks.iter().all(|check| check.ok) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::OK, "degraded")
    };
    (code, Json(Readiness { status, checks }))
}

async fn timed(probe: &dyn Probe) -> Check {
    let started = Instant::now();
    let result = tokio::time::timeout(PROBE_LIMIT, probe.check())
        .await
        .unwrap_or_else(|_| Err(format!("no answer in {} s", PROBE_LIMIT.as_secs())));
    let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    Check {
        name: probe.name(),
        ok: result.is_ok(),
        required: probe.is_required(),
        ms,
        error: result.err(),
        waits_for: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn probes(data: &std::path::Path) -> Vec<Box<dyn Probe>> {
        let probe = |database| {
            Box::new(DatabaseProbe {
                database,
                data: data.to_owned(),
            }) as Box<dyn Probe>
        };
        vec![probe(Database::Orders), probe(Database::Worker)]
    }

    #[tokio::test]
    async fn a_worker_is_ready_while_every_dependency_answers() {
        let data = tempfile::tempdir().unwrap();
        crate::migrate(data.path()).await.unwrap();
        let drain = CancellationToken::new();
        let health = Health::new(probes(data.path()), drain.clone());
        let (code, Json(answer)) = ready(State(health.clone())).await;
        assert_eq!((code, answer.status), (StatusCode::OK, "ready"), "{answer:?}");

        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(data.path().join(format!("orders.db{suffix}")));
        }
        let (code, Json(answer)) = ready(State(health.clone())).await;
        assert_eq!(
            (code, answer.status),
            (StatusCode::SERVICE_UNAVAILABLE, "unready")
        );
        let broken: Vec<&str> = answer
            .checks
            .iter()
            .filter(|check| !check.ok)
            .map(|check| check.name.as_str())
            .collect();
        assert_eq!(broken, ["database orders"]);

        crate::migrate(data.path()).await.unwrap();
        drain.cancel();
        let (code, Json(answer)) = ready(State(health)).await;
        assert_eq!(
            (code, answer.status),
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        );
    }

    /// What it is called, and what it needs.
    struct Away(&'static str, &'static [&'static str]);

    impl Probe for Away {
        fn name(&self) -> String {
            self.0.into()
        }

        fn needs(&self) -> Vec<String> {
            self.1.iter().map(|name| (*name).to_owned()).collect()
        }

        fn is_required(&self) -> bool {
            false
        }

        fn check(&self) -> BoxFuture<'_, Result<(), String>> {
            futures::future::ready(Err("no answer".to_owned())).boxed()
        }
    }

    #[tokio::test]
    async fn what_buyers_do_not_need_turns_none_away() {
        let health = Health::new(vec![Box::new(Away("away", &[]))], CancellationToken::new());
        let (code, Json(answer)) = ready(State(health)).await;
        assert_eq!((code, answer.status), (StatusCode::OK, "degraded"));
        assert_eq!(answer.checks[0].error.as_deref(), Some("no answer"));
    }

    #[tokio::test]
    async fn what_waits_for_another_part_says_so_and_the_fault_stays_with_that() {
        let data = tempfile::tempdir().unwrap();
        crate::migrate(data.path()).await.unwrap();
        let mut all = probes(data.path());
        all.push(Box::new(Away("relay", &["database orders", "database worker"])));
        all.push(Box::new(Away("kafka", &[])));
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(data.path().join(format!("worker.db{suffix}")));
        }
        let health = Health::new(all, CancellationToken::new());
        let (_, Json(answer)) = ready(State(health)).await;
        let seen: Vec<(&str, bool, Vec<&str>)> = answer
            .checks
            .iter()
            .map(|check| {
                let waits_for = check.waits_for.iter().map(String::as_str).collect();
                (check.name.as_str(), check.ok, waits_for)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("database orders", true, vec![]),
                ("database worker", false, vec![]),
                ("relay", false, vec!["database worker"]),
                ("kafka", false, vec![]),
            ]
        );
    }
}
