//! The processor and a real Kafka broker, whose address (host:port) is in KESSAI_TEST_KAFKA; `cargo xtask services up kafka` starts one.

#![allow(clippy::unwrap_used)]

mod broken;
mod group;
mod letters;
mod process;
mod rules;
mod seen;
mod shop;
mod stage;
#[path = "../support/mod.rs"]
mod support;
