//! Faults of the API, for all payments and for one, with and without a seed.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Shop, code_request, result};
use paypay::signing::{Credentials, Signed, sign};
use serde_json::{Value, json};

async fn faults(shop: &Shop, change: Value) {
    let (status, body) = shop.desk("PUT", "/sandbox/faults", Some(change)).await;
    assert_eq!(status, 200, "{body}");
}

async fn made(shop: &Shop, id: &str) -> bool {
    shop.call("GET", &format!("/v2/payments/{id}"), None).await.0 == 200
}

#[tokio::test]
async fn an_error_hits_signed_calls_and_some_take_effect() {
    let shop = Shop::open().await;
    faults(&shop, json!({"api": {"errorRate": 1}})).await;
    assert_eq!(
        result(&shop.call("GET", "/v2/payments/x", None).await),
        (500, "INTERNAL_SERVER_ERROR")
    );
    // Some of the failed calls took effect all the same: that is what makes an error 500 doubtful.
    for n in 0..40 {
        shop.call("POST", "/v2/codes", Some(code_request(&format!("m{n}"))))
            .await;
    }
    faults(&shop, json!({"api": {"errorRate": 0}})).await;
    let mut effects = 0;
    for n in 0..40 {
        effects += u32::from(made(&shop, &format!("m{n}")).await);
    }
    assert!((1..40).contains(&effects), "{effects}");
    let (status, problem) = shop
        .desk("PUT", "/sandbox/faults", Some(json!({"api": {"errorRate": 2}})))
        .await;
    assert_eq!(
        (status, problem["errors"][0]["field"].as_str()),
        (400, Some("api.errorRate"))
    );
}

#[tokio::test]
async fn a_limited_caller_is_told_when_to_return_and_nothing_has_happened() {
    let shop = Shop::open().await;
    for (seconds, header) in [(7, Some("7")), (0, None)] {
        faults(
            &shop,
            json!({"api": {"rateLimitRate": 1, "retryAfterSeconds": seconds}}),
        )
        .await;
        let answer = shop
            .raw("POST", "/v2/codes", Some(code_request("m")))
            .await
            .unwrap();
        assert_eq!(answer.status(), 429);
        let told = answer
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(told.as_deref(), header);
        assert_eq!(
            answer.json::<Value>().await.unwrap()["resultInfo"]["code"],
            "RATE_LIMIT"
        );
    }
    faults(&shop, json!({"api": null})).await;
    assert!(!made(&shop, "m").await);
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_its_effect() {
    let shop = Shop::open().await;
    faults(&shop, json!({"api": {"afterEffectRate": 1}})).await;
    let broken = match shop.raw("POST", "/v2/codes", Some(code_request("m"))).await {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broken, "the answer came whole");
    faults(&shop, json!({"api": null})).await;
    assert!(made(&shop, "m").await);
}

#[tokio::test]
async fn maintenance_closes_the_api_and_loses_webhooks() {
    let shop = Shop::open().await;
    let code = shop.code("m").await;
    faults(&shop, json!({"maintenance": true})).await;
    let closed = shop.call("GET", "/v2/payments/m", None).await;
    assert_eq!(result(&closed), (503, "MAINTENANCE_MODE"));
    shop.decide(&code, "approve").await;
    let deliveries = shop.settled("m", 1).await;
    assert_eq!(deliveries[0]["outcome"], "DROPPED");
    faults(&shop, json!({"maintenance": false})).await;
    assert_eq!(shop.details("m").await["status"], "COMPLETED");
    assert!(shop.receiver.bodies().is_empty());
}

#[tokio::test]
async fn a_dead_code_may_be_forgotten() {
    let shop = Shop::open().await;
    let (dead, paid) = (shop.code("dead").await, shop.code("paid").await);
    shop.decide(&paid, "approve").await;
    for code in [&dead, &paid] {
        shop.call("DELETE", &format!("/v2/codes/{code}"), None).await;
    }
    assert_eq!(shop.details("dead").await["status"], "CREATED");
    faults(&shop, json!({"forgetDeadCodes": true})).await;
    let gone = shop.call("GET", "/v2/codes/payments/dead", None).await;
    assert_eq!(result(&gone), (404, "DYNAMIC_QR_PAYMENT_NOT_FOUND"));
    assert_eq!(shop.details("paid").await["status"], "COMPLETED");
}

#[tokio::test]
async fn one_payments_faults_are_its_own_from_its_first_call_to_its_last() {
    let shop = Shop::open().await;
    faults(
        &shop,
        json!({"api": {"rateLimitRate": 1}, "webhook": {"drop": 1}}),
    )
    .await;
    let own = json!({"webhook": {"wrongAmount": 1}});
    let (status, body) = shop.desk("PUT", "/sandbox/faults/m", Some(own)).await;
    assert_eq!((status, &body["api"]["rateLimitRate"]), (200, &json!(0.0)));
    assert_eq!(
        shop.call("POST", "/v2/codes", Some(code_request("x"))).await.0,
        429
    );
    let code = shop.code("m").await;
    let (_, approved) = shop.decide(&code, "approve").await;
    let deliveries = shop.settled("m", 1).await;
    assert_eq!(
        (&deliveries[0]["outcome"], &deliveries[0]["body"]["order_amount"]),
        (&json!("DELIVERED"), &json!("1201"))
    );
    let refund = json!({"merchantRefundId": "r", "paymentId": approved["paymentId"], "requestedAt": 1,
        "amount": {"amount": 1200, "currency": "JPY"}});
    // By its PayPay id, its code and its refund too, the call is about the same payment.
    assert_eq!(shop.call("POST", "/v2/refunds", Some(refund)).await.0, 201);
    assert_eq!(shop.call("GET", "/v2/refunds/r", None).await.0, 200);
    assert_eq!(
        shop.call("DELETE", &format!("/v2/codes/{code}"), None).await.0,
        200
    );
    let (_, shown) = shop.desk("GET", "/sandbox/payments/m", None).await;
    assert_eq!(shown["faults"]["webhook"]["wrongAmount"], 1.0);
    assert_eq!(shop.desk("DELETE", "/sandbox/faults/m", None).await.0, 204);
    assert_eq!(
        shop.call("GET", "/v2/payments/m", None).await.0,
        429,
        "those of all again"
    );
}

#[tokio::test]
async fn the_same_seed_hits_the_same_calls_whatever_happens_elsewhere() {
    let shop = Shop::open().await;
    let series = async |seed: u64, noise: usize| {
        let change = json!({"seed": seed, "api": {"rateLimitRate": 0.5}});
        shop.desk("PUT", "/sandbox/faults/m", Some(change)).await;
        let mut statuses = Vec::new();
        for _ in 0..24 {
            statuses.push(shop.call("GET", "/v2/payments/m", None).await.0);
            for _ in 0..noise {
                shop.call("GET", "/v2/payments/other", None).await;
            }
        }
        statuses
    };
    let first = series(5, 0).await;
    assert!(first.contains(&429) && first.contains(&404), "{first:?}");
    assert_eq!(series(5, 2).await, first);
    assert_ne!(series(6, 0).await, first);
}

#[tokio::test]
async fn clients_that_speak_only_tls_are_served_under_a_certificate_of_our_own() {
    let shop = Shop::open().await;
    let identity = kessai_sandbox::tls::TlsIdentity::generate().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (served, router) = (identity.clone(), shop.sandbox.api_router());
    let serving = tokio::spawn(async move {
        let stop = async { stopped.await.unwrap_or(()) };
        served.serve(listener, router, stop).await
    });
    // A connection that never shakes hands keeps nobody waiting.
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = Signed {
        method: "GET",
        path: "/v2/payments/none",
        body: None,
    };
    let credentials = Credentials::new(common::KEY, common::SECRET).unwrap();
    let header = sign(&credentials, &request, "n", shop.now()).to_string();
    for host in ["localhost", "127.0.0.1"] {
        let (status, body) =
            common::tls_get(identity.authority_pem(), host, address, request.path, &header).await;
        assert_eq!(status, 404, "{body}");
        assert!(body.contains("DYNAMIC_QR_PAYMENT_NOT_FOUND"), "{body}");
    }
    let stranger = kessai_sandbox::tls::TlsIdentity::generate().unwrap();
    assert!(
        common::tls_handshake(stranger.authority_pem(), "localhost", address)
            .await
            .is_err()
    );
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
