//! The alert processor in this worker: over Kafka's topics where the variables name brokers, otherwise over the outbox of this machine's shop.

use crate::{relays, settings::Settings};
use anyhow::{Context, Result};
use bytes::Bytes;
use domain::Yen;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use kessai_alerts::{
    InProcess, InProcessConfig, KafkaAlerts, KafkaConfig, Status, Store,
    http::{Denied, Gatekeeper},
    rules,
};
use kessai_host::Host;
use kessai_ops::{Database, Probe};
use kessai_relay::Lease;
use serde::Deserialize;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What can be chosen about the rules A to D.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AlertOptions {
    /// Rule A: a payment succeeded, and so many seconds later its order does not say so. Clocks may differ, so not below their difference
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 120,
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        env = "KESSAI_ALERT_UPDATE_GRACE"
    )]
    pub(crate) alert_update_grace: u32,

    /// Rule B: an order is PAID, and so many seconds later no successful payment is known
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 120,
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        env = "KESSAI_ALERT_PAYMENT_GRACE"
    )]
    pub(crate) alert_payment_grace: u32,

    /// Alerts about less money are warnings
    #[arg(
        long,
        value_name = "YEN",
        default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..=1_000_000_000),
        env = "KESSAI_ALERT_CRITICAL_YEN"
    )]
    pub(crate) alert_critical_yen: i64,
}

impl AlertOptions {
    fn rules(&self) -> Result<rules::Config> {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        Ok(rules::Config {
            update_grace: seconds(self.alert_update_grace),
            payment_grace: seconds(self.alert_payment_grace),
            critical_from: Yen::new(self.alert_critical_yen)?,
        })
    }
}

/// A worker that is gone is followed by another in publishing alerts after so long.
const LEASE: Duration = Duration::from_secs(10);
/// The lease on publishing, among those of the relays.
const LEASE_NAME: &str = "alerts";

/// Opened, and not at work yet.
pub(crate) struct Alerts {
    pub(crate) processor: Processor,
    pub(crate) store: Store,
}

impl Alerts {
    /// Kafka may be down.
    pub(crate) async fn open(data: &Path, settings: &Settings, options: &AlertOptions) -> Result<Alerts> {
        let databases = settings.databases(data)?;
        let worker = relays::source(&databases, Database::Worker);
        let store = Store::open(&worker).await?;
        let processor = match relays::kafka_settings(settings)? {
            Some(kafka) => {
                let owner = format!("worker-{}-{}", std::process::id(), Uuid::new_v4().simple());
                let lease = Lease::open(&worker, LEASE_NAME, &owner, LEASE).await?;
                let config = KafkaConfig::new(options.rules()?);
                Processor::Kafka(Box::new(KafkaAlerts::new(kafka, store.clone(), lease, config)))
            }
            None => {
                let config = InProcessConfig::new(options.rules()?);
                let orders = relays::source(&databases, Database::Orders);
                let processor = InProcess::open(orders, store.clone(), config).await;
                Processor::InProcess(Box::new(processor.context("the alert processor does not start")?))
            }
        };
        Ok(Alerts { processor, store })
    }
}

/// Where the events come from.
pub(crate) enum Processor {
    InProcess(Box<InProcess>),
    Kafka(Box<KafkaAlerts>),
}

impl Processor {
    pub(crate) fn status(&self) -> Status {
        match self {
            Processor::InProcess(processor) => processor.status(),
            Processor::Kafka(processor) => processor.status(),
        }
    }

    /// Runs until `stop`. `commits` ticks after each commit to the orders.
    pub(crate) async fn run(self, commits: watch::Receiver<u64>, stop: CancellationToken) {
        match self {
            Processor::InProcess(processor) => processor.run(commits, stop).await,
            Processor::Kafka(processor) => processor.run(stop).await,
        }
    }
}

/// Whether the processor takes events in.
pub(crate) struct AlertsProbe(pub(crate) Status);

impl Probe for AlertsProbe {
    fn name(&self) -> String {
        "alerts".into()
    }

    fn is_required(&self) -> bool {
        false
    }

    fn needs(&self) -> Vec<String> {
        let databases = [Database::Orders, Database::Worker].map(Database::check_name);
        databases.into_iter().chain(["kafka".to_owned()]).collect()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        futures::future::ready(self.0.trouble().map_or(Ok(()), Err)).boxed()
    }
}

/// Asks the shop's own `GET /auth/status` who it is, so that sessions are known in one place only. It is asked in this process, also where another host serves
/// the components: both use the same sessions.
pub(crate) struct SessionGate(Host);

impl SessionGate {
    pub(crate) fn new(host: Host) -> Arc<SessionGate> {
        Arc::new(SessionGate(host))
    }

    async fn ask(&self, headers: &HeaderMap) -> Result<String, Denied> {
        let mut request = Request::builder()
            .uri("/auth/status")
            .header(header::HOST, "localhost");
        for name in ["cookie", "x-request-id", "traceparent"] {
            for value in headers.get_all(name) {
                request = request.header(name, value);
            }
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|_| Denied::Unauthenticated)?;
        let answer = self
            .0
            .handle(request, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await;
        if answer.status() != StatusCode::OK {
            return Err(Denied::Unavailable);
        }
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|_| Denied::Unavailable)?;
        operator(&body.to_bytes())
    }
}

#[derive(Deserialize)]
struct Session {
    authenticated: bool,
    user: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    user_id: String,
    role: String,
}

/// The operator of a session's status.
fn operator(status: &[u8]) -> Result<String, Denied> {
    let session: Session = serde_json::from_slice(status).map_err(|_| Denied::Unavailable)?;
    match session.user.filter(|_| session.authenticated) {
        None => Err(Denied::Unauthenticated),
        Some(user) if user.role == "admin" => Ok(user.user_id),
        Some(_) => Err(Denied::Forbidden),
    }
}

impl Gatekeeper for SessionGate {
    fn operator<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<String, Denied>> {
        self.ask(headers).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_administrator_is_an_operator() {
        for (status, answer) in [
            (
                r#"{"authenticated":true,"user":{"userId":"u1","role":"admin","email":null}}"#,
                Ok("u1".to_owned()),
            ),
            (
                r#"{"authenticated":true,"user":{"userId":"u1","role":"buyer"}}"#,
                Err(Denied::Forbidden),
            ),
            (r#"{"authenticated":false}"#, Err(Denied::Unauthenticated)),
            (
                r#"{"authenticated":false,"user":{"userId":"u1","role":"admin"}}"#,
                Err(Denied::Unauthenticated),
            ),
            (r#"{"authenticated":true}"#, Err(Denied::Unauthenticated)),
            ("<html>", Err(Denied::Unavailable)),
        ] {
            assert_eq!(operator(status.as_bytes()), answer, "{status}");
        }
    }
}
