//! A connection to a database file or to a schema on a MySQL server.

use sqlx::{
    ConnectOptions, MySqlConnection, SqliteConnection, mysql::MySqlConnectOptions,
    sqlite::SqliteConnectOptions,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Where a database is. It must exist and be migrated.
#[derive(Clone, Debug)]
pub enum Source {
    Sqlite(PathBuf),
    /// With the schema chosen.
    MySql(Box<MySqlConnectOptions>),
}

impl From<&Path> for Source {
    fn from(file: &Path) -> Source {
        Source::Sqlite(file.to_owned())
    }
}

impl From<&PathBuf> for Source {
    fn from(file: &PathBuf) -> Source {
        Source::Sqlite(file.clone())
    }
}

impl From<PathBuf> for Source {
    fn from(file: PathBuf) -> Source {
        Source::Sqlite(file)
    }
}

impl From<&Source> for Source {
    fn from(source: &Source) -> Source {
        source.clone()
    }
}

#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
}

#[derive(Debug)]
enum Options {
    Sqlite(Box<SqliteConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// One connection, made again after one that failed or was given up half-way.
#[derive(Debug)]
pub(crate) struct Link {
    options: Options,
    kept: Option<Connection>,
}

impl Link {
    /// `tune` says how a file is opened.
    pub(crate) async fn open(
        source: &Source,
        tune: impl FnOnce(SqliteConnectOptions) -> SqliteConnectOptions,
    ) -> Result<Link, sqlx::Error> {
        let options = match source {
            Source::Sqlite(file) => {
                Options::Sqlite(Box::new(tune(SqliteConnectOptions::new().filename(file))))
            }
            Source::MySql(options) => Options::MySql(options.clone()),
        };
        let mut link = Link { options, kept: None };
        link.kept = Some(link.take().await?);
        Ok(link)
    }

    pub(crate) fn is_mysql(&self) -> bool {
        matches!(self.options, Options::MySql(_))
    }

    /// The text for this database; both have the same parameters.
    pub(crate) fn text(&self, sqlite: &'static str, mysql: &'static str) -> &'static str {
        if self.is_mysql() { mysql } else { sqlite }
    }

    pub(crate) async fn take(&mut self) -> Result<Connection, sqlx::Error> {
        match (self.kept.take(), &self.options) {
            (Some(connection), _) => Ok(connection),
            (None, Options::Sqlite(options)) => Ok(Connection::Sqlite(options.connect().await?)),
            (None, Options::MySql(options)) => {
                let connection = time::timeout(CONNECT_LIMIT, options.connect())
                    .await
                    .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))?;
                Ok(Connection::MySql(connection))
            }
        }
    }

    pub(crate) fn keep(&mut self, connection: Connection) {
        self.kept = Some(connection);
    }
}

/// Awaits `$work`, of type `Result<_, sqlx::Error>`, with `$connection` being either database's. Whatever fails takes its connection with it.
macro_rules! with {
    ($link:expr, $connection:ident => $work:expr) => {{
        let mut connection = $link.take().await?;
        let result = match &mut connection {
            crate::link::Connection::Sqlite($connection) => $work,
            crate::link::Connection::MySql($connection) => $work,
        };
        if result.is_ok() {
            $link.keep(connection);
        }
        result
    }};
}
pub(crate) use with;
