//! Sessions in Redis: `auth:session:{id_hash}` holds the document of a session and ends with it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use domain::Instant;
use edge::variables;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use spin_sdk::redis::{Connection, Error as RedisError, RedisParameter, RedisResult};

use super::{Role, Session};

/// How long all the commands for one request may take together: whoever asks gets an answer, if only that there is none.
const LIMIT: Duration = Duration::from_millis(1_800);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    #[error("Redis did not answer within {} ms", LIMIT.as_millis())]
    TimedOut,
    #[error("what Redis holds under a session's key is no session: {0}")]
    Document(#[from] serde_json::Error),
    #[error("Redis answered {0} with something else")]
    Answer(&'static str),
    #[error(transparent)]
    Setting(#[from] variables::Error),
}

/// A session as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    user_id: String,
    email: Option<String>,
    name: Option<String>,
    role: String,
    /// Epoch milliseconds.
    expires_at: i64,
}

/// A connection to the store.
pub struct Sessions(Connection);

impl Sessions {
    /// Names the server of `redis_address`; it is not asked yet everywhere, so that it is away may show only later.
    pub async fn open() -> Result<Self, Error> {
        let (host, user, password) = (
            variables::get("redis_address").await?,
            variables::get("redis_user").await?,
            variables::get("redis_password").await?,
        );
        let scheme = if variables::boolean("redis_tls").await? {
            "rediss"
        } else {
            "redis"
        };
        let address = address(scheme, &host, &user, &password);
        limited(async { Ok(Sessions(Connection::open(address).await?)) }).await
    }

    /// The session with this hash that has not ended by `now`.
    pub async fn find(&self, id_hash: &str, now: Instant) -> Result<Option<Session>, Error> {
        let document = limited(async { Ok(self.0.get(key(id_hash)).await?) }).await?;
        let session = document.map(|document| read(&document)).transpose()?;
        Ok(session.filter(|session| session.expires_at > now))
    }

    /// Keeps a session until it ends. What has ended already is not kept.
    pub async fn insert(&self, id_hash: &str, session: &Session, now: Instant) -> Result<(), Error> {
        let seconds = session.expires_at.since(now).as_secs();
        if seconds == 0 {
            return Ok(());
        }
        let arguments = [
            RedisParameter::Binary(key(id_hash).into_bytes()),
            RedisParameter::Binary(document(session)?),
            RedisParameter::Binary(b"EX".to_vec()),
            RedisParameter::Binary(seconds.to_string().into_bytes()),
        ];
        let answer = limited(async { Ok(self.0.execute("SET", arguments).await?) }).await?;
        match answer.as_slice() {
            [RedisResult::Status(status)] if status == "OK" => Ok(()),
            _ => Err(Error::Answer("SET")),
        }
    }

    /// Ends a session at once. Returns whether there was one.
    pub async fn delete(&self, id_hash: &str) -> Result<bool, Error> {
        limited(async { Ok(self.0.del([key(id_hash)]).await? > 0) }).await
    }
}

fn key(id_hash: &str) -> String {
    format!("auth:session:{id_hash}")
}

fn address(scheme: &str, host: &str, user: &str, password: &str) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    if user.is_empty() && password.is_empty() {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{}:{}@{host}", encoded(user), encoded(password))
    }
}

fn document(session: &Session) -> Result<Vec<u8>, Error> {
    Ok(serde_json::to_vec(&Kept {
        user_id: session.user_id.clone(),
        email: session.email.clone(),
        name: session.name.clone(),
        role: session.role.as_str().to_owned(),
        expires_at: session.expires_at.millis(),
    })?)
}

fn read(document: &[u8]) -> Result<Session, Error> {
    let kept: Kept = serde_json::from_slice(document)?;
    Ok(Session {
        user_id: kept.user_id,
        email: kept.email,
        name: kept.name,
        role: Role::from_name(&kept.role),
        expires_at: Instant::from_millis(kept.expires_at),
    })
}

/// A host may wait for a server that is away for longer than anybody else does.
async fn limited<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut work = pin!(work);
    let mut alarm = pin!(spin_sdk::time::sleep(LIMIT));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => alarm.as_mut().poll(cx).map(|()| Err(Error::TimedOut)),
    })
    .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_session_survives_its_document() {
        for (email, role) in [
            (Some("hana@example.com".to_owned()), Role::Admin),
            (None, Role::Buyer),
        ] {
            let session = Session {
                user_id: "u1".to_owned(),
                email,
                name: None,
                role,
                expires_at: Instant::from_millis(1_767_225_600_000),
            };
            assert_eq!(read(&document(&session).unwrap()).unwrap(), session);
        }
        assert!(matches!(read(b"{}"), Err(Error::Document(_))));
    }

    #[test]
    fn credentials_go_into_the_address_only_if_there_are_any() {
        assert_eq!(address("redis", "r:6379", "", ""), "redis://r:6379");
        assert_eq!(
            address("redis", "r:6379", "", "p@ss/"),
            "redis://:p%40ss%2F@r:6379"
        );
        assert_eq!(address("rediss", "r:6379", "shop", "x"), "rediss://shop:x@r:6379");
    }
}
