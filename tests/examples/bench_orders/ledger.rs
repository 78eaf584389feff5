//! A contender's databases, wherever they are: filled before, and read afterwards.

use anyhow::{Context, Result, bail};
use kessai_ops::mysql::{MySqlServer, MySqlSettings};
use kessai_ops::{Database, Databases};
use sqlx::{Connection, MySqlConnection, Row, SqliteConnection};
use std::collections::BTreeMap;
use std::str::FromStr;

const PREFIX: &str = "kessai_bench_";

/// A MySQL server of which the bench may have the schemas `kessai_bench_…`.
#[derive(Debug, Clone)]
pub struct Server {
    user: String,
    password: String,
    address: String,
}

impl FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Server> {
        let parts = text.rsplit_once('@').and_then(|(login, address)| {
            let (user, password) = login.split_once(':')?;
            Some((user.to_owned(), password.to_owned(), address.to_owned()))
        });
        let (user, password, address) = parts.context("it is not user:password@host:port")?;
        Ok(Server {
            user,
            password,
            address,
        })
    }
}

impl Server {
    fn server(&self) -> Result<MySqlServer> {
        Ok(MySqlServer::new(MySqlSettings {
            address: &self.address,
            user: &self.user,
            password: &self.password,
            schema_prefix: PREFIX,
            parameters: "",
        })?)
    }

    /// The bench's databases, without what an earlier one left there.
    pub async fn empty(&self) -> Result<Databases> {
        let server = self.server()?;
        let url = format!("mysql://{}:{}@{}", self.user, self.password, self.address);
        let mut connection = MySqlConnection::connect(&url).await?;
        for database in Database::ALL {
            let drop = format!("DROP DATABASE IF EXISTS `{}`", server.schema(database));
            sqlx::query(sqlx::AssertSqlSafe(drop))
                .execute(&mut connection)
                .await?;
        }
        Ok(Databases::MySql(server))
    }

    /// What spin.toml's variables are for a shop on it.
    pub fn variables(&self) -> BTreeMap<String, String> {
        [
            ("database", "mysql"),
            ("mysql_address", &self.address),
            ("mysql_user", &self.user),
            ("mysql_password", &self.password),
            ("mysql_schema_prefix", PREFIX),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// One owner's database.
pub enum Ledger {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
}

impl Ledger {
    pub async fn open(databases: &Databases, database: Database) -> Result<Ledger> {
        Ok(match databases {
            Databases::Sqlite(data) => Ledger::Sqlite(database.open(data).await?),
            Databases::MySql(server) => Ledger::MySql(server.open(database).await?),
        })
    }

    pub async fn run(&mut self, sql: &str) -> Result<()> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self {
            Ledger::Sqlite(connection) => sqlx::query(sql).execute(connection).await.map(drop)?,
            Ledger::MySql(connection) => sqlx::query(sql).execute(connection).await.map(drop)?,
        }
        Ok(())
    }

    /// The first column of all rows.
    pub async fn column(&mut self, sql: &str) -> Result<Vec<i64>> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Ledger::Sqlite(connection) => sqlx::query_scalar(sql).fetch_all(connection).await?,
            Ledger::MySql(connection) => sqlx::query_scalar(sql).fetch_all(connection).await?,
        })
    }

    /// All columns of the only row, which are whole numbers.
    pub async fn numbers(&mut self, sql: &str) -> Result<Vec<i64>> {
        let safe = sqlx::AssertSqlSafe(sql.to_owned());
        let numbers: Result<Vec<i64>, sqlx::Error> = match self {
            Ledger::Sqlite(connection) => {
                let row = sqlx::query(safe).fetch_one(connection).await?;
                (0..row.len()).map(|place| row.try_get(place)).collect()
            }
            Ledger::MySql(connection) => {
                let row = sqlx::query(safe).fetch_one(connection).await?;
                (0..row.len()).map(|place| row.try_get(place)).collect()
            }
        };
        match numbers {
            Ok(numbers) => Ok(numbers),
            Err(error) => bail!("{error} in {sql}"),
        }
    }
}
