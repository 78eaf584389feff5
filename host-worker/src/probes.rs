//! What `/health/ready` asks.

use crate::{alerts::AlertsProbe, redis::RedisProbe, relays::KafkaHealth};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http_body_util::Empty;
use kessai_host::Host;
use kessai_ops::{Databases, Health, Probe};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Every database, the components, the alert processor, the sandbox where it is ours, Kafka with the relay to it, and Redis where they are used.
pub(crate) fn health(
    databases: &Databases,
    host: &Host,
    sandbox: Option<SocketAddr>,
    kafka: Option<KafkaHealth>,
    redis: Option<RedisProbe>,
    alerts: AlertsProbe,
    drain: CancellationToken,
) -> Health {
    let mut probes = databases.probes();
    probes.push(Box::new(HostProbe(host.clone())));
    probes.push(Box::new(alerts));
    if let Some(address) = sandbox {
        probes.push(Box::new(SandboxProbe(address)));
    }
    if let Some(kafka) = kafka {
        probes.push(Box::new(kafka.relay()));
        probes.push(Box::new(kafka));
    }
    if let Some(redis) = redis {
        probes.push(Box::new(redis));
    }
    Health::new(probes, drain)
}

/// A request through the components, as a browser's.
struct HostProbe(Host);

impl Probe for HostProbe {
    fn name(&self) -> String {
        "components".into()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let request = http::Request::builder()
                .uri("/health")
                .header(http::header::HOST, "localhost")
                .body(Empty::<Bytes>::new())
                .map_err(|error| error.to_string())?;
            let status = self
                .0
                .handle(request, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
                .await
                .status();
            if status.is_success() {
                Ok(())
            } else {
                Err(format!("GET /health: {status}"))
            }
        }
        .boxed()
    }
}

/// Whether the sandbox takes connections.
struct SandboxProbe(SocketAddr);

impl Probe for SandboxProbe {
    fn name(&self) -> String {
        "sandbox".into()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            TcpStream::connect(self.0)
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        }
        .boxed()
    }
}
