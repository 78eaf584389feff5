//! Where sessions are kept, as the variable `session_store` says.

use domain::Instant;
use edge::variables;
use store::{Database, StoreError};

use super::{Session, SessionId, redis, table};

/// The session store, open.
pub enum Store {
    /// `database`: the table `sessions`.
    Table(Database),
    /// `redis`
    Redis(redis::Sessions),
}

/// Whether there is a session cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Table(#[from] StoreError),
    #[error(transparent)]
    Redis(#[from] redis::Error),
    #[error(transparent)]
    Setting(#[from] variables::Error),
}

impl Store {
    pub async fn open() -> Result<Store, Failure> {
        match variables::get("session_store").await?.as_str() {
            "database" => Ok(Store::Table(Database::open("sessions").await?)),
            "redis" => Ok(Store::Redis(redis::Sessions::open().await?)),
            _ => Err(variables::Error::Invalid {
                name: "session_store".to_owned(),
                expected: "`database` or `redis`",
            }
            .into()),
        }
    }

    /// The session with this id that has not ended by `now`.
    pub async fn find(&self, id: &SessionId, now: Instant) -> Result<Option<Session>, Failure> {
        Ok(match self {
            Store::Table(db) => table::find(db, &id.hash(), now).await?,
            Store::Redis(redis) => redis.find(&id.hash(), now).await?,
        })
    }

    /// Keeps a new session. The one that the same browser had until now (`old`) ends before the new one begins: an id from before the login
    /// must not be worth anything after it. Returns whether there was such a one.
    pub async fn begin(
        self,
        old: Option<&SessionId>,
        id: &SessionId,
        session: &Session,
        now: Instant,
    ) -> Result<bool, Failure> {
        match self {
            Store::Table(db) => {
                let begun = db.transact(async |tx| {
                    let replaced = match old {
                        Some(old) => table::delete(tx, &old.hash()).await?,
                        None => false,
                    };
                    table::delete_ended(tx, now).await?;
                    table::insert(tx, &id.hash(), session, now).await?;
                    Ok::<_, StoreError>(replaced)
                });
                let (_, replaced) = begun.await?;
                Ok(replaced)
            }
            Store::Redis(redis) => {
                let replaced = match old {
                    Some(old) => redis.delete(&old.hash()).await?,
                    None => false,
                };
                redis.insert(&id.hash(), session, now).await?;
                Ok(replaced)
            }
        }
    }

    /// Ends a session at once. Returns whether there was one.
    pub async fn end(&self, id: &SessionId) -> Result<bool, Failure> {
        Ok(match self {
            Store::Table(db) => table::delete(db, &id.hash()).await?,
            Store::Redis(redis) => redis.delete(&id.hash()).await?,
        })
    }
}
