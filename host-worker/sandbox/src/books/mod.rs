//! What PayPay believes, in one SQLite file with one owner.
//!
//! # Contract
//!
//! What [`Books::run`] returned is on disk: `kill -9` right after it loses nothing. Each call's statements take effect together or not at
//! all; calls that wait at the same moment share one commit.

mod deliveries;
mod payments;
mod refunds;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

pub(crate) use deliveries::{Attempt, Delivery, Outcome, PendingDelivery};
#[cfg(test)]
pub(crate) use payments::tests::unpaid;
pub(crate) use payments::{CaptureRecord, CodeState, PaymentRecord, RevertRecord};
pub(crate) use refunds::RefundRecord;

/// Most calls that share one commit: enough to fill a disk's write, few enough that the first does not wait long.
const MAX_BATCH: usize = 64;

/// What makes the tables, in order; a file's `user_version` says how many it has seen.
const SCHEMA: [&str; 2] = [
    include_str!("schema/0001_books.sql"),
    include_str!("schema/0002_authorizations.sql"),
];

/// Why the books could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    #[error("the sandbox's books: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the sandbox's books hold something unreadable: {0}")]
    Content(String),
    #[error("the sandbox's books are closed")]
    Closed,
    #[error("the sandbox's books could not be committed: {0}")]
    Commit(String),
}

type Settle = Box<dyn FnOnce(Result<(), BooksError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Settle + Send>;

/// A handle on the books; cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    jobs: Sender<Job>,
}

impl Books {
    /// Opens the file, or books in memory that end with the process, and brings its tables up to date.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, BooksError> {
        let connection = match file {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let seen: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for (index, step) in SCHEMA.iter().enumerate().skip(seen as usize) {
            let version = index + 1;
            connection.execute_batch(&format!("BEGIN; {step} PRAGMA user_version = {version}; COMMIT;"))?;
        }
        let (jobs, queue) = channel();
        std::thread::Builder::new()
            .name("sandbox-books".to_owned())
            .spawn(move || keep(&connection, &queue))
            .map_err(|error| BooksError::Content(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Runs `work` in a transaction and returns once it is committed. An error rolls back `work`'s own statements only.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, BooksError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, BooksError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, work);
            Box::new(move |committed| {
                // Nobody waits if the caller gave up; the work stands either way.
                let _ = answer.send(committed.and(result));
            })
        });
        self.jobs.send(job).map_err(|_| BooksError::Closed)?;
        answered.await.map_err(|_| BooksError::Closed)?
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, BooksError>,
) -> Result<T, BooksError> {
    connection.execute_batch("SAVEPOINT job")?;
    let result = work(connection);
    connection.execute_batch(if result.is_ok() {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    })?;
    result
}

/// The owner: takes what is queued, runs it in one transaction, commits, then answers.
fn keep(connection: &Connection, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            tracing::error!(%error, "the sandbox's books cannot be written");
            // Dropping the job closes its answer: the caller sees `Closed`.
            continue;
        }
        let settle: Vec<Settle> = std::iter::once(first)
            .chain(queue.try_iter().take(MAX_BATCH - 1))
            .map(|job| job(connection))
            .collect();
        let committed = connection.execute_batch("COMMIT").map_err(|error| {
            let _ = connection.execute_batch("ROLLBACK");
            error.to_string()
        });
        for settle in settle {
            settle(committed.clone().map_err(BooksError::Commit));
        }
    }
}

/// A stored text as the type it was written from.
fn stored<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, BooksError> {
    text.parse()
        .map_err(|error: T::Err| BooksError::Content(error.to_string()))
}

pub(crate) fn document<T: serde::Serialize>(value: &T) -> Result<String, BooksError> {
    serde_json::to_string(value).map_err(|error| BooksError::Content(error.to_string()))
}

pub(crate) fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, BooksError> {
    serde_json::from_str(text).map_err(|error| BooksError::Content(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn one_failing_call_does_not_undo_its_neighbours() {
        let books = Books::open(None).unwrap();
        let insert = |name: &'static str, fail: bool| {
            books.run(move |db| {
                db.execute("INSERT INTO settings (name, document) VALUES (?1, '{}')", [name])?;
                if fail {
                    Err(BooksError::Content("no".to_owned()))
                } else {
                    Ok(())
                }
            })
        };
        let (first, second, third) = tokio::join!(insert("a", false), insert("b", true), insert("c", false));
        assert!(first.is_ok() && second.is_err() && third.is_ok());
        let names = books
            .run(|db| {
                let mut statement = db.prepare("SELECT name FROM settings ORDER BY name")?;
                let names = statement
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<Vec<String>, _>>()?;
                Ok(names)
            })
            .await
            .unwrap();
        assert_eq!(names, ["a", "c"]);
    }

    #[tokio::test]
    async fn books_of_an_earlier_version_are_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sandbox.db");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(SCHEMA[0]).unwrap();
        old.execute_batch(
            r#"INSERT INTO payments VALUES ('m', 'c', 'p', '{"merchantPaymentId":"m","amount":{"amount":5,"currency":"JPY"},
               "codeType":"ORDER_QR","requestedAt":1,"isAuthorization":false}', '', '', 5, 'REFUNDED', 300, 0, 0, 42, NULL, NULL, 1);
               INSERT INTO refunds VALUES ('r', 'p', 5, 'x', 1, 50);"#,
        )
        .unwrap();
        drop(old);
        for _ in 0..2 {
            let books = Books::open(Some(&file)).unwrap();
            let (payment, refund) = books
                .run(|db| {
                    let payment = PaymentRecord::of_payment(db, &stored("p")?)?;
                    Ok((payment, RefundRecord::of_payment(db, &stored("p")?)?))
                })
                .await
                .unwrap();
            assert_eq!(payment.unwrap().completed_at, Some(42));
            assert_eq!(refund.unwrap().accepted_at, 50);
        }
    }
}
