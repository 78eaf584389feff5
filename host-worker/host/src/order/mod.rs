//! The component `order`, called without HTTP: instances of it, and a client for each interface that it exports.

pub mod lifecycle;
pub mod sagas;

use crate::{
    app::App,
    error::LoadError,
    guest::{Guest, TimedOut},
    http::request::RequestContext,
};
use bindings::{Orders, OrdersPre};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use wasmtime::{Store, component::Accessor};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../wit/inventory", "../../wit/account", "../../wit/payment", "../../wit/order"],
        inline: "
            package kessai:host;
            world orders {
                export kessai:order/lifecycle@0.1.0;
                export kessai:order/sagas@0.1.0;
            }
        ",
        world: "kessai:host/orders",
        exports: { default: async | store },
        additional_derives: [PartialEq, Eq],
    });
}

const COMPONENT: &str = "order";
/// A call may take several of a request's steps, each with a call to PayPay.
const REQUESTS_LONG: u32 = 3;
/// Instances kept for the next call.
const KEPT: usize = 16;

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E: fmt::Display> {
    /// The order component said so.
    #[error("{0}")]
    Refused(E),
    /// The component trapped or could not be started. Whatever it had open is rolled back; the call may be repeated.
    #[error("the order component failed: {0}")]
    Trap(String),
    /// It took too long. As after a trap, the call may be repeated.
    #[error("the order component did not answer in time")]
    TimedOut,
}

/// Instances of the component. Each call has one to itself, reused afterwards; dropping a call's future ends the instance and rolls
/// back what it had open.
#[derive(Clone)]
pub(crate) struct Instances {
    inner: Arc<Inner>,
}

struct Inner {
    app: Arc<App>,
    pre: OrdersPre<Guest>,
    timeout: Duration,
    free: Mutex<Vec<Instance>>,
}

struct Instance {
    store: Store<Guest>,
    orders: Orders,
    calls: usize,
}

impl Instances {
    pub(crate) fn of(app: &Arc<App>) -> Result<Self, LoadError> {
        let component = app
            .component(COMPONENT)
            .ok_or_else(|| LoadError::NoComponent(COMPONENT.to_owned()))?;
        let pre = OrdersPre::new(component.pre.clone()).map_err(|source| LoadError::Compile {
            component: COMPONENT.to_owned(),
            source,
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                app: Arc::clone(app),
                pre,
                timeout: app.limits.request_timeout * REQUESTS_LONG,
                free: Mutex::default(),
            }),
        })
    }

    async fn call<R, E: fmt::Display>(
        &self,
        call: impl AsyncFnOnce(&Accessor<Guest>, &Orders) -> wasmtime::Result<Result<R, E>>,
    ) -> Result<R, CallError<E>> {
        let deadline = Instant::now() + self.inner.timeout;
        let context = Arc::new(RequestContext::internal(deadline));
        let answer = async {
            let mut instance = self.inner.instance(Arc::clone(&context)).await?;
            let Instance { store, orders, calls } = &mut instance;
            *calls += 1;
            let answer = store
                .run_concurrent(async |accessor| call(accessor, orders).await)
                .await??;
            self.inner.keep(instance);
            wasmtime::error::Ok(answer)
        };
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer.map_err(CallError::Refused),
            Ok(Err(error)) if error.is::<TimedOut>() => Err(CallError::TimedOut),
            Ok(Err(error)) => {
                let request_id = context.id.as_str();
                tracing::error!(
                    component = COMPONENT,
                    request_id,
                    error = format!("{error:?}"),
                    "a call failed"
                );
                Err(CallError::Trap(format!("{error:#}")))
            }
            Err(_) => Err(CallError::TimedOut),
        }
    }
}

impl Inner {
    async fn instance(&self, context: Arc<RequestContext>) -> wasmtime::Result<Instance> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut instance) = free {
            instance.store.data_mut().take_up(context);
            return Ok(instance);
        }
        let app = &self.app;
        let component = app
            .component(COMPONENT)
            .ok_or_else(|| wasmtime::format_err!("no component `{COMPONENT}`"))?;
        let mut store = Guest::store(&app.engine, &component.capabilities, &app.limits, context)?;
        let orders = self.pre.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            orders,
            calls: 0,
        })
    }

    fn keep(&self, instance: Instance) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if instance.calls < self.app.limits.instance_reuse && free.len() < KEPT {
            free.push(instance);
        }
    }
}

impl fmt::Debug for Instances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instances").finish_non_exhaustive()
    }
}
