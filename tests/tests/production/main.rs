//! What only a shop on MariaDB, Redis and Kafka can show. `cargo xtask test production` starts them and sets KESSAI_TEST_BACKENDS.

// PayPay with a gate before it, as the races have it.
#[allow(dead_code)]
#[path = "../races/gate.rs"]
mod gate;
mod on_servers;
#[allow(dead_code)]
#[path = "../races/stage.rs"]
mod stage;
