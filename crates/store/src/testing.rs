//! Databases for tests: each test body runs on SQLite and, if the environment variable `KESSAI_TEST_MYSQL` names a server
//! (`mysql://root@127.0.0.1:3306`), on MySQL at both isolation levels that a shop may have.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use mysql::prelude::Queryable as _;

use crate::source::Source;
use crate::{Database, Row, Statement, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    ReadCommitted,
    RepeatableRead,
}

impl Isolation {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "READ COMMITTED",
            Isolation::RepeatableRead => "REPEATABLE READ",
        }
    }
}

/// A MySQL server, as tests use it.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) url: String,
    pub(crate) isolation: Isolation,
}

thread_local! {
    /// Where this thread's test runs; `None`: SQLite.
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

/// Runs a test's body on each database that there is.
///
/// # Panics
///
/// As the body does; the database's name is printed then.
pub fn on_each_database(body: impl Fn()) {
    on(None, &body);
    if let Ok(url) = std::env::var("KESSAI_TEST_MYSQL") {
        for isolation in [Isolation::RepeatableRead, Isolation::ReadCommitted] {
            let url = url.clone();
            on(Some(Server { url, isolation }), &body);
        }
    }
}

fn on(server: Option<Server>, body: &impl Fn()) {
    struct Named(String);
    impl Drop for Named {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("… on {}", self.0);
            }
            SERVER.set(None);
        }
    }
    let _named = Named(match &server {
        None => "SQLite".to_owned(),
        Some(server) => format!("MySQL, {}", server.isolation.words()),
    });
    SERVER.set(server);
    body();
}

/// Tests whose bodies run [`on_each_database`]: `store::on_each_database! { fn name() { … } }`.
#[macro_export]
macro_rules! on_each_database {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::testing::on_each_database(|| $body);
        }
    )*};
}

/// The migrations of one owner for each database, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    pub sqlite: &'static [&'static str],
    pub mysql: &'static [&'static str],
}

/// A database of its own on the database that the test runs on, removed at the end.
#[derive(Debug)]
pub struct TestDatabase {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(tempfile::TempDir),
    Schema(Server, String),
}

static SCHEMAS: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    /// Migrated, and otherwise empty.
    pub fn new(migrations: Migrations) -> TestDatabase {
        match SERVER.with_borrow(Clone::clone) {
            None => Self::in_folder(migrations.sqlite),
            Some(server) => Self::in_schema(server, migrations.mysql),
        }
    }

    fn in_folder(migrations: &[&str]) -> TestDatabase {
        // In memory where there is such a place: what a test writes need not outlive the machine.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let database = TestDatabase {
            place: Place::Folder(folder.expect("a folder for the test")),
        };
        let connection = rusqlite::Connection::open(database.file().expect("a file")).expect("a database");
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .expect("write-ahead log");
        for migration in migrations {
            connection.execute_batch(migration).expect("migration");
        }
        database
    }

    fn in_schema(server: Server, migrations: &[&str]) -> TestDatabase {
        let number = SCHEMAS.fetch_add(1, Relaxed);
        let schema = format!("kessai_test_{}_{number}", std::process::id());
        let mut connection = connect(&server);
        connection
            .query_drop(format!(
                "DROP DATABASE IF EXISTS {schema}; CREATE DATABASE {schema}; USE {schema}"
            ))
            .expect("a schema for the test");
        for migration in migrations {
            connection.query_drop(migration).expect("migration");
        }
        TestDatabase {
            place: Place::Schema(server, schema),
        }
    }

    /// # Panics
    ///
    /// If there is no connection.
    pub fn open(&self) -> Database {
        match &self.place {
            Place::Folder(_) => Database::open_file(&self.file().expect("a file")).expect("connection"),
            Place::Schema(server, schema) => {
                at_once(Database::open_at(Source::Server(server.clone()), schema)).expect("connection")
            }
        }
    }

    /// The file, on SQLite.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(folder) => Some(folder.path().join("test.db")),
            Place::Schema(..) => None,
        }
    }

    /// One statement on a connection of its own.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn run(&self, sql: impl Statement, params: Vec<Value>) {
        at_once(self.open().run(sql, params)).expect("statement");
    }

    /// The one row of a statement, on a connection of its own.
    ///
    /// # Panics
    ///
    /// If it fails or there is none.
    pub fn row(&self, sql: impl Statement, params: Vec<Value>) -> Row {
        at_once(self.open().query_one(sql, params)).expect("row")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Schema(server, schema) = &self.place {
            // Whether it works does not change what the test showed.
            let _ = connect(server).query_drop(format!("DROP DATABASE {schema}"));
        }
    }
}

fn connect(server: &Server) -> mysql::Conn {
    let options = mysql::Opts::from_url(&server.url).expect("KESSAI_TEST_MYSQL is a URL");
    mysql::Conn::new(options).expect("KESSAI_TEST_MYSQL names a server")
}

/// The drivers for tests wait on the thread, so what they do is done at the first look; and an executor may run already.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a driver for tests gave way"),
    }
}
