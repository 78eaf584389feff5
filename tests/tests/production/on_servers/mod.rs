//! Their names begin with `on_servers::`, by which the test command leaves them out of the run on SQLite.

mod outage;
