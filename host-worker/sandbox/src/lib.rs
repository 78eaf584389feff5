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
mod pages;
mod problem;
mod service;
mod shopper;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

pub use books::BooksError;
pub use clock::Clock;
pub use config::{ConfigError, SandboxConfig};
pub use faults::{ApiFaults, Faults, FaultsError, WebhookFaults};
pub use loopback::{NotLoopback, require_loopback};

use books::Books;
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
    postman: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Sandbox {
    /// Opens the books and starts to deliver webhooks, those left from before included. Needs a tokio runtime.
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
        let faults = books.run(desk::stored_faults).await?;
        if faults.in_force() {
            tracing::warn!(?faults, "the sandbox starts with faults in force");
        }
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = config.webhook_url.clone();
        let service = Arc::new(Service::new(config, books, faults));
        let (stop, stopped) = watch::channel(false);
        let postman =
            url.map(|url| tokio::spawn(webhooks::deliver(Arc::clone(&service), url, client, stopped)));
        Ok(Self {
            service,
            stop,
            postman: Arc::new(Mutex::new(postman)),
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
        if let Some(mut postman) = self.postman.lock().await.take()
            && tokio::time::timeout(SHUTDOWN_LIMIT, &mut postman).await.is_err()
        {
            postman.abort();
        }
    }
}
