//! Authorizations: captured or reverted, once.

use super::*;

const CAPTURE: &str = "POST /v2/payments/capture";
const REVERT: &str = "POST /v2/payments/preauthorize/revert";

on_each_database! {
async fn an_authorization_is_captured_once_whatever_the_step() {
    let world = World::new().await;
    world.authorized("m1").await;
    assert_eq!(world.status("m1").await, Ok(PaymentStatus::Authorized));
    let refused = world.capture("c", "m1", 1201).await;
    assert!(is_rejected(&refused, "UNACCEPTABLE_OP"), "{refused:?}");
    let capture = world.capture("c", "m1", 1000).await;
    assert_eq!(capture.as_ref().unwrap().amount, 1000);
    assert_eq!(world.status("m1").await, Ok(PaymentStatus::Completed));
    assert_eq!(world.capture("c", "m1", 1000).await, capture);
    assert_eq!(world.capture("c2", "m1", 1000).await, capture);
    assert!(is_rejected(
        &world.capture("c3", "m1", 999).await,
        "UNACCEPTABLE_OP"
    ));
    assert!(is_rejected(&world.revert("r", "m1").await, "UNACCEPTABLE_OP"));
    assert_eq!((world.tried(CAPTURE), world.tried(REVERT)), (1, 0));
}

async fn an_authorization_is_reverted_once_whatever_the_step() {
    let world = World::new().await;
    world.authorized("m1").await;
    for step in ["r", "r", "r2"] {
        assert_eq!(world.revert(step, "m1").await, Ok(()));
    }
    assert_eq!(world.tried(REVERT), 1);
    assert_eq!(world.status("m1").await, Ok(PaymentStatus::Canceled));
    assert!(is_rejected(
        &world.capture("c", "m1", 1200).await,
        "UNACCEPTABLE_OP"
    ));
}

async fn an_authorization_that_was_canceled_needs_no_reverting() {
    let world = World::new().await;
    world.authorized("m1").await;
    assert_eq!(world.cancel("c", "m1").await, Ok(()));
    assert_eq!(world.revert("r", "m1").await, Ok(()));
    assert_eq!(world.tried(REVERT), 0);
}

async fn what_is_not_authorized_is_neither_captured_nor_reverted() {
    let world = World::new().await;
    world.create("s1", "m1").await.unwrap();
    assert!(is_rejected(
        &world.capture("c", "m1", 1200).await,
        "UNACCEPTABLE_OP"
    ));
    assert!(is_rejected(&world.revert("r", "m1").await, "UNACCEPTABLE_OP"));
    world.paid("m2").await;
    assert!(is_rejected(&world.revert("r2", "m2").await, "UNACCEPTABLE_OP"));
    assert_eq!((world.tried(CAPTURE), world.tried(REVERT)), (0, 0));
    assert_eq!(world.capture("c9", "none", 1200).await, Err(Fault::NotFound));
    assert_eq!(world.revert("r9", "none").await, Err(Fault::NotFound));
    assert!(is_rejected(
        &world.capture("c0", "m1", 0).await,
        "INVALID_REQUEST_PARAMS"
    ));
}

async fn what_took_effect_unheard_is_seen_in_the_details() {
    for cut in [Cut::After, Cut::Silent] {
        let world = World::new().await;
        world.authorized("m1").await;
        world.authorized("m2").await;
        world.cut("POST /v2/payments", 1, cut.clone());
        assert_eq!(world.capture("c", "m1", 1200).await.unwrap().amount, 1200);
        world.cut("POST /v2/payments", 1, cut);
        assert_eq!(world.revert("r", "m2").await, Ok(()));
        assert_eq!((world.tried(CAPTURE), world.tried(REVERT)), (1, 1));
    }
}

async fn a_capture_that_waits_for_the_buyer_is_asked_for_once() {
    let world = World::new().await;
    world.authorized("m1").await;
    let later = says(202, "USER_CONFIRMATION_REQUIRED");
    world.cut(CAPTURE, usize::MAX, later);
    assert!(matches!(
        world.capture("c", "m1", 1200).await,
        Err(Fault::AwaitsBuyer(_))
    ));
    assert_eq!(world.tried(CAPTURE), 1);
    // Nothing was recorded: the same step finds out what came of it.
    world.heal();
    assert_eq!(world.capture("c", "m1", 1200).await.unwrap().amount, 1200);
}
}
