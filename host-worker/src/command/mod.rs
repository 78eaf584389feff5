//! One file for each sub-command.

pub(crate) mod alerts;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod migrate;
mod place;
pub(crate) mod reconcile;
pub(crate) mod saga;
pub(crate) mod sandbox;
pub(crate) mod seed;
mod table;
pub(crate) mod topics;
pub(crate) mod up;
pub(crate) mod worker;

use place::Place;
