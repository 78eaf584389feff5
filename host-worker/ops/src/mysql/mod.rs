//! The databases on a MySQL server: one schema for each owner.

mod clock;
mod migrate;
mod probe;
mod seed;

pub use migrate::{migrate, outdated};
pub use probe::SchemaProbe;
pub use seed::seed;

use crate::Database;
use sqlx::{ConnectOptions, MySqlConnection, mysql::MySqlConnectOptions};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};

/// Nobody waits longer for a server that does not answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long one start waits for what another one does.
const LOCK_SECONDS: i64 = 300;

enum LockError {
    Taken,
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for LockError {
    fn from(error: sqlx::Error) -> Self {
        LockError::Sql(error)
    }
}

/// Where the server is and how to log in. `Debug` hides the password.
#[derive(Clone)]
pub struct MySqlServer {
    options: Arc<MySqlConnectOptions>,
    prefix: String,
}

/// Why there can be no such server.
#[derive(Debug, thiserror::Error)]
pub enum MySqlSettingError {
    #[error("mysql_address is not host:port")]
    Address,
    #[error("mysql_parameters cannot be used: {0}")]
    Parameters(sqlx::Error),
    #[error("mysql_schema_prefix may have letters, digits and `_` only, 40 at most")]
    Prefix,
}

/// The values of the variables `mysql_…`.
#[derive(Clone, Copy)]
pub struct MySqlSettings<'a> {
    /// `host:port`
    pub address: &'a str,
    pub user: &'a str,
    pub password: &'a str,
    /// Stands before the owner's name in each schema's.
    pub schema_prefix: &'a str,
    /// A query string, as `ssl-mode=required`.
    pub parameters: &'a str,
}

impl MySqlServer {
    pub fn new(settings: MySqlSettings<'_>) -> Result<Self, MySqlSettingError> {
        let MySqlSettings {
            address,
            schema_prefix,
            parameters,
            ..
        } = settings;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // The prefix stands in statements, and with an owner's name in lock names of 64 characters.
        if !schema_prefix.chars().all(is_word) || schema_prefix.len() > 40 {
            return Err(MySqlSettingError::Prefix);
        }
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .filter(|(host, _)| !host.is_empty())
            .ok_or(MySqlSettingError::Address)?;
        let options = MySqlConnectOptions::from_str(&format!("mysql://{host}:{port}/?{parameters}"))
            .map_err(MySqlSettingError::Parameters)?
            .username(settings.user)
            // As the components' sessions are.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            // A migration is slow, and its text is long.
            .disable_statement_logging();
        // An empty password would be sent as a wrong one.
        let options = match settings.password {
            "" => options,
            password => options.password(password),
        };
        Ok(Self {
            options: Arc::new(options),
            prefix: schema_prefix.to_owned(),
        })
    }

    /// `{prefix}{owner}`
    pub fn schema(&self, database: Database) -> String {
        format!("{}{}", self.prefix, database.name())
    }

    /// For a pool or a connection of one's own.
    pub fn options(&self, database: Database) -> MySqlConnectOptions {
        MySqlConnectOptions::clone(&self.options).database(&self.schema(database))
    }

    /// A connection to the schema, which must exist.
    pub async fn open(&self, database: Database) -> Result<MySqlConnection, sqlx::Error> {
        limited(self.options(database).connect()).await
    }

    /// A named lock of the whole server, which the connection holds until its end: until the program's, however that comes.
    async fn lock(&self, name: &str) -> Result<MySqlConnection, LockError> {
        let mut guard = self.enter().await?;
        let name = format!("{}{name}", self.prefix);
        let has_lock: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(?, ?)")
            .bind(name)
            .bind(LOCK_SECONDS)
            .fetch_one(&mut guard)
            .await?;
        if has_lock == Some(1) {
            Ok(guard)
        } else {
            Err(LockError::Taken)
        }
    }

    /// A connection to no schema.
    async fn enter(&self) -> Result<MySqlConnection, sqlx::Error> {
        limited(self.options.connect()).await
    }
}

/// At most as long as anybody waits for a server.
pub(crate) async fn limited<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(CONNECT_LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

impl fmt::Display for MySqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.options.get_host(), self.options.get_port())
    }
}

impl fmt::Debug for MySqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySqlServer({self}, {}…)", self.prefix)
    }
}

impl fmt::Debug for MySqlSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySqlSettings({}, {}…)", self.address, self.schema_prefix)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SETTINGS: MySqlSettings<'static> = MySqlSettings {
        address: "db.test:3307",
        user: "shop",
        password: "p@ss:word/",
        schema_prefix: "kessai_",
        parameters: "ssl-mode=disabled",
    };

    #[test]
    fn settings_become_a_server_that_does_not_tell_its_password() {
        let server = MySqlServer::new(SETTINGS).unwrap();
        assert_eq!(server.to_string(), "db.test:3307");
        assert_eq!(server.schema(Database::Orders), "kessai_orders");
        let options = server.options(Database::Worker);
        assert_eq!(
            (options.get_username(), options.get_database()),
            ("shop", Some("kessai_worker"))
        );
        assert!(!format!("{server:?} {SETTINGS:?}").contains("p@ss"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_variable_s_name() {
        for (settings, name) in [
            (
                MySqlSettings {
                    address: "db.test",
                    ..SETTINGS
                },
                "mysql_address",
            ),
            (
                MySqlSettings {
                    schema_prefix: "a`; --",
                    ..SETTINGS
                },
                "mysql_schema_prefix",
            ),
            (
                MySqlSettings {
                    parameters: "ssl-mode=perhaps",
                    ..SETTINGS
                },
                "mysql_parameters",
            ),
        ] {
            let error = MySqlServer::new(settings).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
