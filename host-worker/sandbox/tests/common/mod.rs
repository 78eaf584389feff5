//! A sandbox on a real listener, a merchant that signs its calls, and a webhook receiver.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use kessai_sandbox::{Clock, Sandbox, SandboxConfig};
use paypay::signing::{Body, Credentials, Signed, sign};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

pub const KEY: &str = "test_key";
pub const SECRET: &str = "test_secret";
pub const MERCHANT: &str = "test-merchant";
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves on a port of its own and returns the address.
pub async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// Asks until `ready` says so.
pub async fn until<T>(what: &str, mut ready: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(value) = ready().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Receives webhooks; answers with the statuses it was given, then 200.
#[derive(Clone, Default)]
pub struct Receiver {
    pub bodies: Arc<Mutex<Vec<Value>>>,
    pub statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub async fn start(&self) -> String {
        let router = axum::Router::new()
            .route("/hook", post(receive))
            .with_state(self.clone());
        format!("{}/hook", serve(router).await)
    }

    pub fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }
}

async fn receive(State(receiver): State<Receiver>, body: Bytes) -> StatusCode {
    receiver
        .bodies
        .lock()
        .unwrap()
        .push(serde_json::from_slice(&body).unwrap());
    let status = receiver.statuses.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}

/// A running sandbox and everything a test does to it.
pub struct Shop {
    pub sandbox: Sandbox,
    pub api: String,
    pub receiver: Receiver,
    pub hook: String,
    /// Milliseconds that the sandbox's clock is ahead.
    pub ahead: Arc<AtomicI64>,
    client: reqwest::Client,
    nonce: AtomicU64,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(None).await
    }

    pub async fn open_with(state_file: Option<PathBuf>) -> Self {
        let mut config = SandboxConfig::new(KEY, SECRET, MERCHANT, "http://127.0.0.1:3000").unwrap();
        config.state_file = state_file;
        Self::open_as(config).await
    }

    /// With a receiver of its own unless `config` names another webhook address.
    pub async fn open_as(mut config: SandboxConfig) -> Self {
        let receiver = Receiver::default();
        let hook = receiver.start().await;
        let ahead = Arc::new(AtomicI64::new(0));
        config.webhook_url.get_or_insert_with(|| hook.clone());
        let offset = Arc::clone(&ahead);
        config.clock = Clock::new(move || Clock::system().millis() + offset.load(Ordering::SeqCst));
        let sandbox = Sandbox::new(config).await.unwrap();
        let api = serve(sandbox.api_router()).await;
        Self {
            sandbox,
            api,
            receiver,
            hook,
            ahead,
            client: reqwest::Client::new(),
            nonce: AtomicU64::new(1),
        }
    }

    pub fn now(&self) -> i64 {
        (Clock::system().millis() + self.ahead.load(Ordering::SeqCst)) / 1000
    }

    /// A signed call.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call_as(
            &Credentials::new(KEY, SECRET).unwrap(),
            MERCHANT,
            self.now(),
            method,
            path,
            body,
        )
        .await
    }

    pub async fn call_as(
        &self,
        credentials: &Credentials,
        merchant: &str,
        epoch: i64,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let request = self.signed(credentials, merchant, epoch, method, path, body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A signed call whose answer may break off.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let credentials = Credentials::new(KEY, SECRET).unwrap();
        let request = self.signed(&credentials, MERCHANT, self.now(), method, path, body);
        request.send().await
    }

    /// A signed `GET` with a query.
    pub async fn read(&self, path: &str) -> (u16, Value) {
        let answer = self.raw("GET", path, None).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    fn signed(
        &self,
        credentials: &Credentials,
        merchant: &str,
        epoch: i64,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::RequestBuilder {
        let text = body.map(|body| body.to_string());
        let nonce = self.nonce.fetch_add(1, Ordering::SeqCst).to_string();
        let signed = Signed {
            method,
            path: path.split('?').next().unwrap(),
            body: text.as_ref().map(|text| Body {
                content_type: "application/json",
                bytes: text.as_bytes(),
            }),
        };
        let header = sign(credentials, &signed, &nonce, epoch).to_string();
        let request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.api))
            .header("authorization", header)
            .header("x-assume-merchant", merchant);
        match text {
            Some(text) => request.header("content-type", "application/json").body(text),
            None => request,
        }
    }

    /// An unsigned call to `/sandbox/**`.
    pub async fn desk(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.api));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Makes a code and returns its id.
    pub async fn code(&self, id: &str) -> String {
        let (status, body) = self.call("POST", "/v2/codes", Some(code_request(id))).await;
        assert_eq!(status, 201, "{body}");
        body["data"]["codeId"].as_str().unwrap().to_owned()
    }

    pub async fn decide(&self, code: &str, what: &str) -> (u16, Value) {
        self.desk("POST", &format!("/sandbox/codes/{code}/{what}"), None)
            .await
    }

    /// PayPay's details of a payment.
    pub async fn details(&self, id: &str) -> Value {
        let (status, body) = self.call("GET", &format!("/v2/codes/payments/{id}"), None).await;
        assert_eq!(status, 200, "{body}");
        body["data"].clone()
    }

    /// The payment's deliveries once none is pending any more and there are at least `least`.
    pub async fn settled(&self, id: &str, least: usize) -> Vec<Value> {
        until("deliveries to be settled", async || {
            let (_, body) = self.desk("GET", &format!("/sandbox/payments/{id}"), None).await;
            let deliveries = body["deliveries"].as_array().unwrap().clone();
            let pending = deliveries.iter().any(|delivery| delivery["outcome"] == "PENDING");
            (deliveries.len() >= least && !pending).then_some(deliveries)
        })
        .await
    }
}

pub fn code_request(id: &str) -> Value {
    json!({
        "merchantPaymentId": id, "amount": {"amount": 1200, "currency": "JPY"}, "codeType": "ORDER_QR",
        "orderDescription": "お買い物", "requestedAt": 1_743_139_337,
        "orderItems": [{"name": "<b>皿</b>", "quantity": 2, "productId": "7", "unitPrice": {"amount": 600, "currency": "JPY"}}]
    })
}

/// `resultInfo.code` of an answer.
pub fn result(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["resultInfo"]["code"].as_str().unwrap())
}

/// Connects over TLS, trusting `authority` (PEM) alone.
pub async fn tls_handshake(
    authority: &str,
    host: &'static str,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut trusted = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    trusted.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(host).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// `GET` over TLS: status and body.
pub async fn tls_get(
    authority: &str,
    host: &'static str,
    address: SocketAddr,
    path: &str,
    authorization: &str,
) -> (u16, String) {
    let mut stream = tls_handshake(authority, host, address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}
