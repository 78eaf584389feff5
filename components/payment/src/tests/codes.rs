//! Codes: made at most once, deleted for certain, and what becomes of those whose making is in doubt.

use super::*;
use crate::codes;

on_each_database! {
async fn a_repeated_create_returns_the_first_code_without_a_call() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    assert!(code.url.contains(&code.code_id) && code.expires_at > store::clock::now_ms());
    assert_eq!(world.create("s1", "m1").await.unwrap(), code);
    assert_eq!(world.tried(""), 1);
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

async fn a_create_that_never_left_is_made_by_the_repeat() {
    let world = World::new().await;
    world.cut_all(Cut::Before);
    assert!(matches!(
        world.create("s1", "m1").await,
        Err(Fault::Unavailable { .. })
    ));
    world.heal();
    assert!(world.create("s1", "m1").await.is_ok());
}

async fn a_create_whose_answer_was_lost_stays_in_doubt_and_its_code_can_be_voided() {
    let world = World::new().await;
    world.cut_all(Cut::After);
    assert!(matches!(world.create("s1", "m1").await, Err(Fault::InDoubt(_))));
    world.heal();
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

async fn a_deleted_code_cannot_be_paid_and_deleting_may_be_repeated() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    world.cut_all(Cut::Before);
    assert!(matches!(
        world.delete("d1", "s1", "m1").await,
        Err(Fault::Unavailable { .. })
    ));
    world.cut_all(Cut::After);
    assert!(matches!(
        world.delete("d1", "s1", "m1").await,
        Err(Fault::InDoubt(_))
    ));
    world.heal();
    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    let calls = world.tried("");
    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    assert_eq!(world.delete("d2", "s1", "m1").await, Ok(()));
    assert_eq!(
        world.tried(""),
        calls,
        "PayPay has confirmed it; there is nothing left to ask"
    );
    assert_eq!(world.approve(&code.code_id).await, 409);
}

async fn a_delete_that_comes_first_blocks_the_create() {
    let world = World::new().await;
    assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
    assert_eq!(world.create("s1", "m1").await, Err(Fault::Canceled));
    assert_eq!(world.tried(""), 0);
}

async fn a_delete_that_overtakes_the_create_wins() {
    let world = World::new().await;
    let paypay = Paypay::new(Overtaken { world: &world }, world.account(), "");
    assert_eq!(
        codes::create(world.open(), &paypay, "s1", &request("m1")).await,
        Err(Fault::Canceled)
    );
    assert_eq!(world.sandbox_says("m1").await["codeState"], "DELETED");
}
}

/// Before the answer to the create arrives, its compensation runs to the end.
struct Overtaken<'a> {
    world: &'a World,
}

impl Wire for Overtaken<'_> {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<Answer, WireError> {
        let creates = request.method() == http::Method::POST;
        let wire = TestWire {
            world: self.world,
            clock: Cell::default(),
        };
        let answer = wire.send(request, limit).await;
        if creates {
            assert_eq!(Box::pin(self.world.delete("d1", "s1", "m1")).await, Ok(()));
        }
        answer
    }

    async fn pause(&self, _: Duration) {}

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

on_each_database! {
async fn a_refusal_is_recorded_with_its_code() {
    let world = World::new().await;
    let free = CodeRequest {
        amount: 0,
        ..request("m1")
    };
    let refused = codes::create(world.open(), &world.paypay(), "s1", &free).await;
    assert!(is_rejected(&refused, "INVALID_REQUEST_PARAMS"));
    // Somebody else at this merchant has used the id.
    let other = World {
        paypay_url: world.paypay_url.clone(),
        ..World::new().await
    };
    assert!(other.create("x", "m1").await.is_ok());
    for _ in 0..2 {
        let refused = world.create("s1", "m1").await;
        assert!(is_rejected(&refused, "DUPLICATE_DYNAMIC_QR_REQUEST"));
    }
}

async fn a_code_is_asked_for_once_whatever_becomes_of_the_call() {
    let cuts = [
        Cut::Before,
        Cut::After,
        Cut::Silent,
        Cut::Hangs,
        says(400, "INVALID_REQUEST_PARAMS"),
        says(401, "UNAUTHORIZED"),
        says_later(429, "RATE_LIMIT", Some("1")),
        says(500, "INTERNAL_SERVER_ERROR"),
        says(503, "MAINTENANCE_MODE"),
        Cut::Says(200, "not JSON".to_owned(), None),
    ];
    for cut in cuts {
        let world = World::new().await;
        world.cut_all(cut.clone());
        assert!(world.create("s1", "m1").await.is_err());
        assert_eq!((world.tried(""), world.pauses.borrow().len()), (1, 0), "{cut:?}");
    }
}

async fn a_create_that_had_no_effect_leaves_nothing_to_undo() {
    for cut in [
        Cut::Before,
        says(429, "RATE_LIMIT"),
        says(503, "MAINTENANCE_MODE"),
        says(400, "INVALID_REQUEST_PARAMS"),
    ] {
        let world = World::new().await;
        world.cut_all(cut.clone());
        for _ in 0..2 {
            assert!(world.create("s1", "m1").await.is_err());
        }
        let calls = world.tried("");
        assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()), "{cut:?}");
        assert_eq!(
            world.tried(""),
            calls,
            "PayPay is not needed to undo nothing: {cut:?}"
        );
    }
}

async fn a_create_in_doubt_is_not_forgotten_when_its_repeat_had_no_effect() {
    for cut in [
        Cut::Before,
        says(401, "UNAUTHORIZED"),
        says(400, "DUPLICATE_DYNAMIC_QR_REQUEST"),
    ] {
        let world = World::new().await;
        world.cut("POST", 1, Cut::Silent);
        assert!(matches!(world.create("s1", "m1").await, Err(Fault::InDoubt(_))));
        world.cut("POST", 1, cut.clone());
        assert!(world.create("s1", "m1").await.is_err());
        assert_eq!(world.delete("d1", "s1", "m1").await, Ok(()));
        assert_eq!(world.sandbox_says("m1").await["cancelRequested"], true, "{cut:?}");
    }
}

async fn a_repeat_that_is_refused_while_the_first_is_in_doubt_is_in_doubt_too() {
    let world = World::new().await;
    world.cut("POST", 1, Cut::Silent);
    world.cut("POST", 1, says(401, "UNAUTHORIZED"));
    for _ in 0..3 {
        assert!(matches!(world.create("s1", "m1").await, Err(Fault::InDoubt(_))));
    }
}

async fn a_code_that_was_used_needs_no_deleting() {
    let world = World::new().await;
    world.paid("m1").await;
    world.cut("DELETE", usize::MAX, says(400, "UNACCEPTABLE_OP"));
    assert_eq!(world.delete("d1", "create m1", "m1").await, Ok(()));
    assert_eq!(world.status("m1").await, Ok(PaymentStatus::Completed));

    world.create("s2", "m2").await.unwrap();
    assert!(is_rejected(
        &world.delete("d2", "s2", "m2").await,
        "UNACCEPTABLE_OP"
    ));
}

async fn an_authorization_is_another_request_than_a_payment_under_the_same_step() {
    let world = World::new().await;
    world.create("s1", "m1").await.unwrap();
    let hold = CodeRequest {
        is_authorization: true,
        ..request("m1")
    };
    let reused = codes::create(world.open(), &world.paypay(), "s1", &hold).await;
    assert!(is_rejected(&reused, "INVALID_REQUEST_PARAMS"));
    let plain = serde_json::to_string(&request("m1")).unwrap();
    assert!(
        !plain.contains("is_authorization"),
        "steps recorded before authorizations existed keep their hash"
    );
}
}
