//! PayPay's API over a real listener.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering;

use common::{KEY, MERCHANT, SECRET, Shop, code_request, result};
use paypay::signing::Credentials;
use serde_json::{Value, json};

#[tokio::test]
async fn calls_that_the_merchant_did_not_sign_now_are_refused() {
    let shop = Shop::open().await;
    let good = Credentials::new(KEY, SECRET).unwrap();
    let wrong_secret = Credentials::new(KEY, "wrong").unwrap();
    let wrong_key = Credentials::new("wrong", SECRET).unwrap();
    let path = "/v2/codes/payments/none";
    for (credentials, epoch) in [
        (&wrong_secret, shop.now()),
        (&wrong_key, shop.now()),
        (&good, shop.now() - 125),
        (&good, shop.now() + 125),
    ] {
        let answer = shop
            .call_as(credentials, MERCHANT, epoch, "GET", path, None)
            .await;
        assert_eq!(result(&answer), (401, "UNAUTHORIZED"));
    }
    let other = shop
        .call_as(&good, "another", shop.now(), "GET", path, None)
        .await;
    assert_eq!(result(&other), (404, "OPA_CLIENT_NOT_FOUND"));
    let unnamed = shop.call_as(&good, "", shop.now(), "GET", path, None).await;
    assert_eq!(result(&unnamed), (404, "DYNAMIC_QR_PAYMENT_NOT_FOUND"));
    assert_eq!(result(&shop.desk("GET", path, None).await), (401, "UNAUTHORIZED"));
    assert_eq!(
        result(&shop.desk("POST", "/v2/codes", Some(code_request("x"))).await),
        (401, "UNAUTHORIZED")
    );
}

#[tokio::test]
async fn a_code_echoes_its_request_and_a_merchant_payment_id_works_once_for_ever() {
    let shop = Shop::open().await;
    let (status, body) = shop.call("POST", "/v2/codes", Some(code_request("once"))).await;
    assert_eq!(status, 201);
    let data = &body["data"];
    let code = data["codeId"].as_str().unwrap();
    assert_eq!(data["url"], format!("http://127.0.0.1:3000/sandbox/pay/{code}"));
    assert!(data["deeplink"].as_str().unwrap().starts_with("paypay://"));
    assert_eq!(data["orderItems"][0]["unitPrice"]["amount"], 600);
    let left = data["expiryDate"].as_i64().unwrap() - shop.now();
    assert!((298..=300).contains(&left), "{left}");
    let duplicate = (400, "DUPLICATE_DYNAMIC_QR_REQUEST");
    assert_eq!(
        result(&shop.call("POST", "/v2/codes", Some(code_request("once"))).await),
        duplicate
    );
    shop.call("DELETE", &format!("/v2/codes/{code}"), None).await;
    assert_eq!(
        result(&shop.call("POST", "/v2/codes", Some(code_request("once"))).await),
        duplicate
    );

    let mut missing = code_request("x");
    missing["amount"] = json!({"amount": 1});
    assert_eq!(
        result(&shop.call("POST", "/v2/codes", Some(missing)).await),
        (400, "MISSING_REQUEST_PARAMS")
    );
    let mut free = code_request("x");
    free["amount"]["amount"] = json!(0);
    assert_eq!(
        result(&shop.call("POST", "/v2/codes", Some(free)).await),
        (400, "INVALID_REQUEST_PARAMS")
    );
}

#[tokio::test]
async fn an_expired_code_stays_created_and_cannot_be_approved() {
    let shop = Shop::open().await;
    let code = shop.code("late").await;
    shop.ahead.store(301_000, Ordering::SeqCst);
    let (status, problem) = shop.decide(&code, "approve").await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("CODE_EXPIRED")));
    assert!(problem["requestId"].is_string());
    let details = shop.details("late").await;
    assert_eq!(details["status"], "CREATED");
    assert!(details.get("paymentId").is_none());
    assert!(shop.receiver.bodies().is_empty());
}

#[tokio::test]
async fn a_deleted_code_cannot_be_paid_and_a_paid_one_stays_paid() {
    let shop = Shop::open().await;
    let (gone, paid) = (shop.code("gone").await, shop.code("paid").await);
    for _ in 0..2 {
        let deleted = shop.call("DELETE", &format!("/v2/codes/{gone}"), None).await;
        assert_eq!(result(&deleted), (200, "SUCCESS"), "deleting may be repeated");
    }
    let (status, problem) = shop.decide(&gone, "approve").await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("CODE_DELETED")));
    assert_eq!(shop.details("gone").await["status"], "CREATED");

    assert_eq!(shop.decide(&paid, "approve").await.0, 200);
    assert_eq!(
        result(&shop.call("DELETE", &format!("/v2/codes/{paid}"), None).await),
        (200, "SUCCESS")
    );
    assert_eq!(shop.details("paid").await["status"], "COMPLETED");
    assert_eq!(
        result(&shop.call("DELETE", "/v2/codes/none", None).await),
        (404, "DYNAMIC_QR_NOT_FOUND")
    );
}

#[tokio::test]
async fn a_cancel_takes_effect_when_the_buyer_pays_or_at_once_on_a_paid_one() {
    let shop = Shop::open().await;
    let early = shop.code("early").await;
    assert_eq!(
        result(&shop.call("DELETE", "/v2/payments/early", None).await),
        (202, "REQUEST_ACCEPTED")
    );
    assert_eq!(shop.details("early").await["status"], "CREATED");
    let (status, body) = shop.decide(&early, "approve").await;
    assert_eq!((status, body["status"].as_str()), (200, Some("FAILED")));
    assert_eq!(shop.settled("early", 1).await[0]["body"]["state"], "FAILED");

    let paid = shop.code("paid").await;
    shop.decide(&paid, "approve").await;
    assert_eq!(
        result(&shop.call("DELETE", "/v2/payments/paid", None).await),
        (202, "REQUEST_ACCEPTED")
    );
    assert_eq!(shop.details("paid").await["status"], "CANCELED");
    assert_eq!(shop.settled("paid", 2).await[1]["body"]["state"], "CANCELED");
    let none = shop.call("DELETE", "/v2/payments/none", None).await;
    assert_eq!(result(&none), (404, "DYNAMIC_QR_PAYMENT_NOT_FOUND"));

    let old = shop.code("old").await;
    shop.decide(&old, "approve").await;
    shop.ahead.store(2 * 86_400_000, Ordering::SeqCst);
    assert_eq!(
        result(&shop.call("DELETE", "/v2/payments/old", None).await),
        (400, "ORDER_NOT_REVERSIBLE")
    );
}

#[tokio::test]
async fn a_payment_is_refunded_once() {
    let shop = Shop::open().await;
    let code = shop.code("m").await;
    let (_, approved) = shop.decide(&code, "approve").await;
    let payment = approved["paymentId"].as_str().unwrap();
    let refund = |id: &str, payment: &str, amount: i64| {
        let amount = json!({"amount": amount, "currency": "JPY"});
        Some(
            json!({"merchantRefundId": id, "paymentId": payment, "amount": amount, "requestedAt": 1, "reason": "返品"}),
        )
    };
    let path = "/v2/refunds";
    assert_eq!(
        result(&shop.call("POST", path, refund("r", payment, 1201)).await),
        (400, "INVALID_PARAMS")
    );
    assert_eq!(
        result(&shop.call("POST", path, refund("r", "123", 1)).await),
        (404, "RESOURCE_NOT_FOUND")
    );
    let (status, body) = shop.call("POST", path, refund("r", payment, 1200)).await;
    assert_eq!((status, body["data"]["status"].as_str()), (201, Some("CREATED")));
    let (status, body) = shop.call("POST", path, refund("r", payment, 1200)).await;
    assert_eq!(
        (status, body["data"]["status"].as_str()),
        (201, Some("REFUNDED")),
        "a repeat is the same refund"
    );
    assert_eq!(
        result(&shop.call("POST", path, refund("r2", payment, 1)).await),
        (400, "REFUND_LIMIT_EXCEEDED")
    );
    let details = shop.details("m").await;
    assert_eq!(details["status"], "REFUNDED");
    assert_eq!(details["refunds"]["data"][0]["merchantRefundId"], "r");
    assert_eq!(
        shop.call("GET", "/v2/refunds/r", None).await.1["data"]["amount"]["amount"],
        1200
    );
    assert_eq!(
        result(&shop.call("GET", "/v2/refunds/x", None).await),
        (404, "NO_SUCH_REFUND_ORDER")
    );
}

#[tokio::test]
async fn an_authorization_is_captured_or_reverted() {
    let shop = Shop::open().await;
    let authorize = async |id: &str| -> Value {
        let mut request = code_request(id);
        request["isAuthorization"] = json!(true);
        let (_, body) = shop.call("POST", "/v2/codes", Some(request)).await;
        shop.decide(body["data"]["codeId"].as_str().unwrap(), "approve")
            .await
            .1
    };
    assert_eq!(authorize("a").await["status"], "AUTHORIZED");
    let capture = json!({"merchantPaymentId": "a", "merchantCaptureId": "c", "amount": {"amount": 1000, "currency": "JPY"},
        "orderDescription": "x", "requestedAt": 1});
    let (status, body) = shop.call("POST", "/v2/payments/capture", Some(capture)).await;
    assert_eq!(
        (status, body["data"]["status"].as_str()),
        (200, Some("COMPLETED"))
    );
    assert_eq!(shop.details("a").await["amount"]["amount"], 1000);
    assert_eq!(shop.settled("a", 2).await[1]["body"]["order_amount"], "1000");

    let payment = authorize("b").await["paymentId"].clone();
    let revert = json!({"merchantRevertId": "v", "paymentId": payment, "requestedAt": 1});
    assert_eq!(
        shop.call("POST", "/v2/payments/preauthorize/revert", Some(revert))
            .await
            .0,
        202
    );
    assert_eq!(shop.details("b").await["status"], "CANCELED");
}

#[tokio::test]
async fn api_faults_hit_signed_calls() {
    let shop = Shop::open().await;
    shop.desk("PUT", "/sandbox/faults", Some(json!({"api": {"errorRate": 1}})))
        .await;
    assert_eq!(
        result(&shop.call("GET", "/v2/payments/x", None).await),
        (500, "INTERNAL_SERVER_ERROR")
    );
    // Some of the failed calls took effect all the same: that is what makes an error 500 doubtful.
    for n in 0..40 {
        shop.call("POST", "/v2/codes", Some(code_request(&format!("m{n}"))))
            .await;
    }
    shop.desk("PUT", "/sandbox/faults", Some(json!({"api": {"errorRate": 0}})))
        .await;
    let mut made = 0;
    for n in 0..40 {
        made += u32::from(shop.call("GET", &format!("/v2/payments/m{n}"), None).await.0 == 200);
    }
    assert!((1..40).contains(&made), "{made}");
    let (status, problem) = shop
        .desk("PUT", "/sandbox/faults", Some(json!({"api": {"errorRate": 2}})))
        .await;
    assert_eq!(
        (status, problem["errors"][0]["field"].as_str()),
        (400, Some("api.errorRate"))
    );
}

#[tokio::test]
async fn unknown_calls_get_an_envelope_and_unknown_addresses_a_problem() {
    let shop = Shop::open().await;
    assert_eq!(shop.call("GET", "/v2/wallet/check_balance", None).await.0, 404);
    assert_eq!(shop.call("PATCH", "/v2/codes", None).await.1["data"], Value::Null);
    for (method, path, status, code) in [
        ("GET", "/sandbox/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/sandbox/faults", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/sandbox/codes/none/approve", 404, "CODE_NOT_FOUND"),
        ("GET", "/sandbox/payments/none", 404, "PAYMENT_NOT_FOUND"),
        ("POST", "/sandbox/webhooks/7/replay", 404, "WEBHOOK_NOT_FOUND"),
    ] {
        let (got, problem) = shop.desk(method, path, None).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{path}");
    }
}
