//! Each call of PayPay's against each way in which it can fail.

use super::*;

/// The gateway's functions that reach PayPay. The one that makes a code, which is never repeated, has tests of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Details,
    DeleteCode,
    /// `delete-code` of a code whose address was lost.
    VoidCode,
    Cancel,
    Refund,
    RefundDetails,
    Capture,
    Revert,
}

use Function::{Cancel, Capture, DeleteCode, Details, Refund, RefundDetails, Revert, VoidCode};

const ALL: [Function; 8] = [
    Details,
    DeleteCode,
    VoidCode,
    Cancel,
    Refund,
    RefundDetails,
    Capture,
    Revert,
];

impl Function {
    /// The call that the function is there for.
    fn call(self) -> &'static str {
        match self {
            Details => "GET /v2/codes/payments/",
            DeleteCode => "DELETE /v2/codes/",
            VoidCode | Cancel => "DELETE /v2/payments/",
            Refund => "POST /v2/refunds",
            RefundDetails => "GET /v2/refunds/",
            Capture => "POST /v2/payments/capture",
            Revert => "POST /v2/payments/preauthorize/revert",
        }
    }

    fn only_reads(self) -> bool {
        matches!(self, Details | RefundDetails)
    }

    /// A code or payment that is gone needs no more undoing.
    fn is_content_with_nothing(self) -> bool {
        matches!(self, DeleteCode | VoidCode)
    }

    async fn prepare(self, world: &World, id: &str) {
        world.heal();
        match self {
            Details | Cancel | Refund => world.paid(id).await,
            DeleteCode => drop(world.create(&format!("create {id}"), id).await.unwrap()),
            VoidCode => {
                world.cut("POST /v2/codes", 1, Cut::After);
                assert!(world.create(&format!("create {id}"), id).await.is_err());
            }
            RefundDetails => {
                world.paid(id).await;
                world
                    .refund(&format!("refund {id}"), id, 1200, "x")
                    .await
                    .unwrap();
            }
            Capture | Revert => world.authorized(id).await,
        }
        world.heal();
        world.calls.borrow_mut().clear();
        world.pauses.borrow_mut().clear();
        world.longest.set(Duration::ZERO);
    }

    async fn run(self, world: &World, id: &str) -> Result<(), Fault> {
        let step = format!("step {id}");
        match self {
            Details => world.status(id).await.map(drop),
            DeleteCode | VoidCode => world.delete(&step, &format!("create {id}"), id).await,
            Cancel => world.cancel(&step, id).await,
            Refund => world.refund(&step, id, 1200, "x").await.map(drop),
            RefundDetails => {
                let id = id.parse().unwrap();
                crate::refunds::details(&world.paypay(), &id).await.map(drop)
            }
            Capture => world.capture(&step, id, 1200).await.map(drop),
            Revert => world.revert(&step, id).await,
        }
    }
}

/// What a failure that does not pass comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Rejected,
    NotFound,
    Unavailable,
    InDoubt,
    /// Asked again after so many milliseconds.
    RateLimited(u64),
}

use End::{InDoubt, NotFound, RateLimited, Rejected, Unavailable};

/// Every result code that PayPay documents for these calls, and what its proxies and the network may add: the end, and how often the call is made.
fn failures() -> Vec<(Cut, End, usize)> {
    let refusals = [
        (400, "INVALID_REQUEST_PARAMS"),
        (400, "MISSING_REQUEST_PARAMS"),
        (400, "UNACCEPTABLE_OP"),
        (400, "ORDER_NOT_REVERSIBLE"),
        (400, "INVALID_PARAMS"),
        (400, "REFUND_LIMIT_EXCEEDED"),
        (400, "REFUND_WINDOW_EXCEED"),
        (400, "CANCELED_USER"),
        (400, "SOMETHING_NEW"),
        (401, "UNAUTHORIZED"),
        (401, "OP_OUT_OF_SCOPE"),
        (404, "OPA_CLIENT_NOT_FOUND"),
    ];
    let unknown = [
        "DYNAMIC_QR_PAYMENT_NOT_FOUND",
        "DYNAMIC_QR_NOT_FOUND",
        "TRANSACTION_NOT_FOUND",
        "RESOURCE_NOT_FOUND",
        "NO_SUCH_REFUND_ORDER",
    ];
    let body = |status, body: &str| Cut::Says(status, body.to_owned(), None);
    let mut table = vec![
        (says(429, "RATE_LIMIT"), RateLimited(1_000), 3),
        (says_later(429, "RATE_LIMIT", Some("0")), RateLimited(0), 3),
        (says_later(429, "RATE_LIMIT", Some("2")), RateLimited(2_000), 2),
        (says_later(429, "RATE_LIMIT", Some("60")), RateLimited(60_000), 1),
        (says_later(429, "RATE_LIMIT", Some("soon")), RateLimited(1_000), 3),
        (body(429, "<html>"), RateLimited(1_000), 3),
        (says(500, "SERVICE_ERROR"), InDoubt, 3),
        (says(500, "INTERNAL_SERVER_ERROR"), InDoubt, 3),
        (says(500, "SOMETHING_NEW"), InDoubt, 3),
        (says(503, "MAINTENANCE_MODE"), Unavailable, 3),
        (says_later(503, "MAINTENANCE_MODE", Some("600")), Unavailable, 1),
        (body(503, ""), Unavailable, 3),
        (body(502, "<html>bad gateway</html>"), InDoubt, 3),
        (body(200, ""), InDoubt, 3),
        (body(200, "{"), InDoubt, 3),
        (body(200, r#"{"resultInfo":{"code":7}}"#), InDoubt, 3),
        (Cut::Before, Unavailable, 3),
        // Two that hang use up the function's time.
        (Cut::Hangs, InDoubt, 2),
    ];
    table.extend(refusals.map(|(status, code)| (says(status, code), Rejected, 1)));
    table.extend(unknown.map(|code| (says(404, code), NotFound, 1)));
    table
}

fn end_of(fault: &Fault) -> End {
    match fault {
        Fault::Rejected(_) => Rejected,
        Fault::NotFound => NotFound,
        Fault::Unavailable { .. } => Unavailable,
        Fault::InDoubt(_) => InDoubt,
        Fault::RateLimited(again) => RateLimited(u64::try_from(again.as_millis()).unwrap()),
        other => panic!("{other}"),
    }
}

on_each_database! {
async fn a_failure_that_stays_is_told_as_what_it_is_and_within_the_limit() {
    let world = World::new().await;
    for function in ALL {
        for (index, (cut, end, tries)) in failures().into_iter().enumerate() {
            let (id, what) = (format!("{function:?}-{index}"), format!("{function:?} {cut:?}"));
            function.prepare(&world, &id).await;
            world.cut(function.call(), usize::MAX, cut);
            let outcome = function.run(&world, &id).await;
            let expected = match end {
                NotFound if function.is_content_with_nothing() => Ok(()),
                InDoubt if function.only_reads() => Err(Unavailable),
                end => Err(end),
            };
            assert_eq!(outcome.map_err(|fault| end_of(&fault)), expected, "{what}");
            assert_eq!(world.tried(function.call()), tries, "{what}");
            assert_eq!(world.pauses.borrow().len(), tries - 1, "{what}");
            assert!(world.longest.get() <= Duration::from_millis(4_500), "{what}");
            // Nothing of it was recorded: when PayPay is back, the same step succeeds.
            world.heal();
            assert_eq!(function.run(&world, &id).await, Ok(()), "{what}");
        }
    }
}

async fn a_failure_that_passes_is_not_noticed() {
    let world = World::new().await;
    for function in ALL {
        for (index, (cut, end, tries)) in failures().into_iter().enumerate() {
            if tries == 1 {
                continue;
            }
            let (id, what) = (format!("{function:?}-{index}"), format!("{function:?} {cut:?}"));
            function.prepare(&world, &id).await;
            world.cut(function.call(), 1, cut);
            assert_eq!(function.run(&world, &id).await, Ok(()), "{what}");
            assert_eq!(world.tried(function.call()), 2, "{what}");
            let pause = world.pauses.borrow()[0];
            let asked_for = match end {
                RateLimited(again) => Duration::from_millis(again),
                _ => Duration::ZERO,
            };
            let jitter = pause.checked_sub(asked_for).expect("PayPay's wish is the least");
            assert!((100..=200).contains(&jitter.as_millis()), "{what}: {pause:?}");
        }
    }
}

async fn an_effect_without_an_answer_is_found_or_made_again_without_harm() {
    let world = World::new().await;
    for function in ALL {
        for (index, cut) in [Cut::After, Cut::Silent].into_iter().enumerate() {
            let (id, what) = (format!("{function:?}-{index}"), format!("{function:?} {cut:?}"));
            function.prepare(&world, &id).await;
            world.cut(function.call(), 1, cut);
            assert_eq!(function.run(&world, &id).await, Ok(()), "{what}");
            // The details do not show that a code was deleted, nor a cancel that waits for its payment.
            let shows = matches!(function, Cancel | Refund | Capture | Revert);
            assert_eq!(world.tried(function.call()), if shows { 1 } else { 2 }, "{what}");
        }
    }
}

async fn a_step_that_succeeded_does_not_call_again() {
    let world = World::new().await;
    for function in ALL.into_iter().filter(|function| !function.only_reads()) {
        let id = format!("{function:?}");
        function.prepare(&world, &id).await;
        assert_eq!(function.run(&world, &id).await, Ok(()));
        world.cut_all(Cut::Before);
        assert_eq!(function.run(&world, &id).await, Ok(()), "{function:?}");
        assert_eq!(world.tried(function.call()), 1, "{function:?}");
    }
}

async fn while_paypay_does_not_answer_at_all_every_function_ends_in_time() {
    let world = World::new().await;
    for function in ALL {
        let id = format!("{function:?}");
        function.prepare(&world, &id).await;
        world.cut_all(Cut::Hangs);
        let outcome = function.run(&world, &id).await.map_err(|fault| end_of(&fault));
        // A refund, a capture and a reversal begin with a reading, and get no further.
        let doubtful = matches!(function, DeleteCode | VoidCode | Cancel);
        assert_eq!(outcome, Err(if doubtful { InDoubt } else { Unavailable }));
        assert!(
            world.longest.get() <= Duration::from_millis(4_500),
            "{function:?}"
        );
    }
}
}
