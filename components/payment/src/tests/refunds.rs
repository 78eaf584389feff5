//! Refunds and cancels: once, whatever happens to the calls.

use super::*;

on_each_database! {
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
    let calls = world.tried("");
    assert_eq!(
        world.refund("r", "m1", 1200, "in other words").await.unwrap(),
        refund
    );
    assert_eq!(world.tried(""), calls);
    assert_eq!(world.refund("another", "m1", 1200, "x").await.unwrap(), refund);
    assert_eq!(
        world.sandbox_says("m1").await["refunds"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn a_cancel_is_passed_on_once() {
    let world = World::new().await;
    let code = world.create("s1", "m1").await.unwrap();
    world.approve(&code.code_id).await;
    for _ in 0..2 {
        assert_eq!(world.cancel("c", "m1").await, Ok(()));
    }
    assert_eq!(world.tried("DELETE"), 1);
    // PayPay's documents know both for it.
    assert!(matches!(
        world.status("m1").await,
        Ok(PaymentStatus::Canceled | PaymentStatus::Failed)
    ));
    assert_eq!(world.cancel("c2", "none").await, Err(Fault::NotFound));
}

async fn a_reading_that_fails_is_unavailable_and_never_in_doubt() {
    let world = World::new().await;
    world.create("s1", "m1").await.unwrap();
    for cut in [Cut::Before, Cut::After] {
        world.cut_all(cut);
        assert!(matches!(world.status("m1").await, Err(Fault::Unavailable { .. })));
    }
}

async fn a_refund_that_took_effect_unheard_is_found_and_not_asked_for_again() {
    for cut in [Cut::After, Cut::Silent] {
        let world = World::new().await;
        world.paid("m1").await;
        world.cut("POST /v2/refunds", 1, cut);
        assert_eq!(world.refund("r", "m1", 1200, "x").await.unwrap().amount, 1200);
        assert_eq!(
            (world.tried("POST /v2/refunds"), world.tried("GET /v2/refunds/m1")),
            (1, 1)
        );
    }
}

async fn a_refund_that_did_not_take_effect_is_asked_for_again_under_the_same_id() {
    let world = World::new().await;
    world.paid("m1").await;
    world.cut("POST /v2/refunds", 1, says(500, "INTERNAL_SERVER_ERROR"));
    let refund = world.refund("r", "m1", 1200, "x").await.unwrap();
    assert_eq!(refund.merchant_refund_id, "m1");
    assert_eq!(world.tried("POST /v2/refunds"), 2);
}

async fn a_refund_that_the_payment_does_not_list_is_looked_up() {
    let world = World::new().await;
    world.paid("m1").await;
    world.refund("r", "m1", 1200, "x").await.unwrap();
    let payment = r#"{"resultInfo":{"code":"SUCCESS"},"data":{"merchantPaymentId":"m1","paymentId":"1","status":"REFUNDED","amount":{"amount":1200,"currency":"JPY"}}}"#;
    world.cut("GET /v2/codes", 1, Cut::Says(200, payment.to_owned(), None));
    assert_eq!(
        world.refund("another", "m1", 1200, "x").await.unwrap().amount,
        1200
    );
    assert_eq!(world.tried("POST /v2/refunds"), 1);
}

async fn a_refunds_details_are_what_paypay_says_of_it() {
    let world = World::new().await;
    let id = "m1".parse().unwrap();
    assert_eq!(
        crate::refunds::details(&world.paypay(), &id).await,
        Err(Fault::NotFound)
    );
    world.paid("m1").await;
    world.refund("r", "m1", 1200, "x").await.unwrap();
    let refund = crate::refunds::details(&world.paypay(), &id).await.unwrap();
    assert_eq!(refund.amount.amount, 1200);
    assert_eq!(refund.status, paypay::refunds::RefundStatus::Refunded);
}

async fn doubt_about_one_try_outlasts_the_next_that_certainly_failed() {
    for failed in [
        Cut::Before,
        says(429, "RATE_LIMIT"),
        says(503, "MAINTENANCE_MODE"),
    ] {
        let world = World::new().await;
        world.create("s1", "m1").await.unwrap();
        world.cut("DELETE", 1, Cut::After);
        world.cut("DELETE", usize::MAX, failed.clone());
        assert!(
            matches!(world.cancel("c", "m1").await, Err(Fault::InDoubt(_))),
            "{failed:?}"
        );
    }
}

async fn a_refusal_after_doubt_counts_only_if_paypay_can_be_read() {
    let world = World::new().await;
    world.paid("m1").await;
    world.cut("DELETE", 1, Cut::After);
    world.cut("DELETE", usize::MAX, says(400, "ORDER_NOT_REVERSIBLE"));
    world.cut("GET", usize::MAX, Cut::Before);
    assert!(matches!(world.cancel("c", "m1").await, Err(Fault::InDoubt(_))));
    world.heal();
    world.cut("DELETE", usize::MAX, says(400, "ORDER_NOT_REVERSIBLE"));
    assert_eq!(
        world.cancel("c", "m1").await,
        Ok(()),
        "the details say that it is canceled"
    );
}
}
