//! Where the shop's databases are, and what is done to all of them.

use crate::{
    Database, DatabaseProbe, Migrated, MigrationError, Probe, SeedError, Seeded,
    mysql::{self, MySqlServer, SchemaProbe},
};
use std::{fmt, path::PathBuf};

/// The databases of one shop.
#[derive(Clone, Debug)]
pub enum Databases {
    /// Files in a folder.
    Sqlite(PathBuf),
    /// Schemas on a server.
    MySql(MySqlServer),
}

impl Databases {
    /// Makes what is missing and brings the rest up to date, and says so of each. Safe to repeat, and beside others that do the same.
    pub async fn migrate(&self, mut done: impl FnMut(&Migrated)) -> Result<Vec<Migrated>, MigrationError> {
        match self {
            Databases::Sqlite(data) => {
                let all = crate::migrate(data).await?;
                all.iter().for_each(done);
                Ok(all)
            }
            Databases::MySql(server) => mysql::migrate(server, &mut done).await,
        }
    }

    /// Those that are missing or lack a migration. Changes nothing.
    ///
    /// # Errors
    ///
    /// If the server does not answer; files that cannot be read are outdated.
    pub async fn outdated(&self) -> Result<Vec<Database>, sqlx::Error> {
        match self {
            Databases::Sqlite(data) => Ok(crate::outdated(data).await),
            Databases::MySql(server) => mysql::outdated(server).await,
        }
    }

    /// Fills an empty catalogue with the sample products and their stock.
    pub async fn seed(&self) -> Result<Seeded, SeedError> {
        match self {
            Databases::Sqlite(data) => crate::seed(data).await,
            Databases::MySql(server) => mysql::seed(server).await,
        }
    }

    /// For `/health/ready`: whether each answers.
    pub fn probes(&self) -> Vec<Box<dyn Probe>> {
        Database::ALL
            .into_iter()
            .map(|database| match self {
                Databases::Sqlite(data) => Box::new(DatabaseProbe {
                    database,
                    data: data.clone(),
                }) as Box<dyn Probe>,
                Databases::MySql(server) => Box::new(SchemaProbe::new(server.clone(), database)),
            })
            .collect()
    }
}

impl fmt::Display for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Databases::Sqlite(data) => write!(f, "{}", data.display()),
            Databases::MySql(server) => write!(f, "the MySQL server {server}"),
        }
    }
}
