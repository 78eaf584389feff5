//! What a developer's machine needs from the outside world: a PayPay that behaves like PayPay, and an issuer of identity tokens.
//!
//! [`Sandbox`] is PayPay: [`Sandbox::api_router`] goes on a listener of its own, since PayPay's SDKs take a host and a port but no prefix;
//! [`Sandbox::shopper_router`] goes on the shop's. [`issuer::DevIssuer`] signs tokens with Firebase's claims. Both refuse a public address that
//! is not this machine, because both give anybody anything.

mod api;
mod books;
mod clock;
mod config;
mod desk;
mod faults;
pub mod issuer;
mod life;
mod loopback;
mod opa;
mod pages;
mod post;
mod problem;
mod service;
mod shopper;
mod tide;
pub mod tls;
mod told;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

pub use books::BooksError;
pub use clock::Clock;
pub use config::{ConfigError, SandboxConfig};
pub use faults::{ApiFaults, Faults, FaultsError, WebhookFaults};
pub use loopback::{NotLoopback, require_loopback};

use books::Books;
use faults::FaultBoard;
use service::Service;

/// How long [`Sandbox::shutdown`] waits for webhooks under way: one attempt's limit and a little. The rest stays in the books.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(2_500);

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(transparent)]
    NotLoopback(#[from] NotLoopback),
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error("the client for webhooks: {0}")]
    Client(#[from] reqwest::Error),
}

/// A PayPay of one's own. Cloning gives another handle on the same one.
#[derive(Clone, Debug)]
pub struct Sandbox {
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    work: Arc<Mutex<JoinSet<()>>>,
}

impl Sandbox {
    /// Opens the books and starts to deliver webhooks, those left from before included, and to let time pass. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`SandboxError::NotLoopback`] if `public_url` is not this machine and `force` is not set; [`SandboxError::Books`] if the
    /// file cannot be opened.
    pub async fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        if !config.force {
            require_loopback(&config.public_url)?;
        }
        let books = Books::open(config.state_file.as_deref())?;
        let seed = config.seed;
        let faults = books.run(move |db| FaultBoard::load(db, seed)).await?;
        if let Some(faults) = faults.set_for(None).filter(Faults::in_force) {
            tracing::warn!(?faults, "the sandbox starts with faults in force");
        }
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = config.webhook_url.clone();
        let service = Arc::new(Service::new(config, books, faults));
        let (stop, stopped) = watch::channel(false);
        let mut work = JoinSet::new();
        work.spawn(tide::run(Arc::clone(&service), stopped.clone()));
        if let Some(url) = url {
            work.spawn(webhooks::deliver(Arc::clone(&service), url, client, stopped));
        }
        Ok(Self {
            service,
            stop,
            work: Arc::new(Mutex::new(work)),
        })
    }

    /// PayPay's API at the root (`/v2/…`), and `/sandbox/**`.
    pub fn api_router(&self) -> Router {
        api::router(Arc::clone(&self.service)).merge(self.shopper_router())
    }

    /// `/sandbox/**`: the buyer's phone and the developer's desk.
    pub fn shopper_router(&self) -> Router {
        let surface = shopper::router()
            .merge(desk::router())
            .route("/sandbox/{*rest}", axum::routing::any(problem::not_found));
        surface
            .method_not_allowed_fallback(problem::method_not_allowed)
            .layer(from_fn(problem::request_id))
            .with_state(Arc::clone(&self.service))
    }

    /// Stops sending webhooks, after those under way; the others stay in the books for the next start.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let mut work = self.work.lock().await;
        let ended = async { while work.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_LIMIT, ended).await.is_err() {
            work.abort_all();
        }
    }
}
