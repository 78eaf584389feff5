//! A Redis server: where it is, and how long it may take.

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, TlsCertificates,
    aio::{MultiplexedConnection, PubSub},
};
use std::{future::Future, time::Duration};
use tokio::time::timeout;

/// For connecting, and for each answer. A server that takes longer counts as away.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);
const PORT: u16 = 6379;

/// What went wrong with Redis.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("`{0}` is no address of a Redis server: write host:port")]
    Address(String),
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis did not answer in {} s", LIMIT.as_secs())]
    Timeout,
    #[error("Redis has ended the connection")]
    Ended,
}

/// TLS to a server, which must prove that it has the name or number of its address.
#[derive(Clone, Debug, Default)]
pub struct RedisTls {
    /// Certificates in PEM by which the proof is checked; `None`: those of the system.
    pub authorities: Option<Vec<u8>>,
}

/// A Redis server. Nothing is connected until it is asked for something.
#[derive(Clone, Debug)]
pub struct RedisServer(Client);

impl RedisServer {
    /// `address`: `host:port`, port 6379 unless given. User and password are empty for a server that asks for none. `tls`: `None` for plain text.
    ///
    /// # Errors
    /// The address or an authority is none.
    pub fn new(
        address: &str,
        user: &str,
        password: &str,
        tls: Option<RedisTls>,
    ) -> Result<RedisServer, ServerError> {
        let wrong = || ServerError::Address(address.to_owned());
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (address, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong());
        }
        let mut login = RedisConnectionInfo::default();
        if !user.is_empty() {
            login = login.set_username(user);
        }
        if !password.is_empty() {
            login = login.set_password(password);
        }
        let host = host.to_owned();
        let address = match &tls {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        };
        let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(login);
        Ok(RedisServer(match tls.and_then(|tls| tls.authorities) {
            None => Client::open(info)?,
            authorities => Client::build_with_tls(
                info,
                TlsCertificates {
                    client_tls: None,
                    root_cert: authorities,
                },
            )?,
        }))
    }

    /// Whether it lets us in and answers.
    ///
    /// # Errors
    /// It does not, within 2 s.
    pub async fn ping(&self) -> Result<(), ServerError> {
        let mut connection = self.connection().await?;
        Ok(redis::cmd("PING").exec_async(&mut connection).await?)
    }

    pub(crate) async fn connection(&self) -> Result<MultiplexedConnection, ServerError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(LIMIT))
            .set_response_timeout(Some(LIMIT));
        limited(self.0.get_multiplexed_async_connection_with_config(&config)).await
    }

    pub(crate) async fn subscription(&self, channel: &str) -> Result<PubSub, ServerError> {
        limited(async {
            let mut subscription = self.0.get_async_pubsub().await?;
            subscription.subscribe(channel).await?;
            Ok(subscription)
        })
        .await
    }
}

pub(crate) async fn limited<T>(
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, ServerError> {
    match timeout(LIMIT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ServerError::Timeout),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_a_host_with_or_without_a_port() {
        for (address, host, port) in [
            ("redis:6380", "redis", 6380),
            ("redis", "redis", 6379),
            ("[::1]:6380", "::1", 6380),
            ("[::1]", "::1", 6379),
        ] {
            let server = RedisServer::new(address, "", "", None).unwrap();
            let ConnectionAddr::Tcp(seen, number) = server.0.get_connection_info().addr() else {
                panic!("{address}");
            };
            assert_eq!((seen.as_str(), *number), (host, port), "{address}");
        }
        for wrong in ["", ":6379", "redis:", "redis:x", "redis:70000"] {
            assert!(
                matches!(
                    RedisServer::new(wrong, "", "", None),
                    Err(ServerError::Address(_))
                ),
                "{wrong}"
            );
        }
    }
}
