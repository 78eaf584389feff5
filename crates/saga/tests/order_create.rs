//! The definition that drives every order, on scripted services: each way through it, and each of them with a crash at every point.
#![allow(clippy::unwrap_used)]

mod support;
mod tally;

use saga::{ErrorKind, Event, Instance, Machines, ServiceError, StateMachine, Status};
use serde_json::{Value, json};
use support::{Arrival, Driver, World, only, paid, refusal, trouble};

fn machine() -> Machines {
    only(StateMachine::from_json(include_str!("../../../components/order/order_create.json")).unwrap())
}

fn params(balance: i64, pay: i64) -> Value {
    json!({
        "orderNo": "K1", "userId": "u1", "lines": [{ "productId": 1, "quantity": 2, "name": "鍋", "unitPrice": 500 }],
        "amount": balance + pay, "balanceAmount": balance, "payAmount": pay,
        "merchantPaymentId": "K1-1", "paymentAttempt": 1, "expiresAt": 1_900_000,
    })
}

/// What the order's services answer when all goes well.
fn shop() -> World {
    World::default()
        .on("payment.create-code", |call| {
            Ok(json!({ "codeId": call.input[0]["merchantPaymentId"] }))
        })
        .on("order.await-payment", |call| {
            Ok(json!({ "expiresAt": call.input[0]["expiresAt"] }))
        })
        .on("order.renew-payment", |call| {
            let attempt = call.input[0]["paymentAttempt"].as_i64().unwrap() + 1;
            Ok(json!({ "paymentAttempt": attempt, "merchantPaymentId": format!("K1-{attempt}") }))
        })
        .on("order.give-up", |call| Ok(call.input[0].clone()))
}

fn in_doubt_but_for(id: &'static str) -> World {
    shop().on("payment.create-code", move |call| {
        if call.input[0]["merchantPaymentId"] == id {
            return Ok(json!({ "codeId": id }));
        }
        Err(ServiceError::new(
            ErrorKind::Timeout,
            "PaymentInDoubt",
            "no answer",
        ))
    })
}

struct Case {
    name: &'static str,
    balance: i64,
    pay: i64,
    world: fn() -> World,
    arrivals: Vec<Arrival>,
    effects: &'static [&'static str],
    fail_code: Option<&'static str>,
    status: (Status, Option<Status>),
}

const SET_UP: [&str; 5] = [
    "order.create",
    "inventory.reserve",
    "account.debit",
    "payment.create-code",
    "order.await-payment",
];
const UNDONE: [&str; 4] = [
    "payment.delete-code",
    "account.credit",
    "inventory.release",
    "order.mark-failed",
];

fn event(name: &'static str) -> Vec<Arrival> {
    vec![Arrival::Event(name.into(), Value::Null)]
}

#[allow(clippy::too_many_lines)] // a table
fn cases() -> Vec<Case> {
    let undone = (Status::Unknown, Some(Status::Succeeded));
    vec![
        Case {
            name: "paid with balance and PayPay",
            balance: 300,
            pay: 700,
            world: shop,
            arrivals: event("PAID"),
            effects: &[
                "order.create",
                "inventory.reserve",
                "account.debit",
                "payment.create-code",
                "order.await-payment",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "paid with PayPay alone",
            balance: 0,
            pay: 1000,
            world: shop,
            arrivals: event("PAID"),
            effects: &[
                "order.create",
                "inventory.reserve",
                "payment.create-code",
                "order.await-payment",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "paid with balance alone",
            balance: 1000,
            pay: 0,
            world: shop,
            arrivals: vec![],
            effects: &[
                "order.create",
                "inventory.reserve",
                "account.debit",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "out of stock",
            balance: 300,
            pay: 700,
            world: || shop().on("inventory.reserve", |_| refusal("OutOfStock")),
            arrivals: vec![],
            effects: &["order.create", "order.mark-failed"],
            fail_code: Some("OUT_OF_STOCK"),
            status: (Status::Failed, None),
        },
        Case {
            name: "unknown product",
            balance: 0,
            pay: 1000,
            world: || shop().on("inventory.reserve", |_| refusal("UnknownProduct")),
            arrivals: vec![],
            effects: &["order.create", "order.mark-failed"],
            fail_code: Some("OUT_OF_STOCK"),
            status: (Status::Failed, None),
        },
        Case {
            name: "the inventory never answers, so what it may have reserved is released",
            balance: 0,
            pay: 1000,
            world: || shop().on("inventory.reserve", |_| trouble(ErrorKind::Timeout)),
            arrivals: vec![],
            effects: &["order.create", "inventory.release", "order.mark-failed"],
            fail_code: Some("PAYMENT_UNAVAILABLE"),
            status: undone,
        },
        Case {
            name: "the inventory answers at the third attempt",
            balance: 0,
            pay: 1000,
            world: || {
                let answers = vec![trouble(ErrorKind::Connect), trouble(ErrorKind::Timeout)];
                shop().script("inventory.reserve", answers)
            },
            arrivals: event("PAID"),
            effects: &[
                "order.create",
                "inventory.reserve",
                "payment.create-code",
                "order.await-payment",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "insufficient balance",
            balance: 300,
            pay: 700,
            world: || shop().on("account.debit", |_| refusal("InsufficientBalance")),
            arrivals: vec![],
            effects: &[
                "order.create",
                "inventory.reserve",
                "inventory.release",
                "order.mark-failed",
            ],
            fail_code: Some("INSUFFICIENT_BALANCE"),
            status: undone,
        },
        Case {
            name: "PayPay refuses the code",
            balance: 300,
            pay: 700,
            world: || shop().on("payment.create-code", |_| refusal("PaymentRejected")),
            arrivals: vec![],
            effects: &[
                "order.create",
                "inventory.reserve",
                "account.debit",
                "account.credit",
                "inventory.release",
                "order.mark-failed",
            ],
            fail_code: Some("PAYMENT_UNAVAILABLE"),
            status: undone,
        },
        Case {
            name: "PayPay leaves it open whether there is a code, so it is deleted",
            balance: 300,
            pay: 700,
            world: || shop().on("payment.create-code", |_| trouble(ErrorKind::Timeout)),
            arrivals: vec![],
            effects: &[
                "order.create",
                "inventory.reserve",
                "account.debit",
                "payment.delete-code",
                "account.credit",
                "inventory.release",
                "order.mark-failed",
            ],
            fail_code: Some("PAYMENT_UNAVAILABLE"),
            status: undone,
        },
        Case {
            name: "PayPay leaves it open, so a new code is asked for",
            balance: 0,
            pay: 1000,
            world: || in_doubt_but_for("K1-2"),
            arrivals: event("PAID"),
            effects: &[
                "order.create",
                "inventory.reserve",
                "order.renew-payment",
                "payment.create-code",
                "order.await-payment",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "PayPay leaves it open twice, so every code there may be is given up",
            balance: 0,
            pay: 1000,
            world: || in_doubt_but_for("no code"),
            arrivals: vec![],
            effects: &[
                "order.create",
                "inventory.reserve",
                "order.renew-payment",
                "order.give-up",
                "payment.delete-code",
                "payment.delete-code",
                "inventory.release",
                "order.mark-failed",
            ],
            fail_code: Some("PAYMENT_UNAVAILABLE"),
            status: undone,
        },
        Case {
            name: "declined",
            balance: 300,
            pay: 700,
            world: shop,
            arrivals: event("DECLINED"),
            effects: &[
                SET_UP[0], SET_UP[1], SET_UP[2], SET_UP[3], SET_UP[4], UNDONE[0], UNDONE[1], UNDONE[2],
                UNDONE[3],
            ],
            fail_code: Some("PAYMENT_DECLINED"),
            status: undone,
        },
        Case {
            name: "canceled by the buyer",
            balance: 300,
            pay: 700,
            world: || shop().on("order.settle-cancel", |_| Ok(paid(false))),
            arrivals: event("CANCELED"),
            effects: &[
                SET_UP[0],
                SET_UP[1],
                SET_UP[2],
                SET_UP[3],
                SET_UP[4],
                "order.settle-cancel",
                UNDONE[0],
                UNDONE[1],
                UNDONE[2],
                UNDONE[3],
            ],
            fail_code: Some("CANCELED_BY_USER"),
            status: undone,
        },
        Case {
            name: "canceled by the buyer, who had paid",
            balance: 0,
            pay: 1000,
            world: || shop().on("order.settle-cancel", |_| Ok(paid(true))),
            arrivals: event("CANCELED"),
            effects: &[
                "order.create",
                "inventory.reserve",
                "payment.create-code",
                "order.await-payment",
                "order.settle-cancel",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "expired",
            balance: 300,
            pay: 700,
            world: || shop().on("order.settle-expiry", |_| Ok(paid(false))),
            arrivals: vec![Arrival::Deadline],
            effects: &[
                SET_UP[0],
                SET_UP[1],
                SET_UP[2],
                SET_UP[3],
                SET_UP[4],
                "order.settle-expiry",
                UNDONE[0],
                UNDONE[1],
                UNDONE[2],
                UNDONE[3],
            ],
            fail_code: Some("PAYMENT_EXPIRED"),
            status: undone,
        },
        Case {
            name: "expired, but paid in the last moment",
            balance: 0,
            pay: 1000,
            world: || shop().on("order.settle-expiry", |_| Ok(paid(true))),
            arrivals: vec![Arrival::Deadline],
            effects: &[
                "order.create",
                "inventory.reserve",
                "payment.create-code",
                "order.await-payment",
                "order.settle-expiry",
                "inventory.confirm",
                "order.mark-paid",
            ],
            fail_code: None,
            status: (Status::Succeeded, None),
        },
        Case {
            name: "paid for a reservation that is gone: the money goes back",
            balance: 300,
            pay: 700,
            world: || shop().on("inventory.confirm", |_| refusal("InvalidState")),
            arrivals: event("PAID"),
            effects: &[
                SET_UP[0],
                SET_UP[1],
                SET_UP[2],
                SET_UP[3],
                SET_UP[4],
                "payment.refund",
                UNDONE[0],
                UNDONE[1],
                UNDONE[2],
                UNDONE[3],
            ],
            fail_code: Some("OUT_OF_STOCK"),
            status: undone,
        },
        Case {
            name: "compensations that fail for a while are repeated",
            balance: 300,
            pay: 700,
            world: || {
                shop()
                    .script(
                        "payment.delete-code",
                        vec![trouble(ErrorKind::Timeout), trouble(ErrorKind::Other)],
                    )
                    .script("account.credit", vec![trouble(ErrorKind::Connect)])
            },
            arrivals: event("DECLINED"),
            effects: &[
                SET_UP[0], SET_UP[1], SET_UP[2], SET_UP[3], SET_UP[4], UNDONE[0], UNDONE[1], UNDONE[2],
                UNDONE[3],
            ],
            fail_code: Some("PAYMENT_DECLINED"),
            status: undone,
        },
    ]
}

fn check(case: &Case, instance: &Instance, world: &World, how: &str) {
    let told = format!("{} {how}: {:?}", case.name, support::trace(instance));
    assert_eq!(world.effects, case.effects, "{told}");
    assert_eq!(
        (instance.status, instance.compensation_status),
        case.status,
        "{told}"
    );
    assert_eq!(
        instance.error.as_ref().map(|error| error.name.as_str()),
        case.fail_code,
        "{told}"
    );
    assert!(instance.is_settled(), "{told}");
}

#[test]
fn every_way_through_ends_as_it_should() {
    let machine = machine();
    for case in cases() {
        let mut world = (case.world)();
        let mut driver = Driver::new(&machine, "order_create", &mut world);
        driver.arrivals = case.arrivals.clone();
        let instance = driver.run(params(case.balance, case.pay));
        check(&case, &instance, &world, "");
    }
}

#[test]
fn a_crash_at_any_point_changes_nothing() {
    let machine = machine();
    let mut crashes = 0;
    for case in cases() {
        let mut world = (case.world)();
        let mut driver = Driver::new(&machine, "order_create", &mut world);
        driver.arrivals = case.arrivals.clone();
        driver.run(params(case.balance, case.pay));
        let advances = driver.advances;
        // Stored at each step, seldom, or only where the outside came in.
        for store_every in [1, 2, 3, 1000] {
            for point in 1..=advances {
                let mut world = (case.world)();
                let mut driver = Driver::new(&machine, "order_create", &mut world);
                driver.arrivals = case.arrivals.clone();
                driver.store_every = store_every;
                driver.crashes = vec![point];
                let instance = driver.run(params(case.balance, case.pay));
                crashes += 1;
                check(
                    &case,
                    &instance,
                    &world,
                    &format!("with a crash at {point}, stored every {store_every}"),
                );
            }
        }
    }
    tally::tell(&format!("order_create: {crashes} runs with crashes"));
}

#[test]
fn the_services_get_what_they_need() {
    let machine = machine();
    let mut world = shop();
    let mut driver = Driver::new(&machine, "order_create", &mut world);
    driver.arrivals = event("DECLINED");
    driver.run(params(300, 700));
    let call = |method: &str| world.calls.iter().find(|call| call.method == method).unwrap();
    assert_eq!(
        call("debit").input,
        [json!({ "userId": "u1", "orderNo": "K1", "amount": 300 })]
    );
    assert_eq!(call("create-code").input[0]["amount"], 700);
    assert_eq!(call("reserve").input[0]["lines"][0]["quantity"], 2);
    assert_eq!(call("credit").compensates.as_ref(), Some(&call("debit").step_id));
    assert_ne!(call("credit").step_id, call("debit").step_id);
    assert_eq!(call("mark-failed").input[0]["failCode"], "PAYMENT_DECLINED");
}

#[test]
fn an_event_for_an_order_that_does_not_wait_is_refused_and_changes_nothing() {
    let machine = machine();
    let mut world = shop();
    let mut driver = Driver::new(&machine, "order_create", &mut world);
    driver.arrivals = event("PAID");
    let mut instance = driver.run(params(0, 1000));
    let before = instance.clone();
    let late = Event::Signal {
        name: "DECLINED".into(),
        payload: Value::Null,
    };
    let error = machine.advance(&mut instance, late, 9).unwrap_err();
    assert_eq!(
        error,
        saga::AdvanceError::NotWaiting {
            event: "DECLINED".into()
        }
    );
    assert_eq!(instance, before);
}
