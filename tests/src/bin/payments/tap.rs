//! Stands between the shop and PayPay, both ways, and looks at the clock: when a webhook goes to the shop, and how long PayPay takes to answer.

use anyhow::{Context, Result};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// PayPay's events and answers are far smaller.
const LARGEST: usize = 1 << 20;

/// Where the tap's two sides lead, without a slash at the end.
#[derive(Debug)]
pub struct Ends {
    pub shop: String,
    pub paypay: String,
}

/// What was seen of one payment.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// When the first webhook went to the shop.
    webhook: Option<Instant>,
    /// Calls for its details: from the request to the answer.
    details: Vec<(Instant, Instant)>,
}

#[derive(Clone, Debug)]
pub struct Tap {
    pub origin: String,
    ends: Arc<OnceLock<Ends>>,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
    http: reqwest::Client,
}

impl Tap {
    pub async fn open() -> Result<Tap> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let tap = Tap {
            origin: format!("http://{}", listener.local_addr()?),
            ends: Arc::default(),
            seen: Arc::default(),
            http: reqwest::Client::builder().no_proxy().build()?,
        };
        let router = axum::Router::new().fallback(pass_on).with_state(tap.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(tap)
    }

    /// Lets through what has been refused until now.
    pub fn connect(&self, ends: Ends) -> Result<()> {
        self.ends.set(ends).ok().context("connected twice")
    }

    /// From the webhook to `pushed`, and how much of it PayPay took for its details; `None` if no webhook had gone to the shop by then.
    pub fn took(&self, merchant_payment_id: &str, pushed: Instant) -> Option<(Duration, Duration)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.get(merchant_payment_id)?;
        let sent = seen.webhook.filter(|sent| *sent < pushed)?;
        let paypay = seen
            .details
            .iter()
            .filter(|(asked, answered)| *asked >= sent && *answered <= pushed)
            .map(|(asked, answered)| *answered - *asked)
            .sum();
        Some((pushed - sent, paypay))
    }

    fn note(&self, payment: &str, what: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        what(seen.entry(payment.to_owned()).or_default());
    }

    async fn forward(&self, request: Request) -> Result<Response> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, LARGEST).await?;
        let ends = self.ends.get().context("not connected")?;
        let path = parts.uri.path_and_query().context("a path")?.as_str();
        let details = path
            .strip_prefix("/v2/codes/payments/")
            .filter(|_| parts.method == Method::GET);
        let end = if path.starts_with("/paypay/webhook") {
            &ends.shop
        } else {
            &ends.paypay
        };
        let mut headers = parts.headers;
        // The next connection has its own.
        for name in [
            header::HOST,
            header::CONNECTION,
            header::TRANSFER_ENCODING,
            header::CONTENT_LENGTH,
        ] {
            headers.remove(name);
        }
        let asked = Instant::now();
        if end == &ends.shop
            && let Some(payment) = payment_of(&body)
        {
            self.note(&payment, |seen| {
                seen.webhook.get_or_insert(asked);
            });
        }
        let answer = self
            .http
            .request(parts.method.clone(), format!("{end}{path}"))
            .headers(headers)
            .body(body)
            .send()
            .await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        let body = answer.bytes().await?;
        if let Some(payment) = details {
            self.note(payment, |seen| seen.details.push((asked, Instant::now())));
        }
        let mut response = Response::new(Body::from(body));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

async fn pass_on(State(tap): State<Tap>, request: Request) -> Response {
    match tap.forward(request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

fn payment_of(body: &Bytes) -> Option<String> {
    let event: Value = serde_json::from_slice(body).ok()?;
    event["merchant_order_id"].as_str().map(str::to_owned)
}
