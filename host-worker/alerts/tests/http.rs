//! The operators' routes over a real database file.

#![allow(clippy::unwrap_used)]

mod support;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use domain::{AlertRaised, Instant};
use futures::{FutureExt, future::BoxFuture};
use http_body_util::BodyExt;
use kessai_alerts::{
    Store,
    http::{Denied, Gatekeeper, router},
};
use serde_json::{Value, json};
use std::sync::Arc;
use support::Files;
use tower::ServiceExt;

const SHOP: &str = "http://127.0.0.1:3000";

/// The cookie is the role.
struct ByCookie;

impl Gatekeeper for ByCookie {
    fn operator<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<String, Denied>> {
        let answer = match headers.get("cookie").map(|cookie| cookie.to_str().unwrap()) {
            Some("sid=admin") => Ok("ana".to_owned()),
            Some("sid=down") => Err(Denied::Unavailable),
            Some(_) => Err(Denied::Forbidden),
            None => Err(Denied::Unauthenticated),
        };
        futures::future::ready(answer).boxed()
    }
}

async fn shop(store: &Store) -> Router {
    let alert = AlertRaised {
        alert_id: "S:saga 1".to_owned(),
        rule_id: "S".to_owned(),
        severity: "CRITICAL".to_owned(),
        order_no: None,
        observed: "PARKED".to_owned(),
        expected: "a saga that ends".to_owned(),
        detected_at: "2026-11-22T01:00:00.000Z".to_owned(),
        source: "order".to_owned(),
        facts: json!({"sagaId": "1"}),
    };
    assert_eq!(
        store
            .record(&[alert.clone(), alert], Instant::now())
            .await
            .unwrap(),
        1
    );
    router(store.clone(), Arc::new(ByCookie), SHOP)
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = router
        .clone()
        .oneshot(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.headers().contains_key("x-request-id"));
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

const ADMIN: (&str, &str) = ("cookie", "sid=admin");
const OWN: (&str, &str) = ("origin", SHOP);
const TYPED: (&str, &str) = ("content-type", "application/json");
const ALERT: &str = "/api/admin/alerts/S:saga%201";

#[tokio::test]
async fn an_operator_lists_shows_acknowledges_and_resolves() {
    let files = Files::new().await;
    let shop = shop(&files.store().await).await;
    let (status, page) = ask(&shop, "GET", "/api/admin/alerts?status=NEW", &[ADMIN], "").await;
    assert_eq!(status, 200);
    assert_eq!(page["items"][0]["alertId"], "S:saga 1");
    assert_eq!(
        page["counts"],
        json!({"ACKNOWLEDGED": 0, "NEW": 1, "RESOLVED": 0})
    );
    assert_eq!(page["open"], json!({"S": 1}));

    let note = r#"{"note":" looking "}"#;
    let (status, alert) = ask(
        &shop,
        "POST",
        &format!("{ALERT}/acknowledge"),
        &[ADMIN, OWN, TYPED],
        note,
    )
    .await;
    assert_eq!((status.as_u16(), &alert["status"]), (200, &json!("ACKNOWLEDGED")));
    assert_eq!(
        (&alert["audit"][0]["actor"], &alert["audit"][0]["note"]),
        (&json!("ana"), &json!("looking"))
    );
    let (status, _) = ask(&shop, "POST", &format!("{ALERT}/resolve"), &[ADMIN, OWN], "").await;
    assert_eq!(status, 200);
    let (status, problem) = ask(&shop, "POST", &format!("{ALERT}/acknowledge"), &[ADMIN, OWN], "").await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (409, &json!("ALERT_CONFLICT"))
    );
    let (status, alert) = ask(&shop, "GET", ALERT, &[ADMIN], "").await;
    assert_eq!((status.as_u16(), &alert["facts"]), (200, &json!({"sagaId": "1"})));
    assert_eq!(alert["detectedAt"], "2026-11-22T01:00:00.000Z");
}

#[tokio::test]
async fn everybody_else_is_refused_with_the_reason() {
    let files = Files::new().await;
    let shop = shop(&files.store().await).await;
    let acknowledge = format!("{ALERT}/acknowledge");
    let long = json!({"note": "x".repeat(501)}).to_string();
    let huge = "x".repeat(17 * 1024);
    let foreign = ("origin", "http://evil.example");
    for (method, path, headers, body, status, code) in [
        ("GET", "/api/admin/alerts", vec![], "", 401, "UNAUTHENTICATED"),
        ("GET", ALERT, vec![("cookie", "sid=buyer")], "", 403, "FORBIDDEN"),
        (
            "GET",
            "/api/admin/alerts",
            vec![("cookie", "sid=down")],
            "",
            503,
            "SESSION_STORE_UNAVAILABLE",
        ),
        (
            "GET",
            "/api/admin/alerts?size=0",
            vec![ADMIN],
            "",
            400,
            "VALIDATION_FAILED",
        ),
        (
            "GET",
            "/api/admin/alerts/none",
            vec![ADMIN],
            "",
            404,
            "ALERT_NOT_FOUND",
        ),
        (
            "DELETE",
            "/api/admin/alerts",
            vec![ADMIN],
            "",
            405,
            "METHOD_NOT_ALLOWED",
        ),
        ("GET", &acknowledge, vec![ADMIN], "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", &acknowledge, vec![ADMIN], "", 403, "ORIGIN_REJECTED"),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, foreign],
            "",
            403,
            "ORIGIN_REJECTED",
        ),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, foreign, ("sec-fetch-site", "same-origin")],
            "",
            403,
            "ORIGIN_REJECTED",
        ),
        ("POST", &acknowledge, vec![OWN], "", 401, "UNAUTHENTICATED"),
        (
            "POST",
            "/api/admin/alerts/none/resolve",
            vec![ADMIN, OWN],
            "",
            404,
            "ALERT_NOT_FOUND",
        ),
        (
            "POST",
            "/api/admin/alerts/none/forget",
            vec![ADMIN, OWN],
            "",
            404,
            "NOT_FOUND",
        ),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, OWN],
            "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, OWN, TYPED],
            "{",
            400,
            "MALFORMED_JSON",
        ),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, OWN, TYPED],
            "{\"note\":1}",
            400,
            "VALIDATION_FAILED",
        ),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, OWN, TYPED],
            long.as_str(),
            400,
            "VALIDATION_FAILED",
        ),
        (
            "POST",
            &acknowledge,
            vec![ADMIN, OWN, TYPED],
            huge.as_str(),
            413,
            "BODY_TOO_LARGE",
        ),
    ] {
        let (answered, problem) = ask(&shop, method, path, &headers, body).await;
        assert_eq!(
            (answered.as_u16(), problem["code"].as_str()),
            (status, Some(code)),
            "{method} {path} {headers:?}"
        );
    }
    let (_, alert) = ask(&shop, "GET", ALERT, &[ADMIN], "").await;
    assert_eq!(alert["status"], "NEW");
}
