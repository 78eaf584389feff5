//! Requests into a component: instances that are reused one request after another, and what ends them.

use super::{Body, Failure, request::RequestContext};
use crate::{
    config::Limits,
    guest::{Capabilities, Guest, TimedOut},
};
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use metrics::{Counter, Gauge, counter, gauge};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{sync::OwnedSemaphorePermit, time::Sleep};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    WasiBody, WasiHttpView,
    handler::{
        ExpirationError, HandlerState, Instance, InstantiationError, ProxyHandler, ProxyPre, ShouldAccept,
        WorkerExpiration, WorkerState, WorkerStatus,
    },
};

/// An answer up to this many bytes is taken from its component whole before it is sent: a slow client does not hold an instance, a trap
/// in the middle is still a 500, and head and body leave in one write.
const WHOLE_BYTES: u64 = 1 << 20;
/// How long an instance without work is kept.
const IDLE: Duration = Duration::from_secs(10);
/// The instance ends this long after its request's deadline: first the client gets its answer.
const GRACE: Duration = Duration::from_millis(100);

/// A component that answers HTTP.
pub(crate) struct Inbound {
    proxy: ProxyHandler<Instances>,
}

/// How instances of one component are made.
struct Instances {
    engine: Engine,
    pre: ProxyPre<Guest>,
    capabilities: Arc<Capabilities>,
    limits: Limits,
    metrics: InstanceMetrics,
}

#[derive(Clone)]
struct InstanceMetrics {
    live: Gauge,
    traps: Counter,
    timeouts: Counter,
}

/// What goes with a request to its instance.
pub(crate) struct Ticket {
    context: Arc<RequestContext>,
    /// One of the application's requests at once; given back when the instance is done with it, not when the client loses patience.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Inbound {
    pub(crate) fn new(
        engine: Engine,
        pre: ProxyPre<Guest>,
        capabilities: Arc<Capabilities>,
        limits: Limits,
    ) -> Self {
        let component = capabilities.component.to_string();
        let metrics = InstanceMetrics {
            live: gauge!("kessai_instances", "component" => component.clone()),
            traps: counter!("kessai_traps_total", "component" => component.clone()),
            timeouts: counter!("kessai_guest_timeouts_total", "component" => component),
        };
        Self {
            proxy: ProxyHandler::new(Instances {
                engine,
                pre,
                capabilities,
                limits,
                metrics,
            }),
        }
    }

    /// Hands a request to an instance and takes its answer.
    pub(crate) async fn handle(
        &self,
        request: Request<WasiBody>,
        context: Arc<RequestContext>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Response<Body>, Failure> {
        let deadline = context.deadline;
        let method = request.method().clone();
        let ticket = Ticket {
            context: Arc::clone(&context),
            _permit: permit,
        };
        let answer = async {
            let response = self.proxy.handle(ticket, request).await?;
            take(response, &method).await
        };
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.explain(&error, &context)),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    fn explain(&self, error: &wasmtime::Error, context: &RequestContext) -> Failure {
        let component = &*self.proxy.state().capabilities.component;
        let request_id = context.id.as_str();
        if error.is::<ExpirationError>() || error.is::<TimedOut>() || Instant::now() >= context.deadline {
            return Failure::TimedOut;
        }
        if let Some(InstantiationError { error, .. }) = error.downcast_ref::<InstantiationError<Ticket>>() {
            if error.is::<PoolConcurrencyLimitError>() {
                return Failure::Overloaded;
            }
            tracing::error!(
                component,
                request_id,
                error = format!("{error:#}"),
                "no instance could be made"
            );
            return Failure::Internal;
        }
        tracing::error!(
            component,
            request_id,
            error = format!("{error:#}"),
            "the component did not answer"
        );
        Failure::Internal
    }
}

/// Takes an answer of known, moderate length out of its instance; anything else is passed on as it comes.
async fn take(response: Response<WasiBody>, method: &Method) -> wasmtime::Result<Response<Body>> {
    let (parts, body) = response.into_parts();
    let length: Option<u64> = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let body = match length {
        // The answer to HEAD says how long the body would be and has none.
        _ if method == Method::HEAD => Body::default(),
        Some(0) => Body::default(),
        Some(1..=WHOLE_BYTES) => Body::whole(body.collect().await?.to_bytes()),
        _ => Body::stream(body),
    };
    Ok(Response::from_parts(parts, body))
}

impl HandlerState for Instances {
    type StoreData = Guest;
    type WorkerExpiration = Expiry;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiry, Worker>> {
        let until = Instant::now() + self.limits.request_timeout;
        let starting = Arc::new(RequestContext::internal(until));
        let mut store = Guest::store(&self.engine, &self.capabilities, &self.limits, starting)?;
        let proxy = self.pre.instantiate_async(&mut store).await?;
        self.metrics.live.increment(1);
        Ok(Instance {
            store,
            proxy,
            view: Guest::http,
            expiration: Expiry {
                request: self.limits.request_timeout + GRACE,
                sleep: Box::pin(tokio::time::sleep(IDLE)),
            },
            state: Worker {
                component: Arc::clone(&self.capabilities.component),
                reuse: self.limits.instance_reuse,
                metrics: self.metrics.clone(),
            },
        })
    }
}

/// When an instance's time is up, whatever it is doing.
struct Expiry {
    request: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiry {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let end = start
            + match status {
                WorkerStatus::Idle => IDLE,
                // After its answer a component may finish what it has begun, within a request's time.
                WorkerStatus::Requests | WorkerStatus::PostReturn => self.request,
            };
        if self.sleep.deadline() != end.into() {
            self.sleep.as_mut().reset(end.into());
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// One instance as its host sees it.
struct Worker {
    component: Arc<str>,
    reuse: usize,
    metrics: InstanceMetrics,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = Ticket;

    /// One request at a time. Several would save instances, but a trap, a runaway loop or an exhausted memory in one would take
    /// the others with it.
    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse {
            ShouldAccept::Never
        } else if concurrent > 0 {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, Guest>,
        ticket: Ticket,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        store.data_mut().take_up(Arc::clone(&ticket.context));
        // Who waits for the answer keeps the time, and `Expiry` ends the instance: no third clock here. The future only holds the ticket
        // for as long as the request is being worked on.
        Box::pin(async move {
            let _ticket = ticket;
            std::future::pending().await
        })
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        self.metrics.live.decrement(1);
        let Err(error) = result else { return };
        let request = store.data().request();
        let overdue = Instant::now() >= request.deadline;
        if overdue {
            self.metrics.timeouts.increment(1);
        } else {
            self.metrics.traps.increment(1);
        }
        tracing::error!(
            component = &*self.component,
            request_id = request.id.as_str(),
            overdue,
            error = format!("{error:?}"),
            "an instance was ended"
        );
    }
}
