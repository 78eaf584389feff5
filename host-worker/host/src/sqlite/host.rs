//! `spin:sqlite` for components: the interface's words to and from ours.

use super::{Claims, Database, Error, connection::Call, connection::Connection as Open};
use crate::guest::Guest;
use rusqlite::ErrorCode;
use std::{collections::HashMap, sync::Arc, time::Instant};
use wasmtime::component::{Accessor, FutureReader, HasData, Linker, Resource, ResourceTable, StreamReader};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/sqlite",
        inline: "
            package kessai:host;
            world sqlite { import spin:sqlite/sqlite@3.1.0; }
        ",
        world: "kessai:host/sqlite",
        imports: {
            "spin:sqlite/sqlite@3.1.0.[method]connection.execute": async | trappable,
            default: trappable,
        },
        with: { "spin:sqlite/sqlite@3.1.0.connection": crate::sqlite::host::Connection },
        require_store_data_send: true,
    });
}

use bindings::spin::sqlite::sqlite;
pub(crate) use sqlite::{RowResult, Value};

/// The resource behind a guest's handle.
#[derive(Debug)]
pub struct Connection(Arc<Open>);

/// What the interface needs of an instance.
pub(crate) struct SqliteView<'a> {
    pub table: &'a mut ResourceTable,
    /// What the component's manifest entry lists.
    pub databases: &'a HashMap<String, Arc<Database>>,
    pub claims: &'a Arc<Claims>,
    pub deadline: Instant,
}

struct SqliteHost;

impl HasData for SqliteHost {
    type Data<'a> = SqliteView<'a>;
}

impl SqliteView<'_> {
    fn open(&mut self, name: &str) -> wasmtime::Result<Result<Resource<Connection>, sqlite::Error>> {
        let Some(database) = self.databases.get(name) else {
            return Ok(Err(sqlite::Error::AccessDenied));
        };
        let connection = Open::open(Arc::clone(database), Arc::clone(self.claims));
        Ok(Ok(self.table.push(Connection(connection))?))
    }

    fn connection(&self, handle: &Resource<Connection>) -> wasmtime::Result<Arc<Open>> {
        Ok(Arc::clone(&self.table.get(handle)?.0))
    }
}

impl sqlite::Host for SqliteView<'_> {}

impl sqlite::HostConnection for SqliteView<'_> {
    fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Connection>, sqlite::Error>> {
        SqliteView::open(self, &name)
    }

    async fn execute(
        &mut self,
        handle: Resource<Connection>,
        sql: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<sqlite::QueryResult, sqlite::Error>> {
        let connection = self.connection(&handle)?;
        let outcome = connection
            .execute(Call::Sync, sql, parameters, self.deadline)
            .await;
        Ok(outcome
            .map(|outcome| sqlite::QueryResult {
                columns: outcome.columns,
                rows: outcome.rows,
            })
            .map_err(sqlite::Error::from))
    }

    fn last_insert_rowid(&mut self, handle: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.connection(&handle)?.last_insert_rowid())
    }

    fn changes(&mut self, handle: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.connection(&handle)?.changes())
    }

    fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

type Rows = (
    Vec<String>,
    StreamReader<RowResult>,
    FutureReader<Result<(), sqlite::Error>>,
);

impl<T: Send> sqlite::HostConnectionWithStore<T> for SqliteHost {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, sqlite::Error>> {
        accessor.with(|mut access| access.get().open(&name))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        sql: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<Rows, sqlite::Error>> {
        let (connection, deadline) = accessor.with(|mut access| {
            let view = access.get();
            wasmtime::error::Ok((view.connection(&handle)?, view.deadline))
        })?;
        let outcome = match connection.execute(Call::Async, sql, parameters, deadline).await {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Err(error.into())),
        };
        // The statement is done before the first row is handed over: its transaction does not wait for the guest to read.
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, outcome.rows)?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })?;
            Ok(Ok((outcome.columns, rows, end)))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        accessor.with(|mut access| Ok(access.get().connection(&handle)?.last_insert_rowid()))
    }

    async fn changes_async(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        accessor.with(|mut access| Ok(access.get().connection(&handle)?.changes()))
    }
}

impl From<Error> for sqlite::Error {
    fn from(error: Error) -> Self {
        match &error {
            Error::Sqlite(sqlite) => match sqlite.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Self::DatabaseFull,
                Some(ErrorCode::AuthorizationForStatementDenied) => Self::AccessDenied,
                _ => Self::Io(error.to_string()),
            },
            _ => Self::Io(error.to_string()),
        }
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    sqlite::add_to_linker::<_, SqliteHost>(linker, Guest::sqlite)
}
