//! Whether a schema answers.

use super::MySqlServer;
use crate::{Database, Probe};
use futures::{FutureExt, future::BoxFuture};
use sqlx::{Connection, MySqlConnection};
use tokio::sync::Mutex;

/// Reads one row of a schema, on a connection of its own that stays open between two questions.
#[derive(Debug)]
pub struct SchemaProbe {
    server: MySqlServer,
    database: Database,
    connection: Mutex<Option<MySqlConnection>>,
}

impl SchemaProbe {
    pub fn new(server: MySqlServer, database: Database) -> Self {
        Self {
            server,
            database,
            connection: Mutex::default(),
        }
    }

    async fn ask(&self) -> Result<(), sqlx::Error> {
        let mut kept = self.connection.lock().await;
        // Out of its place while it is used: one that failed or was given up half-way is not used again. One that the server has closed
        // meanwhile is not worth a bad answer.
        let connection = match kept.take() {
            Some(mut connection) => connection.ping().await.ok().map(|()| connection),
            None => None,
        };
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.server.open(self.database).await?,
        };
        let _: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await?;
        *kept = Some(connection);
        Ok(())
    }
}

impl Probe for SchemaProbe {
    fn name(&self) -> String {
        self.database.check_name()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move { self.ask().await.map_err(|error| error.to_string()) }.boxed()
    }
}
