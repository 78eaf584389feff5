//! The channel's service over orders kept in memory, and a browser for it.

// Each test program uses its own part of it.
#![allow(dead_code)]

use domain::{OrderNo, OrderStatus, PaymentStatus, Yen};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use kessai_realtime::{OpenError, OrderView, Orders, Realtime, RealtimeConfig};
use serde_json::Value;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::Request},
};

pub const ORDER: &str = "K20261122-7F3K9Q2MXA";
pub const TOKEN: &str = "right";
pub const SHOP: &str = "http://shop.test:3000";
/// A test that hangs fails after this long; none needs it.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Client = WebSocketStream<TcpStream>;

#[derive(Default)]
pub struct InMemory {
    pub orders: Mutex<HashMap<OrderNo, OrderView>>,
    pub down: Mutex<bool>,
    /// How often an order was not read because of that.
    pub refused: AtomicUsize,
    /// Runs inside `open_channel`, after the order was read: what happens between the reading and the answer.
    pub meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl InMemory {
    pub fn put(&self, view: OrderView) {
        self.orders.lock().unwrap().insert(view.order_no.clone(), view);
    }
}

impl Orders for InMemory {
    fn open_channel<'a>(
        &'a self,
        order_no: &'a OrderNo,
        token: &'a str,
    ) -> BoxFuture<'a, Result<OrderView, OpenError>> {
        async move {
            let view = self.snapshot(order_no).await?;
            if token != TOKEN {
                return Err(OpenError::Unauthorized);
            }
            if let Some(happen) = self.meanwhile.lock().unwrap().take() {
                happen();
            }
            Ok(view)
        }
        .boxed()
    }

    fn snapshot<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<OrderView, OpenError>> {
        async move {
            if *self.down.lock().unwrap() {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(OpenError::Unavailable("down".into()));
            }
            self.orders
                .lock()
                .unwrap()
                .get(order_no)
                .cloned()
                .ok_or(OpenError::NotFound)
        }
        .boxed()
    }
}

pub fn view(version: u64) -> OrderView {
    let paid = version >= 10;
    OrderView {
        order_no: ORDER.parse().unwrap(),
        status: if paid {
            OrderStatus::Paid
        } else {
            OrderStatus::WaitingPayment
        },
        payment_status: if paid {
            PaymentStatus::Completed
        } else {
            PaymentStatus::Created
        },
        amount: Yen::new(1200).unwrap(),
        version,
        updated_at: "2026-11-22T01:00:00.000Z".into(),
        fail_code: None,
        expires_at: None,
    }
}

pub struct Service {
    pub orders: Arc<InMemory>,
    pub realtime: Realtime,
    pub address: SocketAddr,
}

impl Service {
    pub async fn start(change: impl FnOnce(&mut RealtimeConfig)) -> Service {
        let orders = Arc::new(InMemory::default());
        orders.put(view(1));
        Service::over(orders, change).await
    }

    pub async fn over(orders: Arc<InMemory>, change: impl FnOnce(&mut RealtimeConfig)) -> Service {
        let mut config = RealtimeConfig::new(SHOP);
        change(&mut config);
        let realtime = Realtime::new(orders.clone(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = realtime.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Service {
            orders,
            realtime,
            address,
        }
    }

    pub fn request(&self, query: &str) -> Request<()> {
        format!("ws://{}/ws/orders{query}", self.address)
            .into_client_request()
            .unwrap()
    }

    pub async fn try_connect(&self, request: Request<()>) -> Result<Client, Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Ok(client_async(request, stream).await?.0)
    }

    pub async fn connect(&self) -> Client {
        self.try_connect(self.request(&format!("?orderNo={ORDER}&token={TOKEN}")))
            .await
            .unwrap()
    }

    pub fn publish(&self, version: u64) {
        self.orders.put(view(version));
        self.realtime.publish(view(version));
    }
}

pub async fn next(client: &mut Client) -> Message {
    tokio::time::timeout(PATIENCE, client.next())
        .await
        .expect("no message")
        .unwrap()
        .unwrap()
}

/// The next JSON message, past pings.
pub async fn json(client: &mut Client) -> Value {
    loop {
        if let Message::Text(text) = next(client).await {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

pub async fn close_code(client: &mut Client) -> u16 {
    loop {
        match next(client).await {
            Message::Close(frame) => return frame.unwrap().code.into(),
            Message::Text(text) => panic!("{text}"),
            _ => {}
        }
    }
}

pub async fn until(mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the condition never came true");
}
