//! One file for each sub-command.

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod migrate;
pub(crate) mod saga;
pub(crate) mod sandbox;
pub(crate) mod seed;
pub(crate) mod up;
pub(crate) mod worker;
