//! `spin:redis` for components: the interface's words to and from ours.

use super::{Error, Server, Servers};
use crate::{guest::Guest, http::allowed_hosts::AllowedHosts};
use ::redis::{Cmd, FromRedisValue, ParsingError, Value};
use wasmtime::component::{Accessor, HasData, Linker, Resource, ResourceTable};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/redis",
        inline: "
            package kessai:host;
            world redis { import spin:redis/redis@3.0.0; }
        ",
        world: "kessai:host/redis",
        imports: { default: trappable },
        with: { "spin:redis/redis@3.0.0.connection": crate::redis::host::Connection },
        require_store_data_send: true,
    });
}

use bindings::spin::redis::redis::{self, RedisParameter, RedisResult};

/// Commands that may be sent a second time when nobody knows whether the first one arrived.
const HARMLESS_TWICE: &[&str] = &["GET", "SET", "DEL", "EXISTS", "TTL", "PING"];

/// The resource behind a guest's handle.
#[allow(missing_debug_implementations, reason = "an address has a password in it")]
pub struct Connection(Server);

/// What the interface needs of an instance.
pub(crate) struct RedisView<'a> {
    pub table: &'a mut ResourceTable,
    pub servers: &'a Servers,
    pub hosts: &'a AllowedHosts,
}

struct RedisHost;

impl HasData for RedisHost {
    type Data<'a> = RedisView<'a>;
}

impl redis::Host for RedisView<'_> {}

impl redis::HostConnection for RedisView<'_> {
    fn drop(&mut self, handle: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

type Answer<T> = wasmtime::Result<Result<T, redis::Error>>;

/// Sends a command while the instance's other tasks go on.
async fn ask<T: Send, A: FromRedisValue>(
    accessor: &Accessor<T, RedisHost>,
    handle: &Resource<Connection>,
    command: &Cmd,
    harmless_twice: bool,
) -> Answer<A> {
    let server =
        accessor.with(|mut access| wasmtime::error::Ok(access.get().table.get(handle)?.0.clone()))?;
    Ok(server
        .ask(command, harmless_twice)
        .await
        .map_err(redis::Error::from))
}

/// `NAME key argument…`
fn command(name: &str, key: &str, arguments: &[String]) -> Cmd {
    let mut command = ::redis::cmd(name);
    command.arg(key).arg(arguments);
    command
}

impl<T: Send> redis::HostConnectionWithStore<T> for RedisHost {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Answer<Resource<Connection>> {
        accessor.with(|mut access| {
            let view = access.get();
            Ok(match view.servers.open(&address, view.hosts) {
                Ok(server) => Ok(view.table.push(Connection(server))?),
                Err(error) => Err(error.into()),
            })
        })
    }

    async fn publish(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> Answer<()> {
        let mut command = ::redis::cmd("PUBLISH");
        command.arg(channel).arg(payload);
        ask(accessor, &handle, &command, false).await
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        key: String,
    ) -> Answer<Option<Vec<u8>>> {
        ask(accessor, &handle, &command("GET", &key, &[]), true).await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<()> {
        let mut command = ::redis::cmd("SET");
        command.arg(key).arg(value);
        ask(accessor, &handle, &command, true).await
    }

    async fn incr(accessor: &Accessor<T, Self>, handle: Resource<Connection>, key: String) -> Answer<i64> {
        ask(accessor, &handle, &command("INCR", &key, &[]), false).await
    }

    async fn del(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        keys: Vec<String>,
    ) -> Answer<u32> {
        let mut command = ::redis::cmd("DEL");
        command.arg(keys);
        ask(accessor, &handle, &command, true).await
    }

    async fn sadd(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Answer<u32> {
        ask(accessor, &handle, &command("SADD", &key, &values), false).await
    }

    async fn smembers(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        key: String,
    ) -> Answer<Vec<String>> {
        ask(accessor, &handle, &command("SMEMBERS", &key, &[]), true).await
    }

    async fn srem(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Answer<u32> {
        ask(accessor, &handle, &command("SREM", &key, &values), false).await
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Resource<Connection>,
        name: String,
        arguments: Vec<RedisParameter>,
    ) -> Answer<Vec<RedisResult>> {
        let mut command = ::redis::cmd(&name);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let harmless_twice = HARMLESS_TWICE
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        let flat = ask::<_, Flat>(accessor, &handle, &command, harmless_twice).await?;
        Ok(flat.map(|flat| flat.0))
    }
}

/// An answer as one list, whatever lists it is made of.
struct Flat(Vec<RedisResult>);

impl FromRedisValue for Flat {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let mut flat = Vec::new();
        flatten(value, &mut flat)?;
        Ok(Self(flat))
    }
}

fn flatten(value: Value, into: &mut Vec<RedisResult>) -> Result<(), ParsingError> {
    match value {
        Value::Nil => into.push(RedisResult::Nil),
        Value::Int(number) => into.push(RedisResult::Int64(number)),
        Value::BulkString(bytes) => into.push(RedisResult::Binary(bytes)),
        Value::SimpleString(text) => into.push(RedisResult::Status(text)),
        Value::Okay => into.push(RedisResult::Status("OK".to_owned())),
        Value::Array(values) | Value::Set(values) => {
            for value in values {
                flatten(value, into)?;
            }
        }
        // The types of RESP3, which this client does not ask for.
        _ => return Err("an answer of a type that this interface has no word for".into()),
    }
    Ok(())
}

impl From<Error> for redis::Error {
    fn from(error: Error) -> Self {
        match &error {
            Error::Address => Self::InvalidAddress,
            Error::Failed { source, .. } if is_type_error(source) => Self::TypeError,
            Error::Failed { .. } | Error::TimedOut(_) => Self::Other(error.to_string()),
        }
    }
}

fn is_type_error(error: &::redis::RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
        || error.kind() == ::redis::ErrorKind::UnexpectedReturnType
        || error
            .detail()
            .is_some_and(|detail| detail.contains("not an integer"))
}

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    redis::add_to_linker::<_, RedisHost>(linker, Guest::redis)
}
