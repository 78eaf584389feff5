//! Runs the application of a `spin.toml` on Wasmtime: the components that Spin runs, unchanged.
//!
//! One capability, one module: [`manifest`](Manifest) and variables are read and checked at load; components are composed with their
//! dependencies, compiled and kept on disk; then requests go in by routes and out by allowed hosts, SQLite files are shared through one
//! fair queue each, and MySQL and Redis servers through pooled connections. A component reaches nothing that its entry in the manifest does not name, and whatever it does, trap, loop or grow, ends
//! with its own request.

mod app;
mod clock;
mod compose;
mod config;
mod crash;
mod engine;
mod error;
mod guest;
mod host;
mod http;
mod logs;
mod manifest;
mod mysql;
mod order;
mod redis;
mod routes;
mod sqlite;
mod variables;

pub use self::{
    compose::imports,
    config::{HostConfig, Limits, MySqlLimits},
    engine::CodeSource,
    error::LoadError,
    host::Host,
    http::Body,
    logs::{GuestLine, Level, LogSink},
    manifest::Manifest,
    order::{
        CallError,
        lifecycle::{self, Lifecycle},
        sagas::{self, Sagas},
    },
};
