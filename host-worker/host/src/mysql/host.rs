//! `spin:mysql` for components: the interface's words to and from ours.

use super::{Error, Servers, connection::Connection as Open, pool::Outcome};
use crate::{guest::Guest, http::allowed_hosts::AllowedHosts};
use std::{sync::Arc, time::Instant};
use wasmtime::component::{
    Access, Accessor, FutureReader, HasData, Linker, Resource, ResourceTable, StreamReader,
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/mysql",
        inline: "
            package kessai:host;
            world mysql { import spin:mysql/mysql@3.0.0; }
        ",
        world: "kessai:host/mysql",
        imports: { default: trappable },
        with: { "spin:mysql/mysql@3.0.0.connection": crate::mysql::host::Connection },
        require_store_data_send: true,
    });
}

use bindings::spin::mysql::mysql;
pub(super) use mysql::{Column, DbDataType, DbValue, ParameterValue};

/// The resource behind a guest's handle.
#[derive(Debug)]
pub struct Connection(Arc<Open>);

/// What the interface needs of an instance.
pub(crate) struct MySqlView<'a> {
    pub table: &'a mut ResourceTable,
    pub servers: &'a Servers,
    pub hosts: &'a AllowedHosts,
    pub deadline: Instant,
}

struct MySqlHost;

impl HasData for MySqlHost {
    type Data<'a> = MySqlView<'a>;
}

impl mysql::Host for MySqlView<'_> {}

impl mysql::HostConnection for MySqlView<'_> {
    fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

type Rows = (
    Vec<Column>,
    StreamReader<Vec<DbValue>>,
    FutureReader<Result<(), mysql::Error>>,
);

/// Runs a statement while the instance's other tasks go on.
async fn run<T: Send>(
    accessor: &Accessor<T, MySqlHost>,
    handle: &Resource<Connection>,
    sql: &str,
    parameters: Vec<ParameterValue>,
) -> wasmtime::Result<Result<Outcome, mysql::Error>> {
    let (connection, deadline) = accessor.with(|mut access: Access<'_, T, MySqlHost>| {
        let view = access.get();
        wasmtime::error::Ok((Arc::clone(&view.table.get(handle)?.0), view.deadline))
    })?;
    Ok(connection
        .run(sql, parameters, deadline)
        .await
        .map_err(mysql::Error::from))
}

impl<T: Send> mysql::HostConnectionWithStore<T> for MySqlHost {
    async fn open(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, mysql::Error>> {
        accessor.with(|mut access| {
            let view = access.get();
            Ok(match view.servers.open(&address, view.hosts) {
                Ok(connection) => Ok(view.table.push(Connection(connection))?),
                Err(error) => Err(error.into()),
            })
        })
    }

    async fn query(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        sql: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<Rows, mysql::Error>> {
        let outcome = match run(accessor, &handle, &sql, parameters).await? {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Err(error)),
        };
        // The statement is done before the first row is handed over: its locks do not wait for the guest to read.
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, outcome.rows)?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })?;
            Ok(Ok((outcome.columns, rows, end)))
        })
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        sql: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<(), mysql::Error>> {
        Ok(run(accessor, &handle, &sql, parameters).await?.map(drop))
    }
}

impl From<Error> for mysql::Error {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Denied(_)
            | Error::Exhausted(_)
            | Error::Connect { .. }
            | Error::TimedOut
            | Error::Broken(_)
            | Error::Lost => Self::ConnectionFailed(text),
            Error::Address(_) | Error::Parameters(_) => Self::BadParameter(text),
            Error::Refused(_) => Self::QueryFailed(text),
            Error::Value { .. } => Self::ValueConversionFailed(text),
            Error::TooLarge(_) => Self::Other(text),
        }
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    mysql::add_to_linker::<_, MySqlHost>(linker, Guest::mysql)
}
