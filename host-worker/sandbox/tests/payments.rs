//! Payments from the buyer's approval on: cancels, refunds, authorizations.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering;

use common::{Shop, code_request, result, until};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;
const REFUNDS: &str = "/v2/refunds";
const CAPTURE: &str = "/v2/payments/capture";
const REVERT: &str = "/v2/payments/preauthorize/revert";

fn refund(id: &str, payment: &str, amount: i64) -> Option<Value> {
    let amount = json!({"amount": amount, "currency": "JPY"});
    Some(
        json!({"merchantRefundId": id, "paymentId": payment, "amount": amount, "requestedAt": 1, "reason": "返品"}),
    )
}

fn capture(id: &str, payment: &str, amount: i64) -> Option<Value> {
    let amount = json!({"amount": amount, "currency": "JPY"});
    Some(
        json!({"merchantPaymentId": payment, "merchantCaptureId": id, "amount": amount, "orderDescription": "x",
        "requestedAt": 1}),
    )
}

fn reversal(id: &str, payment: &str) -> Option<Value> {
    Some(json!({"merchantRevertId": id, "paymentId": payment, "requestedAt": 1, "reason": "在庫切れ"}))
}

/// A payment that the buyer has made; PayPay's id of it.
async fn paid(shop: &Shop, id: &str) -> String {
    let code = shop.code(id).await;
    let (_, approved) = shop.decide(&code, "approve").await;
    approved["paymentId"].as_str().unwrap().to_owned()
}

/// An authorization that the buyer has given: its code, and PayPay's id.
async fn authorized(shop: &Shop, id: &str, until: Option<i64>) -> (String, String) {
    let mut request = code_request(id);
    request["isAuthorization"] = json!(true);
    request["authorizationExpiry"] = json!(until);
    let (_, body) = shop.call("POST", "/v2/codes", Some(request)).await;
    let code = body["data"]["codeId"].as_str().unwrap().to_owned();
    let (_, approved) = shop.decide(&code, "approve").await;
    assert_eq!(approved["status"], "AUTHORIZED");
    (code, approved["paymentId"].as_str().unwrap().to_owned())
}

fn states(deliveries: &[Value]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|delivery| delivery["state"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_cancel_before_the_payment_waits_for_it_and_then_undoes_it() {
    let shop = Shop::open().await;
    let code = shop.code("early").await;
    let canceled = shop.call("DELETE", "/v2/payments/early", None).await;
    assert_eq!(result(&canceled), (202, "REQUEST_ACCEPTED"));
    assert_eq!(shop.details("early").await["status"], "CREATED");
    let (status, body) = shop.decide(&code, "approve").await;
    assert_eq!((status, body["status"].as_str()), (200, Some("FAILED")));
    let deliveries = shop.settled("early", 1).await;
    assert_eq!(
        states(&deliveries),
        ["COMPLETED"],
        "the webhook says what is no longer so"
    );
    let details = shop.details("early").await;
    assert_eq!(details["status"], "FAILED");
    assert!(details["canceledAt"].is_i64());
}

#[tokio::test]
async fn a_cancel_of_a_payment_is_silent_repeatable_and_in_time() {
    let shop = Shop::open().await;
    paid(&shop, "paid").await;
    for _ in 0..2 {
        let canceled = shop.call("DELETE", "/v2/payments/paid", None).await;
        assert_eq!(result(&canceled), (202, "REQUEST_ACCEPTED"));
    }
    assert_eq!(shop.details("paid").await["status"], "FAILED");
    let (_, old) = authorized(&shop, "old", None).await;
    assert_eq!(
        result(&shop.call("POST", CAPTURE, capture("c", "old", 1200)).await).0,
        200
    );
    for state in ["captured", "too late"] {
        let refused = shop.call("DELETE", "/v2/payments/old", None).await;
        assert_eq!(result(&refused), (400, "ORDER_NOT_REVERSIBLE"), "{state}");
        shop.ahead.store(2 * DAY_MS, Ordering::SeqCst);
    }
    assert_eq!(
        result(&shop.call("POST", REFUNDS, refund("r", &old, 1200)).await).0,
        201
    );
    assert_eq!(
        states(&shop.settled("paid", 1).await),
        ["COMPLETED"],
        "a cancel sends none"
    );
    let deliveries = shop.settled("old", 2).await;
    assert_eq!(
        states(&deliveries),
        ["AUTHORIZED", "COMPLETED"],
        "a refund sends none"
    );
}

#[tokio::test]
async fn a_payment_is_refunded_once() {
    let shop = Shop::open().await;
    let payment = paid(&shop, "m").await;
    let refused = shop.call("POST", REFUNDS, refund("r", &payment, 1201)).await;
    assert_eq!(result(&refused), (400, "INVALID_PARAMS"));
    let refused = shop.call("POST", REFUNDS, refund("r", "123", 1)).await;
    assert_eq!(result(&refused), (404, "RESOURCE_NOT_FOUND"));
    let (status, body) = shop.call("POST", REFUNDS, refund("r", &payment, 1100)).await;
    assert_eq!((status, body["data"]["status"].as_str()), (201, Some("CREATED")));
    let (status, body) = shop.call("POST", REFUNDS, refund("r", &payment, 7)).await;
    assert_eq!(
        (status, &body["data"]["status"], &body["data"]["amount"]["amount"]),
        (201, &json!("REFUNDED"), &json!(1100)),
        "a repeat gets the first one's result"
    );
    let refused = shop.call("POST", REFUNDS, refund("r2", &payment, 1)).await;
    assert_eq!(result(&refused), (403, "MERCHANT_MULTIPLE_REFUND_REJECTED"));
    let details = shop.details("m").await;
    assert_eq!(details["status"], "REFUNDED");
    assert_eq!(details["refunds"]["data"][0]["merchantRefundId"], "r");

    let other = paid(&shop, "other").await;
    let (status, _) = shop.call("POST", REFUNDS, refund("r", &other, 5)).await;
    assert_eq!(status, 201, "another payment's refund may have the same name");
    for (path, amount) in [
        (format!("/v2/refunds/r?paymentId={payment}"), 1100),
        (format!("/v2/refunds/r?paymentId={other}"), 5),
        ("/v2/refunds/r".to_owned(), 5),
    ] {
        let (_, body) = shop.read(&path).await;
        assert_eq!(body["data"]["amount"]["amount"], amount, "{path}");
        assert_eq!(body["data"]["status"], "REFUNDED");
    }
    let none = shop.read("/v2/refunds/r?paymentId=123").await;
    assert_eq!(result(&none), (404, "NO_SUCH_REFUND_ORDER"));
}

#[tokio::test]
async fn a_refund_needs_a_paid_payment_a_buyer_and_less_than_a_year() {
    let shop = Shop::open().await;
    let (_, open) = authorized(&shop, "open", None).await;
    let refused = shop.call("POST", REFUNDS, refund("r", &open, 1)).await;
    assert_eq!(result(&refused), (400, "UNACCEPTABLE_OP"));
    let payment = paid(&shop, "m").await;
    let gone = Some(json!({"buyerGone": true}));
    shop.desk("PUT", "/sandbox/faults/m", gone).await;
    let refused = shop.call("POST", REFUNDS, refund("r", &payment, 1)).await;
    assert_eq!(result(&refused), (400, "CANCELED_USER"));
    assert_eq!(shop.desk("DELETE", "/sandbox/faults/m", None).await.0, 204);
    shop.ahead.store(367 * DAY_MS, Ordering::SeqCst);
    let refused = shop.call("POST", REFUNDS, refund("r", &payment, 1)).await;
    assert_eq!(result(&refused), (400, "REFUND_WINDOW_EXCEED"));
}

#[tokio::test]
async fn an_authorization_is_captured_or_reverted() {
    let shop = Shop::open().await;
    authorized(&shop, "a", None).await;
    let (status, body) = shop.call("POST", CAPTURE, capture("c", "a", 1000)).await;
    assert_eq!(
        (status, body["data"]["status"].as_str()),
        (200, Some("COMPLETED"))
    );
    let details = shop.details("a").await;
    assert_eq!(details["amount"]["amount"], 1000);
    assert_eq!(details["captures"]["data"][0]["merchantCaptureId"], "c");
    assert_eq!(details["paymentMethods"][0]["amount"]["amount"], 1000);
    let deliveries = shop.settled("a", 2).await;
    assert_eq!(deliveries[1]["body"]["order_amount"], "1000");
    assert!(deliveries[1]["body"]["authorized_at"].is_string());
    let again = shop.call("POST", CAPTURE, capture("d", "a", 1)).await;
    assert_eq!(result(&again), (400, "ALREADY_CAPTURED"));

    let (_, payment) = authorized(&shop, "b", None).await;
    let (status, body) = shop.call("POST", REVERT, reversal("v", &payment)).await;
    assert_eq!((status, body["data"]["status"].as_str()), (200, Some("CANCELED")));
    let details = shop.details("b").await;
    assert_eq!(
        (&details["status"], &details["revert"]["reason"]),
        (&json!("CANCELED"), &json!("在庫切れ"))
    );
    assert_eq!(states(&shop.settled("b", 2).await), ["AUTHORIZED", "CANCELED"]);
    let again = shop.call("POST", REVERT, reversal("w", &payment)).await;
    assert_eq!(result(&again), (400, "ORDER_NOT_CANCELABLE"));
    let late = shop.call("POST", CAPTURE, capture("c", "b", 1)).await;
    assert_eq!(result(&late), (400, "ORDER_NOT_CAPTURABLE"));
    for (path, body) in [(CAPTURE, capture("c", "none", 1)), (REVERT, reversal("v", "123"))] {
        assert_eq!(
            result(&shop.call("POST", path, body).await),
            (404, "RESOURCE_NOT_FOUND")
        );
    }
}

#[tokio::test]
async fn a_higher_capture_asks_the_buyer() {
    let shop = Shop::open().await;
    let (code, _) = authorized(&shop, "m", None).await;
    let asked = shop.call("POST", CAPTURE, capture("c", "m", 1500)).await;
    assert_eq!(result(&asked), (202, "USER_CONFIRMATION_REQUIRED"));
    let details = shop.details("m").await;
    assert_eq!(details["amount"]["amount"], 1200);
    assert_eq!(details["captures"]["data"][0]["status"], "USER_REQUESTED");
    let refused = shop.call("POST", CAPTURE, capture("d", "m", 1)).await;
    assert_eq!(result(&refused), (400, "REAUTHORIZATION_IN_PROGRESS"));
    let phone = reqwest::get(format!("{}/sandbox/pay/{code}", shop.api))
        .await
        .unwrap();
    let phone = phone.text().await.unwrap();
    assert!(
        phone.contains("1,500") && phone.contains("id=\"approve\""),
        "{phone}"
    );
    let (_, agreed) = shop.decide(&code, "approve").await;
    assert_eq!(agreed["status"], "REAUTHORIZING");
    let deliveries = shop.settled("m", 2).await;
    assert_eq!(deliveries[1]["body"]["order_amount"], "1500");
    assert_eq!(shop.details("m").await["status"], "COMPLETED");
}

#[tokio::test]
async fn an_authorization_that_nobody_touches_expires_with_its_webhook() {
    let shop = Shop::open().await;
    let soon = shop.now() + 86_400;
    authorized(&shop, "soon", Some(soon)).await;
    authorized(&shop, "asked", None).await;
    shop.call("POST", CAPTURE, capture("c", "asked", 1500)).await;
    shop.ahead.store(DAY_MS, Ordering::SeqCst);
    let told = |id: &'static str, state: &'static str| {
        let receiver = shop.receiver.clone();
        until("the webhook", async move || {
            let told = |body: &Value| body["merchant_order_id"] == id && body["state"] == state;
            receiver.bodies().iter().any(told).then_some(())
        })
    };
    told("soon", "EXPIRED").await;
    told("asked", "EXPIRED_USER_CONFIRMATION").await;
    assert_eq!(shop.details("soon").await["status"], "EXPIRED");
    assert_eq!(shop.details("asked").await["status"], "AUTHORIZED");
    let late = shop.call("POST", CAPTURE, capture("c", "soon", 1)).await;
    assert_eq!(result(&late), (400, "ORDER_EXPIRED"));
    let refused = shop.call("DELETE", "/v2/payments/soon", None).await;
    assert_eq!(result(&refused), (400, "ORDER_NOT_REVERSIBLE"));
    let mut request = code_request("far");
    request["isAuthorization"] = json!(true);
    request["authorizationExpiry"] = json!(shop.now() + 31 * 86_400);
    let refused = shop.call("POST", "/v2/codes", Some(request)).await;
    assert_eq!(result(&refused), (400, "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE"));
}
