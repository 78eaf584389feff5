//! How a host is set up.

use crate::logs::LogSink;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// Everything [`Host::load`](crate::Host::load) needs to know.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Path of `spin.toml`. Relative paths in it start from its folder.
    pub manifest: PathBuf,
    /// Where the SQLite files are: `<data_dir>/<database>.db`. Created if missing.
    pub data_dir: PathBuf,
    /// Where compiled components are kept. Created if missing, readable by the owner only.
    pub cache_dir: PathBuf,
    /// Values of application variables that apply where neither the environment nor `.env` sets one.
    pub overrides: BTreeMap<String, String>,
    /// Certificates in PEM by which a Redis server proves itself at a `rediss` address; `None`: those of the system.
    pub redis_authorities: Option<Vec<u8>>,
    /// What one request, one instance and all of them together may use.
    pub limits: Limits,
    /// Is shown what components write to their log, besides the log itself.
    pub log_sink: Option<Arc<dyn LogSink>>,
}

/// What a component may use before the host says no.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of linear memory of one component instance. Growing past it fails inside the component.
    pub memory_bytes: usize,
    /// From the first byte of a request to the end of its answer; then 504.
    pub request_timeout: Duration,
    /// Public requests at once; the next one is answered with 503 and `Retry-After`.
    pub concurrent_requests: usize,
    /// Bytes of a request's body; a longer one is answered with 413.
    pub body_bytes: u64,
    /// Requests that one instance serves before a fresh one takes its place. 1: an instance for each request.
    pub instance_reuse: usize,
    /// How components use MySQL servers.
    pub mysql: MySqlLimits,
}

/// How components use a MySQL server; each address (so, each schema) has a pool of its own.
#[derive(Clone, Debug)]
pub struct MySqlLimits {
    /// Sessions of one pool at once.
    pub sessions: usize,
    /// How long a statement waits for a free session.
    pub acquire: Duration,
    /// How long a new session may take.
    pub connect: Duration,
    /// How long one statement may take, its wait for locks included; the server ends it, too. At least a second there.
    pub statement: Duration,
}

impl Default for MySqlLimits {
    fn default() -> Self {
        Self {
            sessions: 16,
            acquire: Duration::from_secs(2),
            connect: Duration::from_secs(2),
            statement: Duration::from_secs(5),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            request_timeout: Duration::from_secs(10),
            concurrent_requests: 1024,
            body_bytes: 1 << 20,
            instance_reuse: 1000,
            mysql: MySqlLimits::default(),
        }
    }
}
