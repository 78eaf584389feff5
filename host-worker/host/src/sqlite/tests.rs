#![allow(clippy::unwrap_used)]

use super::{Claims, Database, Error};
use crate::sqlite::{
    Databases,
    connection::{Call, Connection},
    host::Value,
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;

struct File {
    databases: Databases,
    _folder: TempDir,
}

impl File {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self {
            databases: Databases::new(folder.path().to_owned()),
            _folder: folder,
        };
        let setup = file.connect();
        run(&setup, "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
            .await
            .unwrap();
        file
    }

    fn database(&self) -> Arc<Database> {
        self.databases.get("test")
    }

    /// A connection of an instance of its own.
    fn connect(&self) -> Arc<Connection> {
        self.connect_as(&Arc::default())
    }

    fn connect_as(&self, claims: &Arc<Claims>) -> Arc<Connection> {
        Connection::open(self.database(), Arc::clone(claims))
    }
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn run(connection: &Arc<Connection>, sql: &str) -> Result<Vec<Vec<Value>>, Error> {
    run_by(connection, Call::Async, sql, later()).await
}

async fn run_by(
    connection: &Arc<Connection>,
    call: Call,
    sql: &str,
    deadline: Instant,
) -> Result<Vec<Vec<Value>>, Error> {
    let outcome = connection
        .execute(call, sql.to_owned(), Vec::new(), deadline)
        .await?;
    Ok(outcome.rows.into_iter().map(|row| row.values).collect())
}

async fn count(connection: &Arc<Connection>) -> i64 {
    match run(connection, "SELECT count(*) FROM t").await.unwrap()[0][0] {
        Value::Integer(count) => count,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_transaction_is_unseen_until_it_commits() {
    let file = File::new().await;
    let (writer, reader) = (file.connect(), file.connect());
    run(&writer, "BEGIN").await.unwrap();
    run(&writer, "INSERT INTO t (text) VALUES ('a')").await.unwrap();
    assert_eq!(count(&writer).await, 1, "a transaction sees itself");
    assert_eq!(count(&reader).await, 0);
    run(&writer, "COMMIT").await.unwrap();
    assert_eq!(count(&reader).await, 1);
}

#[tokio::test]
async fn a_dropped_connection_rolls_back_and_lets_the_next_writer_in() {
    let file = File::new().await;
    let (first, second) = (file.connect(), file.connect());
    run(&first, "BEGIN IMMEDIATE").await.unwrap();
    run(&first, "INSERT INTO t (text) VALUES ('a')").await.unwrap();
    drop(first);
    run(&second, "INSERT INTO t (text) VALUES ('b')").await.unwrap();
    assert_eq!(count(&second).await, 1);
}

#[tokio::test]
async fn rollback_and_savepoints_work_as_in_sqlite() {
    let file = File::new().await;
    let connection = file.connect();
    for sql in [
        "SAVEPOINT a",
        "INSERT INTO t VALUES (1, '')",
        "SAVEPOINT b",
        "INSERT INTO t VALUES (2, '')",
    ] {
        run(&connection, sql).await.unwrap();
    }
    for sql in ["ROLLBACK TO b", "RELEASE a"] {
        run(&connection, sql).await.unwrap();
    }
    assert_eq!(count(&file.connect()).await, 1);
    run(&connection, "BEGIN").await.unwrap();
    run(&connection, "DELETE FROM t").await.unwrap();
    run(&connection, "ROLLBACK").await.unwrap();
    assert_eq!(count(&file.connect()).await, 1);
    assert!(
        run(&connection, "COMMIT").await.is_err(),
        "no transaction is open"
    );
}

#[tokio::test]
async fn writers_are_served_in_the_order_in_which_they_came() {
    let file = File::new().await;
    let holder = file.connect();
    run(&holder, "BEGIN IMMEDIATE").await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for number in 0..20 {
        let (connection, served) = (file.connect(), Arc::clone(&served));
        waiting.push(tokio::spawn(async move {
            run(&connection, "BEGIN IMMEDIATE").await.unwrap();
            served.lock().unwrap().push(number);
            run(&connection, "COMMIT").await.unwrap();
        }));
        // One thread: the task has run up to its place in the queue.
        tokio::task::yield_now().await;
    }
    assert!(served.lock().unwrap().is_empty(), "the writer is taken");
    run(&holder, "COMMIT").await.unwrap();
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_at_once_lose_nothing() {
    let file = Arc::new(File::new().await);
    run(&file.connect(), "INSERT INTO t VALUES (1, '0')")
        .await
        .unwrap();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let file = Arc::clone(&file);
            tokio::spawn(async move {
                let connection = file.connect();
                run(&connection, "BEGIN IMMEDIATE").await.unwrap();
                run(&connection, "UPDATE t SET text = text + 1").await.unwrap();
                run(&connection, "COMMIT").await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = run(&file.connect(), "SELECT CAST(text AS INTEGER) FROM t")
        .await
        .unwrap();
    assert!(matches!(rows[0][0], Value::Integer(32)), "{rows:?}");
}

#[tokio::test]
async fn row_ids_and_changes_are_each_connections_own() {
    let file = File::new().await;
    let (first, second) = (file.connect(), file.connect());
    assert_eq!((first.last_insert_rowid(), first.changes()), (0, 0));
    run(&first, "INSERT INTO t (id, text) VALUES (41, 'a')")
        .await
        .unwrap();
    run(&second, "INSERT INTO t (id, text) VALUES (7, 'b'), (8, 'c')")
        .await
        .unwrap();
    assert_eq!((first.last_insert_rowid(), first.changes()), (41, 1));
    assert_eq!((second.last_insert_rowid(), second.changes()), (8, 2));
    run(&first, "UPDATE t SET text = 'x'").await.unwrap();
    run(&first, "SELECT * FROM t").await.unwrap();
    assert_eq!((first.last_insert_rowid(), first.changes()), (41, 3));
    run(&first, "INSERT OR IGNORE INTO t (id) VALUES (8)")
        .await
        .unwrap();
    assert_eq!(
        (first.last_insert_rowid(), first.changes()),
        (41, 0),
        "nothing was inserted"
    );
    run(&first, "DELETE FROM t WHERE id = -1").await.unwrap();
    assert_eq!(first.changes(), 0);
}

#[tokio::test]
async fn commits_are_announced_and_nothing_else_is() {
    let file = File::new().await;
    let connection = file.connect();
    let mut commits = file.database().commits();
    let mut ticked = || {
        let ticked = commits.has_changed().unwrap();
        commits.mark_unchanged();
        ticked
    };
    ticked();
    for (sql, expected) in [
        ("SELECT * FROM t", false),
        ("INSERT INTO t VALUES (1, '')", true),
        ("BEGIN", false),
        ("SELECT * FROM t", false),
        ("COMMIT", false),
        ("BEGIN", false),
        ("UPDATE t SET text = 'x'", false),
        ("COMMIT", true),
        ("BEGIN", false),
        ("UPDATE t SET text = 'y'", false),
        ("ROLLBACK", false),
        ("BEGIN", false),
        ("COMMIT", false),
    ] {
        run(&connection, sql).await.unwrap();
        assert_eq!(ticked(), expected, "{sql}");
    }
}

#[tokio::test]
async fn a_synchronous_call_never_waits_for_its_own_instance() {
    let file = File::new().await;
    let claims = Arc::default();
    let (holder, other) = (file.connect_as(&claims), file.connect_as(&claims));
    run(&holder, "BEGIN").await.unwrap();
    let write = "INSERT INTO t (text) VALUES ('a')";
    let refused = run_by(&other, Call::Sync, write, later()).await;
    assert!(matches!(refused, Err(Error::WouldDeadlock(_))), "{refused:?}");
    assert_eq!(
        run_by(&other, Call::Sync, "SELECT 1", later())
            .await
            .unwrap()
            .len(),
        1,
        "reading needs no writer"
    );
    run_by(&holder, Call::Sync, write, later()).await.unwrap();
    run_by(&holder, Call::Sync, "COMMIT", later()).await.unwrap();
    run_by(&other, Call::Sync, write, later()).await.unwrap();
    assert_eq!(count(&other).await, 2);
}

#[tokio::test]
async fn a_synchronous_call_never_waits_behind_a_waiting_one_of_its_own_instance() {
    let file = File::new().await;
    let stranger = file.connect();
    run(&stranger, "BEGIN").await.unwrap();
    let claims = Arc::default();
    let (queued, other) = (file.connect_as(&claims), file.connect_as(&claims));
    let queued = tokio::spawn(async move { run(&queued, "BEGIN").await.map(|_| ()) });
    tokio::task::yield_now().await;
    let refused = run_by(&other, Call::Sync, "DELETE FROM t", later()).await;
    assert!(matches!(refused, Err(Error::WouldDeadlock(_))), "{refused:?}");
    run(&stranger, "COMMIT").await.unwrap();
    queued.await.unwrap().unwrap();
}

#[tokio::test]
async fn waiting_for_the_writer_ends_with_the_request() {
    let file = File::new().await;
    let (holder, other) = (file.connect(), file.connect());
    run(&holder, "BEGIN").await.unwrap();
    let soon = Instant::now() + Duration::from_millis(20);
    let gave_up = run_by(&other, Call::Async, "DELETE FROM t", soon).await;
    assert!(matches!(gave_up, Err(Error::WriterTimedOut(_))), "{gave_up:?}");
    run(&holder, "COMMIT").await.unwrap();
    run(&other, "DELETE FROM t").await.unwrap();
}

#[tokio::test]
async fn an_endless_statement_ends_with_the_request() {
    let file = File::new().await;
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let soon = Instant::now() + Duration::from_millis(20);
    let connection = file.connect();
    let stopped = run_by(&connection, Call::Async, endless, soon).await;
    assert!(stopped.unwrap_err().to_string().contains("interrupted"));
    assert_eq!(count(&connection).await, 0, "the reader is fine");
}

#[tokio::test]
async fn a_transaction_that_outlives_its_request_is_rolled_back_and_its_connection_told() {
    let file = File::new().await;
    let (late, next) = (file.connect(), file.connect());
    let deadline = later();
    run_by(&late, Call::Async, "BEGIN", deadline).await.unwrap();
    run_by(&late, Call::Async, "INSERT INTO t (text) VALUES ('a')", deadline)
        .await
        .unwrap();
    file.databases.expire(deadline);
    assert_eq!(count(&late).await, 1, "not yet");
    file.databases.expire(deadline + Duration::from_secs(1));
    run(&next, "INSERT INTO t (text) VALUES ('b')").await.unwrap();
    let write = "INSERT INTO t (text) VALUES ('would commit by itself')";
    assert!(matches!(run(&late, write).await, Err(Error::Expired)));
    assert!(matches!(run(&late, "COMMIT").await, Err(Error::Expired)));
    assert_eq!(count(&late).await, 1);
    run(&late, write).await.unwrap();
}

#[tokio::test]
async fn nothing_reaches_past_the_file() {
    let file = File::new().await;
    let connection = file.connect();
    let elsewhere = file._folder.path().join("elsewhere.db").display().to_string();
    for sql in [
        &format!("ATTACH '{elsewhere}' AS other"),
        &format!("VACUUM INTO '{elsewhere}'"),
        "PRAGMA synchronous = OFF",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "PRAGMA temp_store_directory = '/tmp'",
        "CREATE TEMP TABLE leak (x)",
        "SELECT load_extension('/lib/x.so')",
    ] {
        for open in [false, true] {
            if open {
                run(&connection, "BEGIN").await.unwrap();
            }
            assert!(run(&connection, sql).await.is_err(), "{sql}");
            if open {
                run(&connection, "ROLLBACK").await.unwrap();
            }
        }
    }
    assert!(!std::path::Path::new(&elsewhere).exists());
    for sql in [
        "PRAGMA table_info(t)",
        "PRAGMA foreign_keys",
        "CREATE VIRTUAL TABLE f USING fts5 (text)",
    ] {
        run(&connection, sql).await.unwrap();
    }
}

#[tokio::test]
async fn settings_are_those_that_the_design_asks_for() {
    let file = File::new().await;
    let connection = file.connect();
    let settings = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
    ];
    for transaction in [false, true] {
        if transaction {
            run(&connection, "BEGIN").await.unwrap();
        }
        for (name, expected) in settings {
            let rows = run(&connection, &format!("PRAGMA {name}")).await.unwrap();
            let value = match &rows[0][0] {
                Value::Text(text) => text.clone(),
                Value::Integer(integer) => integer.to_string(),
                other => panic!("{other:?}"),
            };
            assert_eq!(value, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn two_statements_in_one_are_refused_whole() {
    let file = File::new().await;
    let connection = file.connect();
    for sql in [
        "INSERT INTO t VALUES (1, ''); DELETE FROM t",
        "BEGIN; INSERT INTO t VALUES (1, '')",
    ] {
        assert!(run(&connection, sql).await.is_err(), "{sql}");
    }
    assert_eq!(count(&connection).await, 0);
    run(&connection, "INSERT INTO t VALUES (1, '');").await.unwrap();
    run(&file.connect(), "BEGIN").await.unwrap();
}
