//! The gateway against the real sandbox, over a wire that can be cut.

#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use kessai_sandbox::{Sandbox, SandboxConfig};
use paypay::payments::PaymentStatus;
use paypay::signing::Credentials;
use store::Database;

use crate::codes::{self, CodeRequest, Item};
use crate::fault::Fault;
use crate::payments;
use crate::paypay_api::{Account, Paypay};
use crate::records::CreatedCode;
use crate::wire::{Wire, WireError};

/// Where the wire is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nowhere,
    /// The request does not arrive.
    Before,
    /// The request arrives, its answer does not.
    After,
}

struct TestWire<'a> {
    cut: Cut,
    calls: &'a Cell<u32>,
}

impl Wire for TestWire<'_> {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<(u16, Bytes), WireError> {
        if self.cut == Cut::Before {
            return Err(WireError::NotSent("cut".to_owned()));
        }
        self.calls.set(self.calls.get() + 1);
        let request = reqwest::Request::try_from(request).unwrap();
        let answer = tokio::time::timeout(limit, reqwest::Client::new().execute(request))
            .await
            .unwrap()
            .unwrap();
        if self.cut == Cut::After {
            return Err(WireError::Broken("cut".to_owned()));
        }
        Ok((answer.status().as_u16(), answer.bytes().await.unwrap()))
    }
}

struct World {
    folder: tempfile::TempDir,
    paypay_url: String,
    cut: Cell<Cut>,
    /// Calls that reached PayPay.
    calls: Cell<u32>,
}

impl World {
    async fn new() -> Self {
        let config = SandboxConfig::new("key", "secret", "merchant", "http://127.0.0.1:3000").unwrap();
        let sandbox = Sandbox::new(config).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let paypay_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, sandbox.api_router()).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let db = rusqlite::Connection::open(folder.path().join("payments.db")).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.execute_batch(include_str!("../../../migrations/sqlite/payments/0001_init.sql"))
            .unwrap();
        Self {
            folder,
            paypay_url,
            cut: Cell::new(Cut::Nowhere),
            calls: Cell::new(0),
        }
    }

    fn open(&self) -> Database {
        Database::open_file(&self.folder.path().join("payments.db")).unwrap()
    }

    fn paypay(&self) -> Paypay<TestWire<'_>> {
        let account = Account {
            base_url: self.paypay_url.clone(),
            credentials: Credentials::new("key", "secret").unwrap(),
            merchant_id: "merchant".to_owned(),
        };
        let wire = TestWire {
            cut: self.cut.get(),
            calls: &self.calls,
        };
        Paypay::new(
            wire,
            account,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
    }

    async fn create(&self, step: &str, id: &str) -> Result<CreatedCode, Fault> {
        codes::create(self.open(), &self.paypay(), step, &request(id)).await
    }

    async fn delete(&self, step: &str, create_step: &str, id: &str) -> Result<(), Fault> {
        codes::delete(async || Ok(self.open()), &self.paypay(), step, create_step, id).await
    }

    async fn status(&self, id: &str) -> Result<PaymentStatus, Fault> {
        Ok(payments::details(&self.open(), &self.paypay(), id).await?.status)
    }

    async fn refund(
        &self,
        step: &str,
        id: &str,
        amount: i64,
        reason: &str,
    ) -> Result<payments::RefundRecord, Fault> {
        payments::refund(self.open(), &self.paypay(), step, id, amount, reason).await
    }

    /// The buyer approves; the HTTP status of the sandbox's answer.
    async fn approve(&self, code_id: &str) -> u16 {
        let url = format!("{}/sandbox/codes/{code_id}/approve", self.paypay_url);
        reqwest::Client::new()
            .post(url)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    async fn sandbox_says(&self, id: &str) -> serde_json::Value {
        let url = format!("{}/sandbox/payments/{id}", self.paypay_url);
        reqwest::get(url).await.unwrap().json().await.unwrap()
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
    }
}

#[tokio::test]
async fn a_repeated_create_returns_the_first_code_without_a_call() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    assert!(code.url.contains(&code.code_id) && code.expires_at > store::clock::now_ms());
    assert_eq!(world.create("s1", "m1").await.unwrap(), code);
    assert_eq!(world.calls.get(), 1);
    assert!(
        matches!(world.create("s1", "m2").await, Err(Fault::Rejected(_))),
        "a step is one request"
    );
    assert!(
        matches!(world.create("s2", "m1").await, Err(Fault::Rejected(_))),
        "an id is one step's"
    );
    assert_eq!(world.status("m1").await, Ok(PaymentStatus::Created));
    assert_eq!(world.status("none").await, Err(Fault::NotFound));
}

#[tokio::test]
async fn a_create_that_never_left_is_made_by_the_repeat() {
    let world = World::new().await;
    world.cut.set(Cut::Before);
    assert!(matches!(
        world.create("s1", "m1").await,
        Err(Fault::Unavailable(_))
    ));
    world.cut.set(Cut::Nowhere);
    assert!(world.create("s1", "m1").await.is_ok());
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_stays_in_doubt_and_its_code_can_be_voided() {
    let world = World::new().await;
    world.cut.set(Cut::After);
    assert!(matches!(world.create("s1", "m1").await, Err(Fault::InDoubt(_))));
    world.cut.set(Cut::Nowhere);
    for _ in 0..2 {
        assert!(
            matches!(world.create("s1", "m1").await, Err(Fault::InDoubt(_))),
            "the address is told once"
        );
    }
    assert!(
        world.create("s2", "m2").await.is_ok(),
        "another id is another code"
    );

    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    assert_eq!(world.create("s1", "m1").await, Err(Fault::Canceled));
    let lost = world.sandbox_says("m1").await;
    assert_eq!(lost["cancelRequested"], true);
    world.approve(lost["codeId"].as_str().unwrap()).await;
    assert_eq!(
        world.status("m1").await,
        Ok(PaymentStatus::Failed),
        "nobody can pay it"
    );
}

#[tokio::test]
async fn a_deleted_code_cannot_be_paid_and_deleting_may_be_repeated() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    world.cut.set(Cut::Before);
    assert!(matches!(
        world.delete("d1", "s1", "m1").await,
        Err(Fault::Unavailable(_))
    ));
    world.cut.set(Cut::After);
    assert!(matches!(
        world.delete("d1", "s1", "m1").await,
        Err(Fault::InDoubt(_))
    ));
    world.cut.set(Cut::Nowhere);
    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    let calls = world.calls.get();
    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    assert_eq!(world.delete("d2", "s1", "m1").await, Ok(()));
    assert_eq!(
        world.calls.get(),
        calls,
        "PayPay has confirmed it; there is nothing left to ask"
    );
    assert_eq!(world.approve(&code.code_id).await, 409);
}

#[tokio::test]
async fn a_delete_that_comes_first_blocks_the_create() {
    let world = World::new().await;
    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    assert_eq!(world.create("s1", "m1").await, Err(Fault::Canceled));
    assert_eq!(world.calls.get(), 0);
}

#[tokio::test]
async fn a_delete_that_overtakes_the_create_wins() {
    let world = World::new().await;
    let overtaking = Overtaken { world: &world };
    let account = Account {
        base_url: world.paypay_url.clone(),
        credentials: Credentials::new("key", "secret").unwrap(),
        merchant_id: "merchant".to_owned(),
    };
    let paypay = Paypay::new(overtaking, account, "");
    assert_eq!(
        codes::create(world.open(), &paypay, "s1", &request("m1")).await,
        Err(Fault::Canceled)
    );
    assert_eq!(world.sandbox_says("m1").await["codeState"], "DELETED");
}

/// Before the answer to the create arrives, its compensation runs to the end.
struct Overtaken<'a> {
    world: &'a World,
}

impl Wire for Overtaken<'_> {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<(u16, Bytes), WireError> {
        let creates = request.method() == http::Method::POST;
        let wire = TestWire {
            cut: Cut::Nowhere,
            calls: &self.world.calls,
        };
        let answer = wire.send(request, limit).await;
        if creates {
            assert_eq!(Box::pin(self.world.delete("d1", "s1", "m1")).await, Ok(()));
        }
        answer
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_code() {
    let world = World::new().await;
    let free = CodeRequest {
        amount: 0,
        ..request("m1")
    };
    let refused = codes::create(world.open(), &world.paypay(), "s1", &free).await;
    assert!(matches!(refused, Err(Fault::Rejected(why)) if why.code == "INVALID_REQUEST_PARAMS"));
    // Somebody else at this merchant has used the id.
    let other = World {
        paypay_url: world.paypay_url.clone(),
        ..World::new().await
    };
    assert!(other.create("x", "m1").await.is_ok());
    for _ in 0..2 {
        let refused = world.create("s1", "m1").await;
        assert!(matches!(refused, Err(Fault::Rejected(why)) if why.code == "DUPLICATE_DYNAMIC_QR_REQUEST"));
    }
}

#[tokio::test]
async fn a_payment_is_refunded_once_whatever_the_step_and_however_often_the_answer_is_lost() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    assert!(
        matches!(world.refund("r", "m1", 1200, "x").await, Err(Fault::Rejected(_))),
        "not paid yet"
    );
    world.approve(&code.code_id).await;
    assert!(
        matches!(world.refund("r", "m1", 1199, "x").await, Err(Fault::Rejected(_))),
        "not what was paid"
    );
    let refund = world.refund("r", "m1", 1200, "x").await.unwrap();
    assert_eq!(
        (refund.amount, world.status("m1").await),
        (1200, Ok(PaymentStatus::Refunded))
    );
    let calls = world.calls.get();
    assert_eq!(
        world.refund("r", "m1", 1200, "in other words").await.unwrap(),
        refund
    );
    assert_eq!(world.calls.get(), calls);
    assert_eq!(world.refund("another", "m1", 1200, "x").await.unwrap(), refund);
    assert_eq!(
        world.sandbox_says("m1").await["refunds"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_cancel_is_passed_on_once() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    world.approve(&code.code_id).await;
    for _ in 0..2 {
        assert_eq!(
            payments::cancel(world.open(), &world.paypay(), "c", "m1").await,
            Ok(())
        );
    }
    assert_eq!(world.status("m1").await, Ok(PaymentStatus::Canceled));
    assert_eq!(
        payments::cancel(world.open(), &world.paypay(), "c2", "none").await,
        Err(Fault::NotFound)
    );
}

#[tokio::test]
async fn a_reading_that_fails_is_unavailable_and_never_in_doubt() {
    let world = World::new().await;
    world.create("s1", "m1").await.unwrap();
    for cut in [Cut::Before, Cut::After] {
        world.cut.set(cut);
        assert!(matches!(world.status("m1").await, Err(Fault::Unavailable(_))));
    }
}
