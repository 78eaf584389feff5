//! The sessions with one server under one login.

use super::{
    Error,
    host::{Column, DbValue, ParameterValue},
    lock,
    session::{Kind, Trace},
    value,
};
use crate::{config::MySqlLimits, crash};
use metrics::{Gauge, Histogram, gauge, histogram};
use mysql_async::{Conn, DriverError, Opts, Params, ServerError, prelude::Queryable};
use std::{
    fmt, mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{timeout, timeout_at},
};

/// Bytes of one result, counted as the component will hold it.
const MAX_RESULT_BYTES: usize = 32 << 20;
/// A session that was idle for longer is asked whether it still lives.
const FRESH: Duration = Duration::from_secs(1);
/// How long such a question may take.
const PING: Duration = Duration::from_secs(1);
/// A session that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How long a session may take to forget what it was used for.
const CLEANING: Duration = Duration::from_secs(2);
/// The server's words for the end of a session or of itself: shutdown, killed, too long idle, read-only after a failover.
const FATAL: &[u16] = &[
    1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1290, 1927, 4031,
];

pub(super) struct Pool {
    options: Opts,
    limits: MySqlLimits,
    permits: Arc<Semaphore>,
    /// The one used last is taken first.
    idle: Mutex<Vec<Idle>>,
    commits: Arc<watch::Sender<u64>>,
    /// Sessions may be given back where there is no runtime.
    runtime: Handle,
    waited: Histogram,
    lent: Gauge,
}

struct Idle {
    session: Conn,
    since: Instant,
}

/// What came out of a statement.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<DbValue>>,
}

impl Pool {
    pub(super) fn new(options: Opts, limits: MySqlLimits, commits: Arc<watch::Sender<u64>>) -> Self {
        let schema = options.db_name().unwrap_or_default().to_owned();
        Self {
            permits: Arc::new(Semaphore::new(limits.sessions)),
            idle: Mutex::default(),
            commits,
            runtime: Handle::current(),
            waited: histogram!("kessai_mysql_session_wait_seconds", "schema" => schema.clone()),
            lent: gauge!("kessai_mysql_sessions_in_use", "schema" => schema),
            options,
            limits,
        }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.options.ip_or_hostname(), self.options.tcp_port())
    }

    fn schema(&self) -> &str {
        self.options.db_name().unwrap_or_default()
    }

    /// A session, behind everybody who came earlier.
    pub(super) async fn lend(self: &Arc<Self>, deadline: Instant) -> Result<Lease, Error> {
        let started = Instant::now();
        let limit = deadline.min(started + self.limits.acquire);
        let waiting = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = timeout_at(limit.into(), waiting).await else {
            return Err(Error::Exhausted(self.server()));
        };
        self.waited.record(started.elapsed());
        let session = match self.take_living().await {
            Some(session) => session,
            None => self.connect(deadline).await?,
        };
        self.lent.increment(1);
        Ok(Lease {
            session: Some(session),
            pool: Arc::clone(self),
            trace: Trace::Nothing,
            by_itself: true,
            wrote: false,
            permit: Some(permit),
        })
    }

    async fn take_living(&self) -> Option<Conn> {
        let Idle { mut session, since } = lock(&self.idle).pop()?;
        if since.elapsed() < FRESH {
            return Some(session);
        }
        if matches!(timeout(PING, session.ping()).await, Ok(Ok(()))) {
            return Some(session);
        }
        // The others have seen the same end.
        self.forget_idle();
        None
    }

    async fn connect(&self, deadline: Instant) -> Result<Conn, Error> {
        let limit = deadline.min(Instant::now() + self.limits.connect);
        let reason = match timeout_at(limit.into(), Conn::new(self.options.clone())).await {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let server = self.server();
        tracing::warn!(server, reason, "no session with the MySQL server");
        Err(Error::Connect { server, reason })
    }

    fn put_back(&self, session: Conn) {
        let since = Instant::now();
        lock(&self.idle).push(Idle { session, since });
    }

    fn forget_idle(&self) {
        let idle = mem::take(&mut *lock(&self.idle));
        let _guard = self.runtime.enter();
        drop(idle);
    }

    pub(super) fn close_idle(&self, now: Instant) {
        let old: Vec<Idle> = lock(&self.idle)
            .extract_if(.., |idle| now.saturating_duration_since(idle.since) > IDLE)
            .collect();
        let _guard = self.runtime.enter();
        drop(old);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("server", &self.server())
            .field("schema", &self.schema())
            .finish_non_exhaustive()
    }
}

/// A session in use. Dropping it cleans the session and gives it back.
pub(super) struct Lease {
    /// `None` while a statement runs and after one that broke it.
    session: Option<Conn>,
    pool: Arc<Pool>,
    trace: Trace,
    /// Each statement commits by itself.
    by_itself: bool,
    /// Something written is not committed yet.
    wrote: bool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Runs one statement. If it fails with anything but the server's no, or this future is dropped, the session is gone: [`Self::is_lost`].
    pub(super) async fn run(
        &mut self,
        sql: &str,
        parameters: Vec<ParameterValue>,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let mut session = self.session.take().ok_or(Error::Lost)?;
        let kind = Kind::of(sql);
        let durable = match kind {
            Kind::Commit => self.wrote,
            Kind::Write => self.by_itself,
            _ => false,
        };
        if durable {
            crash::at(crash::Point::BeforeCommit, self.pool.schema());
        }
        let limit = deadline.min(Instant::now() + self.pool.limits.statement);
        let outcome = timeout_at(limit.into(), execute(&mut session, sql, parameters)).await;
        let outcome = outcome.unwrap_or(Err(Error::TimedOut));
        if outcome.as_ref().is_err_and(breaks) {
            // What ended one session, a shutdown most likely, has ended the idle ones too.
            if matches!(outcome, Err(Error::Broken(_))) {
                self.pool.forget_idle();
            }
            return outcome;
        }
        self.session = Some(session);
        // Also of a statement that failed: it may have done a part.
        self.trace = self.trace.max(kind.trace());
        if outcome.is_ok() {
            self.count(kind, durable, sql);
        }
        outcome
    }

    fn count(&mut self, kind: Kind, durable: bool, sql: &str) {
        match kind {
            Kind::Begin => self.by_itself = false,
            Kind::Write => self.wrote = !self.by_itself,
            Kind::Commit | Kind::Rollback => {
                self.wrote = false;
                // After `SET autocommit=1`; after COMMIT the session may or may not begin anew, and cleaning it finds out.
                self.by_itself |= kind == Kind::Commit && sql.contains('=');
            }
            Kind::Read | Kind::Other => {}
        }
        if durable {
            self.pool.commits.send_modify(|commits| *commits += 1);
            crash::at(crash::Point::AfterCommit, self.pool.schema());
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.session.is_none()
    }

    pub(super) fn is_clean(&self) -> bool {
        self.trace == Trace::Nothing
    }
}

/// Whether nobody knows in which state a failure leaves the session, or the client has closed it: it does so at each error of its own.
fn breaks(error: &Error) -> bool {
    !matches!(error, Error::Refused(_) | Error::Value { .. })
}

async fn execute(session: &mut Conn, sql: &str, parameters: Vec<ParameterValue>) -> Result<Outcome, Error> {
    let parameters: Vec<_> = parameters.into_iter().map(value::parameter).collect();
    let parameters = if parameters.is_empty() {
        Params::Empty
    } else {
        Params::Positional(parameters)
    };
    let mut result = session.exec_iter(sql, parameters).await.map_err(explain)?;
    let columns: Vec<Column> = result.columns_ref().iter().map(value::column).collect();
    let mut rows = Vec::new();
    let mut bytes = 0;
    let mut failed = None;
    // To the last row even if one has no value here: then the session can be used on.
    while let Some(row) = result.next().await.map_err(explain)? {
        if failed.is_some() {
            continue;
        }
        match value::row(row, &columns) {
            Ok(row) => {
                bytes += value::bytes(&row);
                if bytes > MAX_RESULT_BYTES {
                    return Err(Error::TooLarge(MAX_RESULT_BYTES));
                }
                rows.push(row);
            }
            Err(error) => failed = Some(error),
        }
    }
    result.drop_result().await.map_err(explain)?;
    match failed {
        None => Ok(Outcome { columns, rows }),
        Some(error) => Err(error),
    }
}

fn explain(error: mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(ServerError { code, .. }) if !FATAL.contains(&code) => {
            Error::Refused(error)
        }
        mysql_async::Error::Driver(
            error @ (DriverError::StmtParamsMismatch { .. }
            | DriverError::StmtParamsNumberExceedsLimit { .. }
            | DriverError::MixedParams),
        ) => Error::Parameters(error),
        error => Error::Broken(error),
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (permit, pool) = (self.permit.take(), Arc::clone(&self.pool));
        pool.lent.decrement(1);
        let Some(mut session) = self.session.take() else {
            return;
        };
        let trace = self.trace;
        if trace == Trace::Nothing {
            pool.put_back(session);
            return;
        }
        self.pool.runtime.spawn(async move {
            let cleaned = timeout(CLEANING, clean(&mut session, trace)).await;
            match cleaned {
                Ok(Ok(true)) => pool.put_back(session),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(server = pool.server(), %error, "a session could not be cleaned and was closed");
                }
                Err(_) => tracing::warn!(
                    server = pool.server(),
                    "a session was not cleaned in time and was closed"
                ),
            }
            drop(permit);
        });
    }
}

/// Takes back what was not committed and, where more than that may be left, everything. False: the server cannot.
async fn clean(session: &mut Conn, trace: Trace) -> mysql_async::Result<bool> {
    if trace == Trace::Anything {
        return session.reset().await;
    }
    // ROLLBACK first: turning `autocommit` on would commit. One message for both.
    session.query_drop("ROLLBACK; SET autocommit = 1").await?;
    Ok(true)
}
