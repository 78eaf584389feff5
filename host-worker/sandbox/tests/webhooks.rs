//! Webhooks, their faults, the pages, and what survives a restart.
#![allow(clippy::unwrap_used)]

mod common;

use common::{KEY, MERCHANT, SECRET, Shop, until};
use kessai_sandbox::{Sandbox, SandboxConfig, SandboxError};
use serde_json::json;

#[tokio::test]
async fn an_approval_reaches_a_merchant_that_fails_twice() {
    let shop = Shop::open().await;
    shop.receiver.statuses.lock().unwrap().extend([500, 503]);
    let code = shop.code("m").await;
    let (status, approved) = shop.decide(&code, "approve").await;
    assert_eq!((status, approved["status"].as_str()), (200, Some("COMPLETED")));
    let deliveries = shop.settled("m", 1).await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0]["outcome"], "DELIVERED");
    let statuses: Vec<_> = deliveries[0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["status"].clone())
        .collect();
    assert_eq!(statuses, [json!(500), json!(503), json!(200)]);
    let bodies = shop.receiver.bodies();
    assert_eq!(bodies.len(), 3);
    let event = paypay::webhook::TransactionEvent::parse(bodies[2].to_string().as_bytes()).unwrap();
    assert_eq!(event.merchant_payment_id.as_str(), "m");
    assert_eq!(event.payment_id.unwrap().as_str(), approved["paymentId"]);
    assert_eq!(
        (event.amount, event.merchant_id.as_deref()),
        (Some(1200), Some(MERCHANT))
    );
    assert!(event.paid_at.unwrap().ends_with("+09:00"));

    assert_eq!(
        shop.decide(&code, "approve").await.0,
        200,
        "a double tap is the same approval"
    );
    assert_eq!(shop.settled("m", 1).await.len(), 1);
    assert_eq!(shop.decide(&code, "decline").await.0, 409);
}

#[tokio::test]
async fn an_event_is_lost_after_four_attempts_and_can_be_replayed() {
    let shop = Shop::open().await;
    shop.receiver
        .statuses
        .lock()
        .unwrap()
        .extend([500, 500, 500, 500]);
    let code = shop.code("m").await;
    shop.decide(&code, "decline").await;
    let lost = shop.settled("m", 1).await;
    assert_eq!(
        (
            lost[0]["outcome"].as_str(),
            lost[0]["attempts"].as_array().unwrap().len()
        ),
        (Some("LOST"), 4)
    );
    assert_eq!(lost[0]["body"]["state"], "FAILED");
    let (status, again) = shop
        .desk(
            "POST",
            &format!("/sandbox/webhooks/{}/replay", lost[0]["id"]),
            None,
        )
        .await;
    assert_eq!(status, 202);
    let both = shop.settled("m", 2).await;
    assert_eq!(
        (&both[1]["id"], both[1]["outcome"].as_str()),
        (&again["id"], Some("DELIVERED"))
    );
    assert_eq!(both[1]["body"], both[0]["body"]);
}

#[tokio::test]
async fn webhook_faults_drop_repeat_and_falsify() {
    let shop = Shop::open().await;
    let faults = async |change| {
        assert_eq!(
            shop.desk("PUT", "/sandbox/faults", Some(json!({"webhook": change})))
                .await
                .0,
            200
        )
    };
    faults(json!({"drop": 1})).await;
    let code = shop.code("dropped").await;
    shop.decide(&code, "approve").await;
    assert_eq!(shop.settled("dropped", 1).await[0]["outcome"], "DROPPED");
    assert!(shop.receiver.bodies().is_empty());

    faults(json!({"drop": 0, "duplicate": 1, "wrongAmount": 1, "reorder": 1, "delayMs": 1})).await;
    let code = shop.code("tripled").await;
    shop.decide(&code, "approve").await;
    assert_eq!(shop.settled("tripled", 3).await.len(), 3);
    let bodies = shop.receiver.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(
        bodies
            .iter()
            .all(|body| body["order_amount"] == "1201" && *body == bodies[0])
    );
    assert_eq!(shop.details("tripled").await["amount"]["amount"], 1200);
}

#[tokio::test]
async fn the_books_survive_a_restart_with_undelivered_webhooks_and_faults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.db");
    let first = Shop::open_with(Some(file.clone())).await;
    let code = first.code("m").await;
    let late = json!({"webhook": {"delayMs": 600_000}});
    first.desk("PUT", "/sandbox/faults", Some(late)).await;
    first.decide(&code, "approve").await;
    assert!(first.receiver.bodies().is_empty());
    first.sandbox.shutdown().await;

    let second = Shop::open_with(Some(file)).await;
    assert_eq!(second.details("m").await["status"], "COMPLETED");
    assert_eq!(
        second.desk("GET", "/sandbox/faults", None).await.1["webhook"]["delayMs"],
        600_000
    );
    let again = second
        .call("POST", "/v2/codes", Some(common::code_request("m")))
        .await;
    assert_eq!(common::result(&again), (400, "DUPLICATE_DYNAMIC_QR_REQUEST"));
    second.ahead.store(600_000, std::sync::atomic::Ordering::SeqCst);
    until("the webhook left from before", async || {
        second.receiver.bodies().pop()
    })
    .await;
}

#[tokio::test]
async fn a_sandbox_on_a_public_address_is_refused_unless_forced() {
    let mut config = SandboxConfig::new(KEY, SECRET, MERCHANT, "https://shop.example").unwrap();
    assert!(matches!(
        Sandbox::new(config.clone()).await,
        Err(SandboxError::NotLoopback(_))
    ));
    config.force = true;
    assert!(Sandbox::new(config).await.is_ok());
}

#[tokio::test]
async fn the_pages_show_the_payment_and_escape_what_the_merchant_wrote() {
    let shop = Shop::open().await;
    let code = shop.code("m").await;
    let page = async |path: String| {
        let answer = reqwest::get(format!("{}{path}", shop.api)).await.unwrap();
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, phone) = page(format!("/sandbox/pay/{code}")).await;
    assert_eq!(status, 200);
    for words in ["1,200", "SANDBOX", "id=\"approve\"", "id=\"decline\"", "お買い物"] {
        assert!(phone.contains(words), "{words}");
    }
    assert!(!phone.contains("<b>皿</b>"));
    shop.decide(&code, "approve").await;
    let (_, paid) = page(format!("/sandbox/pay/{code}")).await;
    assert!(paid.contains("支払いが完了しました") && !paid.contains("id=\"approve\""));
    assert_eq!(page("/sandbox/pay/none".to_owned()).await.0, 404);
    shop.settled("m", 1).await;
    let (status, desk) = page("/sandbox".to_owned()).await;
    assert!(status == 200 && desk.contains("DELIVERED") && desk.contains(&code));
    let approve = |code: &str| format!("data-call=\"POST /sandbox/codes/{code}/approve\"");
    assert!(!desk.contains(&approve(&code)), "what is paid needs no approval");
    let open = shop.code("open").await;
    let drop = Some(json!({"webhook": {"drop": 1}}));
    shop.desk("PUT", "/sandbox/faults/open", drop).await;
    let (_, desk) = page("/sandbox".to_owned()).await;
    for words in [
        approve(&open).as_str(),
        "webhook.drop 1.0",
        "data-call=\"DELETE /sandbox/faults/open\"",
        "data-call=\"POST /sandbox/webhooks/1/replay\"",
        "1. 200 (",
    ] {
        assert!(desk.contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_failed_attempt_names_its_cause_and_not_the_secret_address() {
    let mut config = SandboxConfig::new(KEY, SECRET, MERCHANT, "http://127.0.0.1:3000").unwrap();
    // A port that nobody listens on any more.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    config.webhook_url = Some(format!("http://{gone}/paypay/webhook/s3cret"));
    let shop = Shop::open_as(config).await;
    let code = shop.code("m").await;
    shop.decide(&code, "approve").await;
    let deliveries = shop.settled("m", 1).await;
    let error = deliveries[0]["attempts"][0]["error"].as_str().unwrap();
    assert!(error.contains("refused") && !error.contains("s3cret"), "{error}");
}
