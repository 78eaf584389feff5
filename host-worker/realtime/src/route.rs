//! The HTTP side: `GET /ws/orders`, its limits, and the drain.

use crate::{CloseCode, Hub, OpenError, OrderView, Orders, connection, fanout::Outgoing};
use axum::{
    Router,
    extract::{
        Query, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use domain::OrderNo;
use futures::StreamExt;
use serde::Deserialize;
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const PROTOCOL: &str = "kessai.channel";
/// Bytes of one client message. The longest that means something has 17.
const MESSAGE_LIMIT: usize = 1024;
/// Bytes that each idle connection keeps for reading; what arrives is a few words.
const READ_BUFFER: usize = 512;
/// Calls of [`Orders::open_channel`] at the same time.
const OPENS: usize = 64;
/// Orders read at the same time by [`Realtime::resync`].
const RESYNCS: usize = 16;

/// Limits, and whose pages may connect.
#[derive(Clone, Debug)]
pub struct RealtimeConfig {
    /// The shop's origin, for example `https://shop.example`: a browser that says it comes from elsewhere is refused.
    pub origin: String,
    /// Connections at the same time; one more is closed with 1013.
    pub connections: usize,
    /// How often an idle connection is pinged.
    pub ping_interval: Duration,
    /// A peer that has said nothing for so long, not even answered pings, is gone.
    pub dead_after: Duration,
    /// How long the orders may take to answer.
    pub open_limit: Duration,
}

impl RealtimeConfig {
    /// 25,000 connections, a ping every 25 s, dead after 60 s, 10 s to open.
    pub fn new(public_url: &str) -> RealtimeConfig {
        RealtimeConfig {
            origin: public_url.trim_end_matches('/').to_ascii_lowercase(),
            connections: 25_000,
            ping_interval: Duration::from_secs(25),
            dead_after: Duration::from_secs(60),
            open_limit: Duration::from_secs(10),
        }
    }
}

pub(crate) struct Shared {
    pub(crate) config: RealtimeConfig,
    pub(crate) orders: Arc<dyn Orders>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) opens: Semaphore,
    pub(crate) drain: CancellationToken,
    /// To the other workers, if there are any.
    outgoing: OnceLock<Outgoing>,
    slots: Arc<Semaphore>,
    open: TaskTracker,
}

/// The WebSocket service. Clones are the same service.
#[derive(Clone)]
pub struct Realtime(Arc<Shared>);

impl fmt::Debug for Realtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Realtime")
            .field("config", &self.0.config)
            .field("open", &self.0.open.len())
            .finish()
    }
}

impl Realtime {
    pub fn new(orders: Arc<dyn Orders>, config: RealtimeConfig) -> Realtime {
        Realtime(Arc::new(Shared {
            orders,
            hub: Arc::new(Hub::default()),
            opens: Semaphore::new(OPENS),
            drain: CancellationToken::new(),
            outgoing: OnceLock::new(),
            slots: Arc::new(Semaphore::new(config.connections.min(Semaphore::MAX_PERMITS))),
            open: TaskTracker::new(),
            config,
        }))
    }

    /// Where changes are published, and who watches what.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    /// `GET /ws/orders`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/ws/orders", get(upgrade))
            .with_state(self.clone())
    }

    /// Connections that are open or closing.
    pub fn connections(&self) -> usize {
        self.0.open.len()
    }

    /// Tells those who watch the order, here and, with a [`Fanout`](crate::Fanout), at the other workers.
    pub fn publish(&self, view: OrderView) {
        if let Some(outgoing) = self.0.outgoing.get() {
            outgoing.offer(view.clone());
        }
        self.0.hub.publish(view);
    }

    /// Makes up for changes that [`Realtime::publish`] may not have been told of, here and at the other workers.
    pub async fn resync_everywhere(&self) {
        if let Some(outgoing) = self.0.outgoing.get() {
            outgoing.ask_for_resync();
        }
        self.resync().await;
    }

    pub(crate) fn send_to(&self, outgoing: Outgoing) {
        // Only the first counts, as documented.
        let _ = self.0.outgoing.set(outgoing);
    }

    /// Reads every order again that is watched here. Returns how many could not be read.
    pub async fn resync(&self) -> usize {
        let reads = futures::stream::iter(self.0.hub.watched()).map(async |order_no| {
            match self.0.orders.snapshot(&order_no).await {
                Ok(view) => self.0.hub.publish(view),
                Err(error) => {
                    tracing::warn!(component = "realtime", %order_no, %error, "order not read again");
                    // One that is gone will not come back by being read once more.
                    return usize::from(error != OpenError::NotFound);
                }
            }
            0
        });
        reads
            .buffer_unordered(RESYNCS)
            .fold(0, async |unread, more| unread + more)
            .await
    }

    /// Closes every connection with 1001 and waits for them, at most `limit`. New ones are closed the same way.
    pub async fn drain(&self, limit: Duration) {
        self.0.drain.cancel();
        self.0.open.close();
        if tokio::time::timeout(limit, self.0.open.wait()).await.is_err() {
            tracing::warn!(
                component = "realtime",
                left = self.0.open.len(),
                "connections did not close in time"
            );
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelQuery {
    #[serde(default)]
    order_no: String,
    token: Option<String>,
}

async fn upgrade(
    State(realtime): State<Realtime>,
    query: Result<Query<ChannelQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return problem(rejection.status(), "VALIDATION_FAILED", &rejection.body_text()),
    };
    if !origin_is_right(&headers, &realtime.0.config.origin) {
        metrics::counter!("kessai_ws_refused_total", "reason" => "origin").increment(1);
        return problem(
            StatusCode::FORBIDDEN,
            "ORIGIN_REJECTED",
            "this page may not open a channel",
        );
    }
    let Query(query) = query.unwrap_or_default();
    let token = query
        .token
        .or_else(|| token_in_protocol(&headers))
        .unwrap_or_default();
    let order_no: Option<OrderNo> = query.order_no.parse().ok();

    let place = realtime.0.slots.clone().try_acquire_owned();
    let open = realtime.0.open.token();
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        // Nothing is collected before it is written; a frame goes to the kernel when it is made.
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(MESSAGE_LIMIT)
        .max_frame_size(MESSAGE_LIMIT)
        .on_upgrade(async move |socket| {
            let _open = open;
            match (place, order_no) {
                (Err(_), _) => connection::close(socket, CloseCode::Overloaded).await,
                (Ok(_), None) => connection::close(socket, CloseCode::NoSuchOrder).await,
                (Ok(_), Some(_)) if token.is_empty() => {
                    connection::close(socket, CloseCode::Unauthorized).await
                }
                (Ok(_place), Some(order_no)) => connection::run(socket, &realtime.0, order_no, token).await,
            }
        })
}

/// Browsers always say where a page comes from; what is not a browser says nothing and needs the token all the same.
fn origin_is_right(headers: &HeaderMap, ours: &str) -> bool {
    headers
        .get(header::ORIGIN)
        .is_none_or(|origin| origin.as_bytes().eq_ignore_ascii_case(ours.as_bytes()))
}

/// `Sec-WebSocket-Protocol: kessai.channel, <token>`
fn token_in_protocol(headers: &HeaderMap) -> Option<String> {
    let mut offered = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    offered.find(|protocol| *protocol == PROTOCOL)?;
    offered.next().map(str::to_owned)
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}
