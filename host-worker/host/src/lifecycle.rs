//! `kessai:order/lifecycle` for the worker: calls the component `order` without HTTP.

use crate::{
    app::App,
    error::LoadError,
    guest::{Guest, TimedOut},
    http::request::RequestContext,
};
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
            world orders { export kessai:order/lifecycle@0.1.0; }
        ",
        world: "kessai:host/orders",
        exports: { default: async | store },
        additional_derives: [PartialEq, Eq],
    });
}

pub use bindings::exports::kessai::order::lifecycle::{
    Claim, Due, DueKind, LifecycleError, PaymentEvent, Snapshot,
};
use bindings::{Orders, OrdersPre};

const COMPONENT: &str = "order";
/// A call may take several of a request's steps, each with a call to PayPay.
const REQUESTS_LONG: u32 = 3;
/// Instances kept for the next call.
const KEPT: usize = 16;

/// A client of `kessai:order/lifecycle`. Cloning is cheap. Each call has an instance to itself, reused afterwards; dropping a call's future ends
/// the instance and rolls back what it had open.
#[derive(Clone)]
pub struct Lifecycle {
    inner: Arc<Inner>,
}

struct Inner {
    app: Arc<App>,
    pre: OrdersPre<Guest>,
    timeout: Duration,
    free: Mutex<Vec<Orderly>>,
}

/// An instance of the component.
struct Orderly {
    store: Store<Guest>,
    orders: Orders,
    calls: usize,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The order component said so.
    #[error("{0}")]
    Lifecycle(LifecycleError),
    /// The component trapped or could not be started. Whatever it had open is rolled back; the call may be repeated.
    #[error("the order component failed: {0}")]
    Trap(String),
    /// It took too long. As after a trap, the call may be repeated.
    #[error("the order component did not answer in time")]
    TimedOut,
}

impl Lifecycle {
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

    /// Orders on which something is due, each claimed for `lease_ms`; at most `limit`, 1 to 100.
    pub async fn claim_due(&self, owner: &str, lease_ms: u32, limit: u32) -> Result<Claim, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_claim_due(accessor, owner.to_owned(), lease_ms, limit)
                .await
        })
        .await
    }

    /// Continues a saga where its last owner left it.
    pub async fn resume_saga(&self, order_no: &str) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_resume_saga(accessor, order_no.to_owned())
                .await
        })
        .await
    }

    /// Reads PayPay's details and applies them.
    pub async fn poll_payment(&self, order_no: &str, watched: bool) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_poll_payment(accessor, order_no.to_owned(), watched)
                .await
        })
        .await
    }

    /// Applies webhooks that were stored and not applied.
    pub async fn apply_inbox(&self, order_no: &str) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_apply_inbox(accessor, order_no.to_owned())
                .await
        })
        .await
    }

    /// Applies an event from elsewhere, confirmed by PayPay's details.
    pub async fn apply_payment_event(&self, event: PaymentEvent) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_apply_payment_event(accessor, event)
                .await
        })
        .await
    }

    /// The deadline has passed: fails the order, or accepts a late success.
    pub async fn expire(&self, order_no: &str) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_expire(accessor, order_no.to_owned())
                .await
        })
        .await
    }

    /// Cancels an unpaid order for its buyer.
    pub async fn cancel(&self, order_no: &str) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_cancel(accessor, order_no.to_owned())
                .await
        })
        .await
    }

    /// Refunds a paid order in full. `restock`: put the pieces back into the stock.
    pub async fn refund(&self, order_no: &str, reason: &str, restock: bool) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            let (order_no, reason) = (order_no.to_owned(), reason.to_owned());
            orders
                .kessai_order_lifecycle()
                .call_refund(accessor, order_no, reason, restock)
                .await
        })
        .await
    }

    /// Checks a channel token and returns the order as it is now.
    pub async fn open_channel(&self, order_no: &str, token: &str) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            let (order_no, token) = (order_no.to_owned(), token.to_owned());
            orders
                .kessai_order_lifecycle()
                .call_open_channel(accessor, order_no, token)
                .await
        })
        .await
    }

    /// The order as it is now.
    pub async fn snapshot_of(&self, order_no: &str) -> Result<Snapshot, CallError> {
        self.call(async |accessor, orders| {
            orders
                .kessai_order_lifecycle()
                .call_snapshot_of(accessor, order_no.to_owned())
                .await
        })
        .await
    }

    async fn call<R>(
        &self,
        call: impl AsyncFnOnce(&Accessor<Guest>, &Orders) -> wasmtime::Result<Result<R, LifecycleError>>,
    ) -> Result<R, CallError> {
        let deadline = Instant::now() + self.inner.timeout;
        let context = Arc::new(RequestContext::internal(deadline));
        let answer = async {
            let mut instance = self.inner.instance(Arc::clone(&context)).await?;
            let Orderly { store, orders, calls } = &mut instance;
            *calls += 1;
            let answer = store
                .run_concurrent(async |accessor| call(accessor, orders).await)
                .await??;
            self.inner.keep(instance);
            wasmtime::error::Ok(answer)
        };
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer.map_err(CallError::Lifecycle),
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
    async fn instance(&self, context: Arc<RequestContext>) -> wasmtime::Result<Orderly> {
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
        Ok(Orderly {
            store,
            orders,
            calls: 0,
        })
    }

    fn keep(&self, instance: Orderly) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if instance.calls < self.app.limits.instance_reuse && free.len() < KEPT {
            free.push(instance);
        }
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").finish_non_exhaustive()
    }
}
