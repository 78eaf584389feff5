//! One browser's connection, from the upgrade to the close.

use crate::{
    CloseCode, OpenError,
    hub::Watcher,
    message::{ClientMessage, ServerMessage},
    route::Shared,
};
use axum::extract::ws::{Message, WebSocket};
use domain::OrderNo;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a peer may take to answer a close before the connection is dropped anyway.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// `STATUS` asks the orders at most this often; in between it is answered from what was pushed.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Why the loop ended.
enum End {
    /// The peer closed, broke off or stopped answering; nothing more can be said to it.
    Gone,
    Close(CloseCode),
}

/// Runs a connection until either side ends it. `token` is checked here, after the upgrade: before it a browser could not be told why.
pub(crate) async fn run(mut socket: WebSocket, shared: &Shared, order_no: OrderNo, token: String) {
    let end = match open(shared, order_no, token).await {
        Ok(watcher) => {
            metrics::gauge!("kessai_ws_connections").increment(1);
            let end = Connection::new(&mut socket, shared, watcher).run().await;
            metrics::gauge!("kessai_ws_connections").decrement(1);
            end
        }
        Err(error) => {
            if let OpenError::Unavailable(reason) = &error {
                tracing::warn!(component = "realtime", %reason, "channel not opened");
            }
            End::Close(CloseCode::from(&error))
        }
    };
    if let End::Close(code) = end {
        close(socket, code).await;
    }
}

/// Checks the token and starts to watch. Watching starts first: a change between the two would be lost otherwise.
async fn open(shared: &Shared, order_no: OrderNo, token: String) -> Result<Watcher, OpenError> {
    let watcher = shared.hub.watch(order_no.clone());
    let opening = async {
        // After a restart every browser comes back at once; the orders are asked by a few at a time.
        let _turn = shared.opens.acquire().await;
        shared.orders.open_channel(&order_no, &token).await
    };
    let view = timeout(shared.config.open_limit, opening)
        .await
        .unwrap_or_else(|_| Err(OpenError::Unavailable("no answer in time".into())))?;
    shared.hub.publish(view);
    Ok(watcher)
}

/// Says why, and waits for the peer's answer so that the reason is not lost in a reset.
pub(crate) async fn close(mut socket: WebSocket, code: CloseCode) {
    metrics::counter!("kessai_ws_closed_total", "code" => code.code().to_string()).increment(1);
    let farewell = async {
        if socket.send(code.message()).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // A peer that does not answer is dropped; there is nothing else to do about it.
    let _ = timeout(CLOSE_WAIT, farewell).await;
}

struct Connection<'a> {
    socket: &'a mut WebSocket,
    shared: &'a Shared,
    watcher: Watcher,
    /// The version that the browser has; 0 before the snapshot.
    sent: u64,
    heard_at: Instant,
    ping_at: Instant,
    status_from: Instant,
}

impl<'a> Connection<'a> {
    fn new(socket: &'a mut WebSocket, shared: &'a Shared, watcher: Watcher) -> Connection<'a> {
        let now = Instant::now();
        let ping_at = now + shared.config.ping_interval;
        Connection {
            socket,
            shared,
            watcher,
            sent: 0,
            heard_at: now,
            ping_at,
            status_from: now,
        }
    }

    async fn run(mut self) -> End {
        if self.send_snapshot().await.is_err() {
            return End::Gone;
        }
        loop {
            let dead_at = self.heard_at + self.shared.config.dead_after;
            let step = tokio::select! {
                biased;
                () = self.shared.drain.cancelled() => return End::Close(CloseCode::GoingAway),
                () = self.watcher.changed() => self.push().await,
                message = self.socket.recv() => self.hear(message).await,
                () = sleep_until(dead_at) => Err(End::Gone),
                () = sleep_until(self.ping_at) => self.ping().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => match ClientMessage::parse(&text) {
                Some(ClientMessage::Ping) => self.send(Message::Text(ServerMessage::Pong.text())).await,
                Some(ClientMessage::Status) => self.answer_status().await,
                None => self.send(Message::Text(ServerMessage::UNKNOWN.text())).await,
            },
            Some(Ok(Message::Binary(_))) => self.send(Message::Text(ServerMessage::UNKNOWN.text())).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(End::Gone),
            Some(Err(error)) if is_too_big(&error) => Err(End::Close(CloseCode::TooBig)),
            Some(Err(_)) => Err(End::Gone),
        }
    }

    async fn push(&mut self) -> Result<(), End> {
        let Some(latest) = self.watcher.latest() else {
            return Ok(());
        };
        if latest.view.version <= self.sent {
            return Ok(());
        }
        self.sent = latest.view.version;
        metrics::counter!("kessai_ws_pushes_total").increment(1);
        self.send(Message::Text(latest.push.clone())).await
    }

    async fn answer_status(&mut self) -> Result<(), End> {
        if Instant::now() >= self.status_from {
            self.status_from = Instant::now() + STATUS_INTERVAL;
            if let Some(latest) = self.watcher.latest()
                && let Ok(Ok(view)) = timeout(
                    self.shared.config.open_limit,
                    self.shared.orders.snapshot(&latest.view.order_no),
                )
                .await
            {
                self.shared.hub.publish(view);
            }
        }
        self.send_snapshot().await
    }

    async fn send_snapshot(&mut self) -> Result<(), End> {
        // `open` published a state before this connection existed, so there always is one.
        let Some(latest) = self.watcher.latest() else {
            return Ok(());
        };
        self.sent = latest.view.version;
        self.send(Message::Text(
            ServerMessage::Snapshot { order: &latest.view }.text(),
        ))
        .await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.ping_at = Instant::now() + self.shared.config.ping_interval;
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    /// Waits until the kernel has taken the message; for a peer that reads nothing, no longer than it takes to be called dead.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.shared.config.dead_after, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

/// axum hides the WebSocket library's error type; a message over the limit is the only capacity error that reading can give.
fn is_too_big(error: &axum::Error) -> bool {
    error.to_string().contains("too long")
}
