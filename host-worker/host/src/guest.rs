//! What belongs to one component instance: its sandbox, and what the manifest lets it reach.

use crate::{
    app::App,
    clock::ShopClock,
    config::Limits,
    http::{
        allowed_hosts::AllowedHosts,
        outbound::{Client, Outbound},
        request::RequestContext,
    },
    logs::{GuestLog, Level, LogSink},
    mysql::{self, host::MySqlView},
    redis::{self, host::RedisView},
    sqlite::{Claims, Database, host::SqliteView},
};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Instant,
};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline, component::ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What the manifest gives a component. The same for all its instances.
pub(crate) struct Capabilities {
    pub component: Arc<str>,
    pub variables: HashMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub databases: HashMap<String, Arc<Database>>,
    /// Folders and where the component sees them, read-only.
    pub files: Vec<(PathBuf, String)>,
    pub hosts: AllowedHosts,
    pub client: Client,
    pub mysql: Arc<mysql::Servers>,
    pub redis: Arc<redis::Servers>,
    pub log_sink: Option<Arc<dyn LogSink>>,
    /// The other components, for service chaining.
    pub app: Weak<App>,
}

/// The request that an instance works on. An instance has one at a time, so its output, its statements and its end are
/// certainly that request's; a trap ends no other request.
pub(crate) type CurrentRequest = Arc<Mutex<Arc<RequestContext>>>;

/// The data of one instance's store.
pub(crate) struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    limits: StoreLimits,
    capabilities: Arc<Capabilities>,
    claims: Arc<Claims>,
    request: CurrentRequest,
}

impl Guest {
    /// A store for one new instance, working on `request`.
    pub(crate) fn store(
        engine: &Engine,
        capabilities: &Arc<Capabilities>,
        limits: &Limits,
        request: Arc<RequestContext>,
    ) -> wasmtime::Result<Store<Self>> {
        let request = Arc::new(Mutex::new(request));
        let mut wasi = WasiCtxBuilder::new();
        let log = |level| GuestLog::new(Arc::clone(capabilities), Arc::clone(&request), level);
        wasi.stdout(log(Level::Info)).stderr(log(Level::Warn));
        wasi.wall_clock(ShopClock);
        // Files are local and mostly in the page cache: reading one is quicker than asking another thread to.
        wasi.allow_blocking_current_thread(true);
        for (name, value) in &capabilities.environment {
            wasi.env(name, value);
        }
        for (folder, destination) in &capabilities.files {
            wasi.preopened_dir(folder, destination, FsPerms::ReadOnly)?;
        }
        let guest = Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(Arc::clone(capabilities), Arc::clone(&request)),
            limits: StoreLimitsBuilder::new().memory_size(limits.memory_bytes).build(),
            capabilities: Arc::clone(capabilities),
            claims: Arc::default(),
            request,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limits);
        // Every tick of the engine's clock a busy guest lets other tasks run; past its request's time it ends.
        store.epoch_deadline_callback(|context| {
            if context.data().overdue() {
                Err(TimedOut.into())
            } else {
                Ok(UpdateDeadline::Yield(1))
            }
        });
        store.set_epoch_deadline(1);
        Ok(store)
    }

    /// The instance starts to work on another request.
    pub(crate) fn take_up(&mut self, request: Arc<RequestContext>) {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = request;
    }

    pub(crate) fn request(&self) -> Arc<RequestContext> {
        Arc::clone(&self.request.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn sqlite(&mut self) -> SqliteView<'_> {
        let deadline = self.request().deadline;
        SqliteView {
            table: &mut self.table,
            databases: &self.capabilities.databases,
            claims: &self.claims,
            deadline,
        }
    }

    pub(crate) fn mysql(&mut self) -> MySqlView<'_> {
        let deadline = self.request().deadline;
        MySqlView {
            table: &mut self.table,
            servers: &self.capabilities.mysql,
            hosts: &self.capabilities.hosts,
            deadline,
        }
    }

    pub(crate) fn redis(&mut self) -> RedisView<'_> {
        RedisView {
            table: &mut self.table,
            servers: &self.capabilities.redis,
            hosts: &self.capabilities.hosts,
        }
    }

    fn overdue(&self) -> bool {
        Instant::now() > self.request().deadline
    }
}

/// The guest did not finish in its request's time.
#[derive(Debug, thiserror::Error)]
#[error("the request's time is up")]
pub(crate) struct TimedOut;

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}
