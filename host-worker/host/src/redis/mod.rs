//! `spin:redis` for components: for each address one socket that everybody shares.
//!
//! Commands are pipelined on the socket, so that none waits for another's answer. A server that is away costs a command at most [`LIMIT`]; the next
//! command tries again.

pub(crate) mod host;

use crate::http::allowed_hosts::AllowedHosts;
use redis::{
    Client, Cmd, ConnectionAddr, FromRedisValue, RedisError, RedisResult, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// From the command to its answer, a new connection included.
const LIMIT: Duration = Duration::from_millis(1_500);
/// For the connection alone, so that a server that does not answer leaves some time to say so.
const CONNECT: Duration = Duration::from_millis(1_200);

/// The servers of the application, by address.
pub(crate) struct Servers {
    /// In PEM; `None`: the system's.
    authorities: Option<Vec<u8>>,
    open: Mutex<HashMap<String, Server>>,
}

/// A guest's connection.
#[derive(Clone)]
struct Server {
    /// Host and port, for messages.
    name: Arc<str>,
    socket: ConnectionManager,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("not an address of a Redis server that the component may reach")]
    Address,
    #[error("the Redis server {0} did not answer in time")]
    TimedOut(Arc<str>),
    #[error("the Redis server {server}: {source}")]
    Failed { server: Arc<str>, source: RedisError },
}

impl Servers {
    pub(crate) fn new(authorities: Option<Vec<u8>>) -> Servers {
        Servers {
            authorities,
            open: Mutex::default(),
        }
    }

    fn open(&self, address: &str, hosts: &AllowedHosts) -> Result<Server, Error> {
        let client = Client::open(address).map_err(|_| Error::Address)?;
        let (scheme, host, port) = match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => ("redis", host, *port),
            ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, *port),
            // No socket files: the manifest allows hosts.
            _ => return Err(Error::Address),
        };
        if !hosts.allow_host(scheme, host, port) {
            tracing::warn!(host, port, "refused: not in allowed_outbound_hosts");
            return Err(Error::Address);
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = open.get(address) {
            return Ok(server.clone());
        }
        let name: Arc<str> = format!("{host}:{port}").into();
        let failed = |source| Error::Failed {
            server: Arc::clone(&name),
            source,
        };
        let client = match &self.authorities {
            Some(authorities) if scheme == "rediss" => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(authorities.clone()),
                };
                Client::build_with_tls(address, certificates).map_err(failed)?
            }
            _ => client,
        };
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(LIMIT))
            // Whoever asks next tries again; nobody waits for a server that is away.
            .set_number_of_retries(0);
        let socket = ConnectionManager::new_lazy_with_config(client, config).map_err(failed)?;
        let server = Server { name, socket };
        open.insert(address.to_owned(), server.clone());
        Ok(server)
    }
}

impl Server {
    /// Sends a command. One that does no harm twice is sent again, once, if the connection turns out to be an old one that the server has closed.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd, harmless_twice: bool) -> Result<T, Error> {
        let limit = Instant::now() + LIMIT;
        let mut answer = self.send(command, limit).await?;
        if harmless_twice && answer.as_ref().is_err_and(RedisError::is_connection_dropped) {
            answer = self.send(command, limit).await?;
        }
        answer.map_err(|source| Error::Failed {
            server: Arc::clone(&self.name),
            source,
        })
    }

    async fn send<T: FromRedisValue>(&self, command: &Cmd, limit: Instant) -> Result<RedisResult<T>, Error> {
        let mut socket = self.socket.clone();
        timeout_at(limit, command.query_async(&mut socket))
            .await
            .map_err(|_| Error::TimedOut(Arc::clone(&self.name)))
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Servers")
    }
}
