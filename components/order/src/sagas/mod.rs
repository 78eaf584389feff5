//! Sagas beyond an order's: registered state machines, their instances, and what an operator sees and does of all of them.
//!
//! Two ways in, as for orders: private HTTP for `bff` ([`http`]) and the interface `kessai:order/sagas` for the worker ([`export`]). Both
//! are thin over [`operator`], which steers, and [`documents`], which shows.

pub mod documents;
mod export;
pub mod http;
pub mod journal;
pub mod machines;
mod operator;
mod page;
mod registry;
mod remote;
mod run;
mod services;
