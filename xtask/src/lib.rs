//! What `cargo xtask` shares with the tests: running programs, and the servers that they run against.

pub mod faketime;
pub mod run;
pub mod services;
