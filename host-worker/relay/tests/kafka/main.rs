//! The relay and a real Kafka broker, whose address (host:port) is in KESSAI_TEST_KAFKA. `cargo xtask services up` starts one.
