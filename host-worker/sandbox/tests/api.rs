//! PayPay's API over a real listener.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering;

use common::{KEY, MERCHANT, SECRET, Shop, code_request, result};
use paypay::signing::{Credentials, Signed, sign};
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
        assert_eq!(deleted.1["data"]["qrStatus"], "DELETED");
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
async fn results_have_paypays_codes_and_numbers() {
    let shop = Shop::open().await;
    for (method, path, body, status, code, number) in [
        (
            "GET",
            "/v2/payments/x",
            None,
            404,
            "DYNAMIC_QR_PAYMENT_NOT_FOUND",
            "01652075",
        ),
        (
            "DELETE",
            "/v2/payments/x",
            None,
            404,
            "DYNAMIC_QR_PAYMENT_NOT_FOUND",
            "01652075",
        ),
        (
            "DELETE",
            "/v2/codes/x",
            None,
            404,
            "DYNAMIC_QR_NOT_FOUND",
            "01652072",
        ),
        (
            "GET",
            "/v2/refunds/x",
            None,
            404,
            "NO_SUCH_REFUND_ORDER",
            "00200018",
        ),
        (
            "POST",
            "/v2/codes",
            Some(json!({})),
            400,
            "MISSING_REQUEST_PARAMS",
            "08100024",
        ),
        (
            "POST",
            "/v2/codes",
            Some(json!([])),
            400,
            "INVALID_REQUEST_PARAMS",
            "08100006",
        ),
        ("GET", "/v2/codes/x", None, 404, "UNACCEPTABLE_OP", "08199999"),
    ] {
        let (got, answer) = shop.call(method, path, body).await;
        let info = &answer["resultInfo"];
        assert_eq!(
            (got, &info["code"], &info["codeId"]),
            (status, &json!(code), &json!(number)),
            "{method} {path}"
        );
        assert_eq!(answer["data"], Value::Null);
    }
    let (_, answer) = shop.call("POST", "/v2/codes", Some(code_request("m"))).await;
    assert_eq!(answer["resultInfo"]["codeId"], "08100001");
}

#[tokio::test]
async fn every_answer_has_paypays_id_and_the_merchant_may_be_named_in_the_query() {
    let shop = Shop::open().await;
    let signed = |path: &str| {
        let (path, epoch) = (path.split('?').next().unwrap().to_owned(), shop.now());
        let request = Signed {
            method: "GET",
            path: &path,
            body: None,
        };
        sign(&Credentials::new(KEY, SECRET).unwrap(), &request, "n", epoch).to_string()
    };
    for (query, header, status) in [
        ("", MERCHANT, "DYNAMIC_QR_PAYMENT_NOT_FOUND"),
        (
            "?assumeMerchant=test-merchant",
            "another",
            "DYNAMIC_QR_PAYMENT_NOT_FOUND",
        ),
        ("?a=b&assumeMerchant=another", MERCHANT, "OPA_CLIENT_NOT_FOUND"),
    ] {
        let path = format!("/v2/payments/none{query}");
        let answer = reqwest::Client::new()
            .get(format!("{}{path}", shop.api))
            .header("authorization", signed(&path))
            .header("x-assume-merchant", header)
            .send()
            .await
            .unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(id.starts_with("OPA") && id.len() <= 64, "{id}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["resultInfo"]["code"], status, "{query}");
    }
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
        ("GET", "/sandbox/faults/none", 404, "FAULTS_NOT_FOUND"),
        ("DELETE", "/sandbox/faults/none", 404, "FAULTS_NOT_FOUND"),
        ("PUT", "/sandbox/faults/a%20b", 400, "VALIDATION_FAILED"),
        ("PUT", "/sandbox/faults/none", 400, "MALFORMED_JSON"),
    ] {
        let (got, problem) = shop.desk(method, path, None).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{path}");
    }
}
