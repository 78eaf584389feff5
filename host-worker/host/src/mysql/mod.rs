//! `spin:mysql` for components: for each address a pool of sessions.
//!
//! A guest's *connection* is only a name until its first statement, which takes a session out of the pool; every later statement runs on
//! that same session, so that `ROW_COUNT()` and transactions mean what they say. When the guest drops the connection, or is
//! dropped itself, the session goes back: at once if it can have kept nothing, else after what it has kept is rolled back or reset. A session
//! that was given up in the middle of a statement, or failed, is closed instead; the server then rolls back.
//!
//! Everything goes through the protocol of prepared statements, as in Spin, so that what runs here runs there. Here statements stay prepared.
//!
//! **No wait is without an end.** For a free session, for the connection and for each statement there is a limit ([`MySqlLimits`]), and the
//! request's deadline for all of them. The server is told the same, so that a statement nobody waits for any more does not keep its locks.

mod address;
mod connection;
pub(crate) mod host;
mod pool;
mod session;
mod value;

use self::{connection::Connection, pool::Pool};
use crate::{config::MySqlLimits, http::allowed_hosts::AllowedHosts};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Instant,
};
use tokio::sync::watch;

/// The pools of the application, by address.
#[derive(Debug)]
pub(crate) struct Servers {
    limits: MySqlLimits,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
    /// Connections that may hold a session.
    lent: Mutex<Vec<Weak<Connection>>>,
    /// By schema.
    commits: Mutex<HashMap<String, Arc<watch::Sender<u64>>>>,
}

impl Servers {
    pub(crate) fn new(limits: MySqlLimits) -> Self {
        Self {
            limits,
            pools: Mutex::default(),
            lent: Mutex::default(),
            commits: Mutex::default(),
        }
    }

    /// Changes after every commit that this process makes to the schema.
    pub(crate) fn commits(&self, schema: &str) -> watch::Receiver<u64> {
        self.committed(schema).subscribe()
    }

    fn committed(&self, schema: &str) -> Arc<watch::Sender<u64>> {
        let mut commits = lock(&self.commits);
        Arc::clone(
            commits
                .entry(schema.to_owned())
                .or_insert_with(|| Arc::new(watch::Sender::new(0))),
        )
    }

    /// A guest's connection to an address that its manifest entry allows.
    fn open(&self, address: &str, hosts: &AllowedHosts) -> Result<Arc<Connection>, Error> {
        let options = address::parse(address, &self.limits)?;
        let (host, port) = (options.ip_or_hostname(), options.tcp_port());
        if !hosts.allow_host("mysql", host, port) {
            return Err(Error::Denied(format!("{host}:{port}")));
        }
        let pool = {
            let mut pools = lock(&self.pools);
            match pools.get(address) {
                Some(pool) => Arc::clone(pool),
                None => {
                    let commits = self.committed(options.db_name().unwrap_or_default());
                    let pool = Arc::new(Pool::new(options, self.limits.clone(), commits));
                    pools.insert(address.to_owned(), Arc::clone(&pool));
                    pool
                }
            }
        };
        let connection = Arc::new(Connection::new(pool));
        lock(&self.lent).push(Arc::downgrade(&connection));
        Ok(connection)
    }

    /// Takes back sessions that outlived their request, and closes those that nobody has used for long.
    pub(crate) fn expire(&self, now: Instant) {
        let lent: Vec<_> = {
            let mut lent = lock(&self.lent);
            lent.retain(|connection| connection.strong_count() > 0);
            lent.iter().filter_map(Weak::upgrade).collect()
        };
        for connection in lent {
            connection.expire(now);
        }
        let pools: Vec<_> = lock(&self.pools).values().cloned().collect();
        for pool in pools {
            pool.close_idle(now);
        }
    }
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("not an address of a MySQL server: {0}")]
    Address(String),
    #[error("{0} is not in allowed_outbound_hosts")]
    Denied(String),
    #[error("no session with {0} was free in time; all of the pool's are at work")]
    Exhausted(String),
    #[error("{server} does not take the connection: {reason}")]
    Connect { server: String, reason: String },
    #[error("the statement did not end in time; its session was closed")]
    TimedOut,
    #[error("the session broke: {0}")]
    Broken(mysql_async::Error),
    #[error("an earlier statement lost this connection's session, and what it had not committed")]
    Lost,
    /// The server's no. Shown as Spin shows it.
    #[error("{0:?}")]
    Refused(mysql_async::Error),
    #[error("{0}")]
    Parameters(mysql_async::DriverError),
    #[error("column `{column}`: {reason}")]
    Value { column: String, reason: String },
    #[error("the result is larger than {0} bytes; select fewer rows")]
    TooLarge(usize),
}

/// The values behind these locks are whole between any two statements, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
