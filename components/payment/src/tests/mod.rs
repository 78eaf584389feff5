//! The gateway against the real sandbox, over a wire that can be cut, on a clock that only calls and pauses move.

#![allow(clippy::unwrap_used)]

/// Tests whose bodies run on each database that there is.
macro_rules! on_each_database {
    ($($(#[$attribute:meta])* async fn $name:ident() $body:block)*) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            store::testing::on_each_database(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.enable_all().build().unwrap().block_on(async $body);
            });
        }
    )*};
}

mod authorizations;
mod codes;
mod failures;
mod refunds;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use kessai_sandbox::{Sandbox, SandboxConfig};
use paypay::payments::PaymentStatus;
use paypay::signing::Credentials;
use store::Database;
use store::testing::{Migrations, TestDatabase};

use crate::authorizations::{self as holds, CaptureRecord};
use crate::codes::{CodeRequest, Item};
use crate::fault::Fault;
use crate::paypay_api::{Account, Paypay};
use crate::records::CreatedCode;
use crate::refunds::RefundRecord;
use crate::wire::{Answer, Wire, WireError};

/// What happens to a call.
#[derive(Clone, Debug)]
enum Cut {
    /// The request does not arrive.
    Before,
    /// The request arrives, its answer does not.
    After,
    /// The same, and the caller waits for the answer as long as it may.
    Silent,
    /// The request is lost on its way, and the caller waits for the answer as long as it may.
    Hangs,
    /// Somebody answers without doing anything: status, body, `Retry-After`.
    Says(u16, String, Option<&'static str>),
}

/// PayPay's refusal with a result code.
fn says(status: u16, code: &str) -> Cut {
    says_later(status, code, None)
}

fn says_later(status: u16, code: &str, retry_after: Option<&'static str>) -> Cut {
    let result = serde_json::json!({ "code": code, "message": "on demand", "codeId": "1" });
    let body = serde_json::json!({ "resultInfo": result, "data": null });
    Cut::Says(status, body.to_string(), retry_after)
}

/// A cut for the next `times` calls whose `METHOD path` starts with `call`.
struct Plan {
    call: &'static str,
    times: usize,
    cut: Cut,
}

/// For one function of the gateway: its clock starts at zero.
struct TestWire<'a> {
    world: &'a World,
    clock: Cell<Duration>,
}

impl TestWire<'_> {
    async fn deliver(&self, request: http::Request<Bytes>) -> Answer {
        let request = reqwest::Request::try_from(request).unwrap();
        let answer = self.world.http.execute(request).await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            retry_after: None,
            body: answer.bytes().await.unwrap(),
        }
    }

    fn wait(&self, duration: Duration) {
        self.clock.set(self.clock.get() + duration);
        self.world
            .longest
            .set(self.world.longest.get().max(self.clock.get()));
    }
}

impl Wire for TestWire<'_> {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<Answer, WireError> {
        let call = format!("{} {}", request.method(), request.uri().path());
        self.world.calls.borrow_mut().push(call.clone());
        match self.world.cut_of(&call) {
            None => Ok(self.deliver(request).await),
            Some(Cut::Before) => Err(WireError::NotSent("cut".to_owned())),
            Some(Cut::After) => {
                self.deliver(request).await;
                Err(WireError::Broken("cut".to_owned()))
            }
            Some(cut @ (Cut::Silent | Cut::Hangs)) => {
                if matches!(cut, Cut::Silent) {
                    self.deliver(request).await;
                }
                self.wait(limit);
                Err(WireError::Broken("no answer".to_owned()))
            }
            Some(Cut::Says(status, body, retry_after)) => Ok(Answer {
                status,
                retry_after: retry_after.map(str::to_owned),
                body: body.into(),
            }),
        }
    }

    async fn pause(&self, duration: Duration) {
        self.world.pauses.borrow_mut().push(duration);
        self.wait(duration);
    }

    fn elapsed(&self) -> Duration {
        self.clock.get()
    }
}

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../../../../migrations/sqlite/payments/0001_init.sql"),
        include_str!("../../../../migrations/sqlite/payments/0002_open_calls.sql"),
    ],
    mysql: &[include_str!(
        "../../../../migrations/mysql/payments/0001_init.sql"
    )],
};

struct World {
    database: TestDatabase,
    paypay_url: String,
    http: reqwest::Client,
    plans: RefCell<Vec<Plan>>,
    /// Every call that was tried, as `METHOD path`.
    calls: RefCell<Vec<String>>,
    pauses: RefCell<Vec<Duration>>,
    /// The longest that any function took.
    longest: Cell<Duration>,
}

impl World {
    async fn new() -> Self {
        let config = SandboxConfig::new("key", "secret", "merchant", "http://127.0.0.1:3000").unwrap();
        let sandbox = Sandbox::new(config).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let paypay_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, sandbox.api_router()).await.unwrap() });
        Self {
            database: TestDatabase::new(MIGRATIONS),
            paypay_url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            plans: RefCell::default(),
            calls: RefCell::default(),
            pauses: RefCell::default(),
            longest: Cell::default(),
        }
    }

    /// From now on every call meets this.
    fn cut_all(&self, cut: Cut) {
        self.heal();
        self.cut("", usize::MAX, cut);
    }

    /// The next `times` calls that start with `call` meet this.
    fn cut(&self, call: &'static str, times: usize, cut: Cut) {
        self.plans.borrow_mut().push(Plan { call, times, cut });
    }

    fn heal(&self) {
        self.plans.borrow_mut().clear();
    }

    fn cut_of(&self, call: &str) -> Option<Cut> {
        let mut plans = self.plans.borrow_mut();
        let plan = plans
            .iter_mut()
            .find(|plan| plan.times > 0 && call.starts_with(plan.call))?;
        plan.times -= 1;
        Some(plan.cut.clone())
    }

    /// How often a call that starts so was tried.
    fn tried(&self, call: &str) -> usize {
        let calls = self.calls.borrow();
        calls.iter().filter(|made| made.starts_with(call)).count()
    }

    fn open(&self) -> Database {
        self.database.open()
    }

    fn account(&self) -> Account {
        Account {
            base_url: self.paypay_url.clone(),
            credentials: Credentials::new("key", "secret").unwrap(),
            merchant_id: "merchant".to_owned(),
        }
    }

    fn paypay(&self) -> Paypay<TestWire<'_>> {
        let wire = TestWire {
            world: self,
            clock: Cell::default(),
        };
        Paypay::new(
            wire,
            self.account(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
    }

    async fn create(&self, step: &str, id: &str) -> Result<CreatedCode, Fault> {
        crate::codes::create(self.open(), &self.paypay(), step, &request(id)).await
    }

    async fn delete(&self, step: &str, create_step: &str, id: &str) -> Result<(), Fault> {
        crate::codes::delete(async || Ok(self.open()), &self.paypay(), step, create_step, id).await
    }

    async fn status(&self, id: &str) -> Result<PaymentStatus, Fault> {
        let payment = crate::payments::details(&self.open(), &self.paypay(), id).await?;
        Ok(payment.status)
    }

    async fn cancel(&self, step: &str, id: &str) -> Result<(), Fault> {
        crate::payments::cancel(self.open(), &self.paypay(), step, id).await
    }

    async fn refund(&self, step: &str, id: &str, amount: i64, reason: &str) -> Result<RefundRecord, Fault> {
        crate::refunds::refund(self.open(), &self.paypay(), step, id, amount, reason).await
    }

    async fn capture(&self, step: &str, id: &str, amount: i64) -> Result<CaptureRecord, Fault> {
        holds::capture(self.open(), &self.paypay(), step, id, amount, "ご注文 K-1").await
    }

    async fn revert(&self, step: &str, id: &str) -> Result<(), Fault> {
        holds::revert(self.open(), &self.paypay(), step, id, "out of stock").await
    }

    /// A payment that the buyer has made.
    async fn paid(&self, id: &str) {
        let code = self.create(&format!("create {id}"), id).await.unwrap();
        assert_eq!(self.approve(&code.code_id).await, 200);
    }

    /// An authorization that the buyer has given.
    async fn authorized(&self, id: &str) {
        let request = CodeRequest {
            is_authorization: true,
            ..request(id)
        };
        let step = format!("authorize {id}");
        let code = crate::codes::create(self.open(), &self.paypay(), &step, &request)
            .await
            .unwrap();
        assert_eq!(self.approve(&code.code_id).await, 200);
    }

    /// The buyer approves; the HTTP status of the sandbox's answer.
    async fn approve(&self, code_id: &str) -> u16 {
        let url = format!("{}/sandbox/codes/{code_id}/approve", self.paypay_url);
        self.http.post(url).send().await.unwrap().status().as_u16()
    }

    async fn sandbox_says(&self, id: &str) -> serde_json::Value {
        let url = format!("{}/sandbox/payments/{id}", self.paypay_url);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

fn request(id: &str) -> CodeRequest {
    CodeRequest {
        order_no: "K-1".to_owned(),
        merchant_payment_id: id.to_owned(),
        amount: 1200,
        description: "ご注文 K-1".to_owned(),
        items: vec![Item {
            product_id: 7,
            name: "皿".repeat(300),
            quantity: 2,
            unit_price: 600,
        }],
        redirect_url: Some("http://127.0.0.1:3000/orders/K-1".to_owned()),
        is_authorization: false,
    }
}

fn is_rejected<T>(outcome: &Result<T, Fault>, code: &str) -> bool {
    matches!(outcome, Err(Fault::Rejected(why)) if why.code == code)
}
