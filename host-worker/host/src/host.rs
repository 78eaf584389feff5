//! The host as the worker sees it.

use crate::{
    app::App,
    config::HostConfig,
    engine::CodeSource,
    error::LoadError,
    http::{
        Body, Failure,
        headers::{self, Route},
        request::{RequestContext, X_REQUEST_ID},
    },
    order::{Instances, lifecycle::Lifecycle},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Runs the application of a manifest. Cloning is cheap; all clones are the same host.
///
/// Install the metrics recorder before [`Host::load`]: the host keeps its handles.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    app: Arc<App>,
    draining: AtomicBool,
    in_flight: Gauge,
    /// Answers of the host itself have no component.
    own: ComponentMetrics,
    components: HashMap<String, ComponentMetrics>,
}

struct ComponentMetrics {
    /// By the first digit of the status.
    by_class: [Counter; 5],
    duration: Histogram,
}

impl Host {
    /// Loads the application: reads and checks the manifest, resolves variables, composes and compiles components.
    ///
    /// # Errors
    ///
    /// [`LoadError`], whose text names what to change.
    pub async fn load(config: HostConfig) -> Result<Self, LoadError> {
        let app = tokio::task::spawn_blocking(move || App::load(&config))
            .await
            .map_err(|error| LoadError::Engine(wasmtime::Error::new(error)))??;
        app.start_janitor();
        let components = app
            .components()
            .map(|(name, _)| (name.clone(), ComponentMetrics::new(name)))
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                app,
                draining: AtomicBool::new(false),
                in_flight: gauge!("kessai_http_requests_in_flight"),
                own: ComponentMetrics::new("host"),
                components,
            }),
        })
    }

    /// Answers a public request. Never fails: what goes wrong is a problem document.
    ///
    /// The request goes on if the returned future is dropped once a component has it; a purchase does not stop half way because a browser
    /// was closed.
    pub async fn handle<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = Instant::now();
        let inner = &*self.inner;
        let deadline = started + inner.app.limits.request_timeout;
        let context = Arc::new(RequestContext::of(request.headers(), deadline));
        inner.in_flight.increment(1);
        let guard = InFlight(&inner.in_flight);
        let (component, answer) = inner.answer(request, peer, &context).await;
        drop(guard);
        let mut response = answer.unwrap_or_else(|failure| failure.respond(&context));
        response.headers_mut().insert(X_REQUEST_ID, context.id_header());
        let metrics = component
            .and_then(|name| inner.components.get(name))
            .unwrap_or(&inner.own);
        metrics.record(response.status(), started.elapsed());
        response
    }

    /// The value of an application variable: from the environment, `.env`, the overrides or the manifest.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.inner.app.variables.get(name).map(str::to_owned)
    }

    /// Changes after every commit that this process's components make to the database of this name: the SQLite file, or with the
    /// variable `database` = `mysql` the schema `{mysql_schema_prefix}{database}`.
    pub fn commits(&self, database: &str) -> watch::Receiver<u64> {
        let app = &self.inner.app;
        if app.variables.get("database") == Some("mysql") {
            let prefix = app.variables.get("mysql_schema_prefix").unwrap_or_default();
            return app.mysql.commits(&format!("{prefix}{database}"));
        }
        app.databases.get(database).commits()
    }

    /// A client of `kessai:order/lifecycle` of the component `order`; [`Lifecycle::sagas`] is that of `kessai:order/sagas`.
    ///
    /// # Errors
    ///
    /// [`LoadError::NoComponent`] without such a component, [`LoadError::Compile`] if it does not export the interfaces.
    pub fn lifecycle(&self) -> Result<Lifecycle, LoadError> {
        Ok(Lifecycle::new(Instances::of(&self.inner.app)?))
    }

    /// Whether each component's code came from the cache.
    pub fn code_sources(&self) -> BTreeMap<String, CodeSource> {
        self.inner
            .app
            .components()
            .map(|(name, component)| (name.clone(), component.source))
            .collect()
    }

    /// Takes no more requests and waits until those at work are done, at most for `limit`.
    pub async fn drain(&self, limit: Duration) {
        self.inner.draining.store(true, Ordering::SeqCst);
        let app = &self.inner.app;
        let all = u32::try_from(app.limits.concurrent_requests).unwrap_or(u32::MAX);
        // Every permit is back when nobody works any more. They stay taken.
        if let Ok(Ok(permits)) = tokio::time::timeout(limit, app.permits.acquire_many(all)).await {
            permits.forget();
        } else {
            let left = app.limits.concurrent_requests - app.permits.available_permits();
            tracing::warn!(left, "requests were still at work when the time to drain was up");
        }
    }
}

impl Inner {
    /// The component that was asked, and its answer.
    async fn answer<B>(
        &self,
        request: Request<B>,
        peer: SocketAddr,
        context: &Arc<RequestContext>,
    ) -> (Option<&str>, Result<Response<Body>, Failure>)
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(permit) = self.permit() else {
            return (None, Err(Failure::Overloaded));
        };
        let (mut parts, body) = request.into_parts();
        let Some(uri) = headers::absolute(parts.uri.clone(), &parts.headers) else {
            return (None, Err(Failure::BodyUnreadable));
        };
        let path = uri.path();
        let Some(found) = self.app.routes.find(path) else {
            return (None, Err(Failure::NotFound));
        };
        let component = found.route.component.as_str();
        let body = match self.read(body, context.deadline).await {
            Ok(body) => body,
            Err(failure) => return (Some(component), Err(failure)),
        };
        headers::prepare(
            &mut parts.headers,
            &uri,
            &Route::public(&found),
            Some(peer),
            context,
        );
        parts.uri = uri.clone();
        let request = Request::from_parts(parts, crate::http::whole(body));
        (
            Some(component),
            self.app
                .call(component, request, Arc::clone(context), Some(permit))
                .await,
        )
    }

    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if self.draining.load(Ordering::Relaxed) {
            return None;
        }
        Arc::clone(&self.app.permits).try_acquire_owned().ok()
    }

    /// Reads the whole body before a component gets the request: a slow client costs a buffer, not an instance.
    async fn read<B>(&self, body: B, deadline: Instant) -> Result<Bytes, Failure>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let limit = self.app.limits.body_bytes;
        if body.size_hint().lower() > limit {
            return Err(Failure::BodyTooLarge);
        }
        let body = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
        match tokio::time::timeout_at(deadline.into(), body.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::BodyTooLarge),
            Ok(Err(_)) => Err(Failure::BodyUnreadable),
            Err(_) => Err(Failure::BodyTimedOut),
        }
    }
}

struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl ComponentMetrics {
    fn new(component: &str) -> Self {
        let class = |class: &'static str| counter!("kessai_http_requests_total", "component" => component.to_owned(), "status" => class);
        Self {
            by_class: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            duration: histogram!("kessai_http_request_duration_seconds", "component" => component.to_owned()),
        }
    }

    fn record(&self, status: StatusCode, elapsed: Duration) {
        if let Some(counter) = self
            .by_class
            .get(usize::from(status.as_u16() / 100).wrapping_sub(1))
        {
            counter.increment(1);
        }
        self.duration.record(elapsed);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("variables", &self.inner.app.variables)
            .finish_non_exhaustive()
    }
}
