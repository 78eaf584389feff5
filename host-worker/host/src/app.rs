//! A loaded application: its components, ready to be called.

use crate::{
    compose::Parts,
    config::{HostConfig, Limits},
    engine::{self, CodeCache, CodeSource},
    error::LoadError,
    guest::{Capabilities, Guest},
    http::{
        Body, Failure,
        allowed_hosts::AllowedHosts,
        headers::{self, Route},
        inbound::Inbound,
        outbound,
        request::RequestContext,
    },
    manifest::{ComponentDeclaration, Manifest},
    mysql, redis,
    routes::Routes,
    sqlite::Databases,
    variables::Variables,
};
use http::{Request, Response};
use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{
    Engine,
    component::{Component as Compiled, InstancePre},
};
use wasmtime_wasi_http::{WasiBody, handler::ProxyPre, p2, p3};

/// How often overdue transactions are looked for.
const JANITOR: Duration = Duration::from_millis(250);

/// A loaded application.
pub(crate) struct App {
    pub limits: Limits,
    pub engine: Engine,
    pub routes: Routes,
    pub variables: Variables,
    pub databases: Databases,
    pub mysql: Arc<mysql::Servers>,
    /// One permit for each public request at once.
    pub permits: Arc<Semaphore>,
    components: HashMap<String, Component>,
}

/// A component of the application.
pub(crate) struct Component {
    pub capabilities: Arc<Capabilities>,
    pub pre: InstancePre<Guest>,
    pub source: CodeSource,
    /// `None` if no trigger names it.
    inbound: Option<Inbound>,
}

/// What all components share to reach other servers.
struct Outside {
    client: outbound::Client,
    mysql: Arc<mysql::Servers>,
    redis: Arc<redis::Servers>,
}

/// A component, checked and compiled, before it knows its application.
struct Prepared {
    name: String,
    pre: InstancePre<Guest>,
    proxy: Option<ProxyPre<Guest>>,
    source: CodeSource,
    hosts: AllowedHosts,
    declaration: ComponentDeclaration,
    variables: HashMap<String, String>,
}

impl App {
    /// Compiles and checks everything; takes seconds without a warm cache.
    pub(crate) fn load(config: &HostConfig) -> Result<Arc<Self>, LoadError> {
        let manifest = Manifest::read(&config.manifest)?;
        let environment = |key: &str| std::env::var(key).ok();
        let variables = Variables::resolve(&manifest, &config.overrides, environment)?;
        let routes = Routes::of(&manifest)?;
        fs::create_dir_all(&config.data_dir).map_err(|source| LoadError::Io {
            path: config.data_dir.clone(),
            source,
        })?;
        let engine = engine::build(&config.limits)?;
        let linker = engine::linker(&engine).map_err(LoadError::Engine)?;
        let cache = CodeCache::open(&config.cache_dir)?;
        let prepared = manifest
            .component
            .iter()
            .map(|(name, declaration)| {
                prepare(&manifest, name, declaration, &variables, &engine, &linker, &cache)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let databases = Databases::new(config.data_dir.clone());
        let outside = Outside {
            client: outbound::client().map_err(LoadError::Tls)?,
            mysql: Arc::new(mysql::Servers::new(config.limits.mysql.clone())),
            redis: Arc::new(redis::Servers::new(config.redis_authorities.clone())),
        };
        Ok(Arc::new_cyclic(|app| {
            let components = prepared
                .into_iter()
                .map(|prepared| {
                    let name = prepared.name.clone();
                    let component = prepared.join(app, &manifest, &databases, &outside, &engine, config);
                    (name, component)
                })
                .collect();
            Self {
                limits: config.limits.clone(),
                permits: Arc::new(Semaphore::new(config.limits.concurrent_requests)),
                engine,
                routes,
                variables,
                databases,
                mysql: outside.mysql,
                components,
            }
        }))
    }

    pub(crate) fn component(&self, name: &str) -> Option<&Component> {
        self.components.get(name)
    }

    pub(crate) fn components(&self) -> impl Iterator<Item = (&String, &Component)> {
        self.components.iter()
    }

    /// Hands a prepared request to a component.
    pub(crate) async fn call(
        &self,
        component: &str,
        request: Request<WasiBody>,
        context: Arc<RequestContext>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Response<Body>, Failure> {
        match self
            .component(component)
            .and_then(|component| component.inbound.as_ref())
        {
            Some(inbound) => inbound.handle(request, context, permit).await,
            None => Err(Failure::NotFound),
        }
    }

    /// Service chaining: one component calls another. `None` if there is no such component.
    pub(crate) async fn chain(
        &self,
        name: &str,
        request: Request<WasiBody>,
        outer_deadline: Instant,
    ) -> Option<Response<Body>> {
        self.component(name)?.inbound.as_ref()?;
        let deadline = outer_deadline.min(Instant::now() + self.limits.request_timeout);
        let context = Arc::new(RequestContext::of(request.headers(), deadline));
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        headers::prepare(
            &mut parts.headers,
            &parts.uri,
            &Route::chained(&path),
            None,
            &context,
        );
        let request = Request::from_parts(parts, body);
        // No permit: the outer request has one, and waiting for a second while holding the first is how systems lock up.
        let answer = self.call(name, request, Arc::clone(&context), None).await;
        Some(answer.unwrap_or_else(|failure| failure.respond(&context)))
    }

    /// Rolls back, now and then, what outlived its request, for as long as the application exists.
    pub(crate) fn start_janitor(self: &Arc<Self>) {
        let app = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(JANITOR);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let Some(app) = app.upgrade() else { return };
                app.databases.expire(Instant::now());
                app.mysql.expire(Instant::now());
            }
        });
    }
}

fn prepare(
    manifest: &Manifest,
    name: &str,
    declaration: &ComponentDeclaration,
    variables: &Variables,
    engine: &Engine,
    linker: &wasmtime::component::Linker<Guest>,
    cache: &CodeCache,
) -> Result<Prepared, LoadError> {
    let hosts = declaration
        .allowed_outbound_hosts
        .iter()
        .enumerate()
        .map(|(index, pattern)| {
            variables.expand(
                &format!("component.{name}.allowed_outbound_hosts[{index}]"),
                pattern,
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    for (index, mount) in declaration.files.iter().enumerate() {
        let folder = manifest.resolve(&mount.source);
        if !folder.is_dir() {
            return Err(LoadError::invalid(
                format!("component.{name}.files[{index}].source"),
                format!("{} is not a folder", folder.display()),
            ));
        }
    }
    let parts = Parts::read(manifest, name, declaration)?;
    let (compiled, source) = cache.load(engine, name, &parts.digest(), || parts.compose())?;
    check_imports(engine, name, &compiled)?;
    let refused = |source| LoadError::Compile {
        component: name.to_owned(),
        source,
    };
    let pre = linker.instantiate_pre(&compiled).map_err(refused)?;
    let triggered = manifest
        .trigger
        .http
        .iter()
        .any(|trigger| trigger.component == name);
    let proxy = triggered
        .then(|| proxy(pre.clone()))
        .transpose()
        .map_err(refused)?;
    Ok(Prepared {
        name: name.to_owned(),
        pre,
        proxy,
        source,
        hosts: AllowedHosts::parse(name, &hosts)?,
        declaration: declaration.clone(),
        variables: variables.of_component(name, &declaration.variables)?,
    })
}

/// Names the first import that nothing here provides.
fn check_imports(engine: &Engine, name: &str, compiled: &Compiled) -> Result<(), LoadError> {
    const OFFERED: &[&str] = &[
        "wasi:",
        "spin:sqlite/sqlite@3.1.",
        "spin:mysql/mysql@3.0.",
        "spin:redis/redis@3.0.",
        "spin:variables/variables@3.0.",
    ];
    let component_type = compiled.component_type();
    let missing = component_type
        .imports(engine)
        .map(|(import, _)| import)
        .find(|import| !OFFERED.iter().any(|offered| import.starts_with(offered)));
    match missing {
        Some(import) => Err(LoadError::Import {
            component: name.to_owned(),
            import: import.to_owned(),
        }),
        None => Ok(()),
    }
}

fn proxy(pre: InstancePre<Guest>) -> wasmtime::Result<ProxyPre<Guest>> {
    match p3::bindings::ServicePre::new(pre.clone()) {
        Ok(pre) => Ok(ProxyPre::P3(pre)),
        Err(_) => Ok(ProxyPre::P2(p2::bindings::ProxyPre::new(pre)?)),
    }
}

impl Prepared {
    fn join(
        self,
        app: &Weak<App>,
        manifest: &Manifest,
        databases: &Databases,
        outside: &Outside,
        engine: &Engine,
        config: &HostConfig,
    ) -> Component {
        let declaration = self.declaration;
        let capabilities = Arc::new(Capabilities {
            component: self.name.into(),
            variables: self.variables,
            environment: declaration.environment,
            databases: declaration
                .sqlite_databases
                .iter()
                .map(|name| (name.clone(), databases.get(name)))
                .collect(),
            files: declaration
                .files
                .iter()
                .map(|mount| (manifest.resolve(&mount.source), mount.destination.clone()))
                .collect(),
            hosts: self.hosts,
            client: outside.client.clone(),
            mysql: Arc::clone(&outside.mysql),
            redis: Arc::clone(&outside.redis),
            log_sink: config.log_sink.clone(),
            app: app.clone(),
        });
        let inbound = self.proxy.map(|proxy| {
            Inbound::new(
                engine.clone(),
                proxy,
                Arc::clone(&capabilities),
                config.limits.clone(),
            )
        });
        Component {
            capabilities,
            pre: self.pre,
            source: self.source,
            inbound,
        }
    }
}
