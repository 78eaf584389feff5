//! Where a database is: what is needed to open it, and to open it again.

use std::fmt::Write as _;
use std::sync::OnceLock;

use spin_sdk::variables;

use crate::driver::{Connection, OpenError};
use crate::{Dialect, StoreError, mysql, spin_sqlite};

#[derive(Clone)]
pub(crate) enum Source {
    /// Granted by `sqlite_databases` in `spin.toml`.
    SpinSqlite,
    /// A URL. It has the password in it.
    SpinMySql(String),
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    File(std::path::PathBuf),
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    Server(crate::testing::Server),
}

/// By kind only: the rest is long, or secret.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.dialect() {
            Dialect::Sqlite => "Sqlite",
            Dialect::MySql => "MySql",
        })
    }
}

impl Source {
    pub(crate) async fn of(database: &str) -> Result<Source, StoreError> {
        let settings = match SETTINGS.get() {
            Some(settings) => settings,
            None => {
                let read = Settings::read()
                    .await
                    .map_err(|reason| OpenError::Denied(reason).of(database))?;
                SETTINGS.get_or_init(|| read)
            }
        };
        Ok(match settings {
            Settings::Sqlite => Source::SpinSqlite,
            Settings::MySql(server) => Source::SpinMySql(server.url(database)),
        })
    }

    pub(crate) async fn open(&self, database: &str) -> Result<Connection, StoreError> {
        let opened = match self {
            Source::SpinSqlite => spin_sqlite::Connection::open(database)
                .await
                .map(Connection::SpinSqlite),
            Source::SpinMySql(url) => mysql::Connection::open(url).await.map(Connection::MySql),
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Source::File(path) => crate::native::Connection::open(path).map(Connection::Native),
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Source::Server(server) => mysql::Connection::open_native(server, database).map(Connection::MySql),
        };
        opened.map_err(|error| error.of(database))
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Source::SpinSqlite => Dialect::Sqlite,
            Source::SpinMySql(_) => Dialect::MySql,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Source::File(_) => Dialect::Sqlite,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Source::Server(_) => Dialect::MySql,
        }
    }
}

/// Read once for each instance, since each variable is a call to the host. They are the deployment's, the same for every request.
static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// What the component's variables say.
enum Settings {
    Sqlite,
    MySql(Server),
}

#[derive(Default)]
struct Server {
    /// `host:port`
    address: String,
    user: String,
    password: String,
    schema_prefix: String,
    /// A URL's query, without the question mark.
    parameters: String,
}

impl Settings {
    async fn read() -> Result<Settings, String> {
        match variable("database").await?.as_str() {
            "sqlite" => Ok(Settings::Sqlite),
            "mysql" => Ok(Settings::MySql(Server {
                address: variable("mysql_address").await?,
                user: variable("mysql_user").await?,
                password: variable("mysql_password").await?,
                schema_prefix: variable("mysql_schema_prefix").await?,
                parameters: variable("mysql_parameters").await?,
            })),
            other => Err(format!(
                "variable `database`: `{other}` is neither sqlite nor mysql"
            )),
        }
    }
}

/// Not there is an error too: a component that fell back to files of its own would part from the others unnoticed.
async fn variable(name: &str) -> Result<String, String> {
    variables::get(name)
        .await
        .map_err(|error| format!("variable `{name}`: {error}"))
}

impl Server {
    fn url(&self, database: &str) -> String {
        let mut url = format!("mysql://{}", escaped(&self.user));
        if !self.password.is_empty() {
            url = format!("{url}:{}", escaped(&self.password));
        }
        url = format!("{url}@{}/{}{database}", self.address, self.schema_prefix);
        if !self.parameters.is_empty() {
            url = format!("{url}?{}", self.parameters);
        }
        url
    }
}

/// Percent-encoded, but for what needs it nowhere in a URL.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_owners_schema_and_hides_nothing_in_its_syntax() {
        let mut server = Server {
            address: "db.example:3307".to_owned(),
            user: "kessai".to_owned(),
            schema_prefix: "kessai_".to_owned(),
            ..Server::default()
        };
        assert_eq!(
            server.url("inventory"),
            "mysql://kessai@db.example:3307/kessai_inventory"
        );
        server.password = "p@ss:/あ".to_owned();
        server.parameters = "ssl-mode=required".to_owned();
        assert_eq!(
            server.url("orders"),
            "mysql://kessai:p%40ss%3A%2F%E3%81%82@db.example:3307/kessai_orders?ssl-mode=required"
        );
        let source = Source::SpinMySql(server.url("orders"));
        assert!(!format!("{source:?}").contains("ss%3A"), "{source:?}");
    }
}
