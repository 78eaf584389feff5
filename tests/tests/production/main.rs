//! What only a shop on MariaDB, Redis and Kafka can show. `cargo xtask test production` starts them and sets KESSAI_TEST_BACKENDS.

mod on_servers;
