//! Requests into components: what they see, and what happens when they misbehave.

#![allow(clippy::unwrap_used)]

mod support;

use http::{Request, StatusCode};
use kessai_host::Limits;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Fixture, limits, manifest};

#[tokio::test]
async fn a_component_sees_the_request_its_identity_and_its_route() {
    let fixture = Fixture::new("").await;
    let request = Request::post("/a/echo?x=1")
        .header("x-request-id", "mine-1")
        .header("spin-client-addr", "6.6.6.6:6")
        .header("spin-path-match-user", "forged")
        .header("cookie", "sid=1");
    let answer = fixture.send(request, "hello").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    let seen = answer.json();
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["uri"], "http://shop.test:3000/a/echo?x=1");
    assert_eq!(seen["body"], "hello");
    for (name, value) in [
        ("spin-full-url", json!("http://shop.test:3000/a/echo?x=1")),
        ("spin-path-info", json!("/echo")),
        ("spin-matched-route", json!("/a/...")),
        ("spin-raw-component-route", json!("/a/...")),
        ("spin-component-route", json!("/a")),
        ("spin-client-addr", json!("127.0.0.1:4321")),
        ("x-request-id", json!("mine-1")),
        ("cookie", json!("sid=1")),
        ("spin-path-match-user", Value::Null),
    ] {
        assert_eq!(seen["headers"][name], value, "{name}");
    }
    assert_eq!(seen["headers"]["traceparent"].as_str().unwrap().len(), 55);
}

#[tokio::test]
async fn an_unknown_path_is_a_404_problem() {
    let fixture = Fixture::new("").await;
    fixture.get("/nowhere").await.assert_problem(404, "NOT_FOUND");
    fixture
        .get("/private/echo")
        .await
        .assert_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn an_instance_serves_one_request_after_another_and_keeps_nothing_of_them() {
    let limits = Limits {
        instance_reuse: 5,
        ..limits()
    };
    let fixture = Fixture::with(&manifest("sqlite_databases = [\"shared\"]"), limits).await;
    // The counter is the instance's: it grows, so the instance is reused, and starts again when it is replaced.
    let mut counts = Vec::new();
    for _ in 0..7 {
        counts.push(fixture.get("/a/count").await.json().as_u64().unwrap());
    }
    assert_eq!(counts, [1, 2, 3, 4, 5, 1, 2]);

    let first = Request::post("/b/echo?first")
        .header("authorization", "first")
        .header("x-request-id", "first");
    fixture.send(first, "first").await;
    let second = fixture.get("/b/echo").await;
    assert!(
        !String::from_utf8_lossy(&second.body).contains("first"),
        "{:?}",
        second.body
    );
    assert_eq!(
        fixture.get("/b/count").await.json(),
        1,
        "a component's instances are its own"
    );
}

#[tokio::test]
async fn a_trap_is_a_500_and_the_next_request_is_fine() {
    let fixture = Fixture::new("").await;
    for _ in 0..3 {
        fixture.get("/a/trap").await.assert_problem(500, "INTERNAL");
        assert_eq!(fixture.get("/a/count").await.json(), 1, "a fresh instance");
    }
}

#[tokio::test]
async fn a_trap_does_not_touch_requests_beside_it() {
    let fixture = Fixture::new("").await;
    let (trap, good) = tokio::join!(fixture.get("/a/trap"), fixture.get("/a/echo"));
    assert_eq!(
        (trap.status, good.status),
        (StatusCode::INTERNAL_SERVER_ERROR, StatusCode::OK)
    );
}

#[tokio::test]
async fn a_runaway_loop_is_a_504_and_others_are_served_meanwhile() {
    let limits = Limits {
        request_timeout: Duration::from_millis(300),
        ..limits()
    };
    let fixture = Fixture::with(&manifest(""), limits).await;
    // One thread for all of it: the loop must let go of it.
    let beside = async {
        let mut served = 0;
        loop {
            let answer = fixture.get("/b/count").await;
            assert_eq!(answer.status, StatusCode::OK);
            served += 1;
            if served == 5 {
                break;
            }
        }
    };
    let (looping, ()) = tokio::join!(fixture.get("/a/loop"), beside);
    looping.assert_problem(504, "TIMEOUT");
    assert_eq!(fixture.get("/a/count").await.json(), 1);
}

#[tokio::test]
async fn waiting_for_ever_is_a_504() {
    let limits = Limits {
        request_timeout: Duration::from_millis(300),
        ..limits()
    };
    let fixture = Fixture::with(&manifest(""), limits).await;
    fixture.get("/a/wait").await.assert_problem(504, "TIMEOUT");
    assert_eq!(fixture.get("/a/count").await.json(), 1);
}

#[tokio::test]
async fn a_component_that_nothing_can_wake_is_a_500_at_once() {
    let fixture = Fixture::new("").await;
    fixture.get("/a/stuck").await.assert_problem(500, "INTERNAL");
}

#[tokio::test]
async fn an_instance_gets_no_more_memory_than_its_limit() {
    let fixture = Fixture::with(
        &manifest(""),
        Limits {
            memory_bytes: 16 << 20,
            ..limits()
        },
    )
    .await;
    assert_eq!(fixture.get("/a/allocate?8").await.json(), 8);
    fixture
        .get("/a/allocate?32")
        .await
        .assert_problem(500, "INTERNAL");
    assert_eq!(fixture.get("/a/allocate?8").await.json(), 8);
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_back() {
    let limits = Limits {
        concurrent_requests: 2,
        request_timeout: Duration::from_millis(500),
        ..limits()
    };
    let fixture = Fixture::with(&manifest(""), limits).await;
    let beyond = async {
        // Both places are taken once the joined futures have been polled.
        tokio::task::yield_now().await;
        let answer = fixture.get("/a/count").await;
        answer.assert_problem(503, "OVERLOADED");
        assert_eq!(answer.headers["retry-after"], "1");
    };
    let (first, second, ()) = tokio::join!(fixture.get("/a/wait"), fixture.get("/a/wait"), beyond);
    first.assert_problem(504, "TIMEOUT");
    second.assert_problem(504, "TIMEOUT");
    // The places are free again when the instances are gone.
    while fixture.get("/a/count").await.status != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413() {
    let fixture = Fixture::with(
        &manifest(""),
        Limits {
            body_bytes: 1000,
            ..limits()
        },
    )
    .await;
    assert_eq!(
        fixture.post("/a/echo", vec![b'x'; 1000]).await.status,
        StatusCode::OK
    );
    fixture
        .post("/a/echo", vec![b'x'; 1001])
        .await
        .assert_problem(413, "BODY_TOO_LARGE");
    // Chunked: the length shows only while reading.
    let chunks = futures::stream::iter((0..3).map(|_| {
        Ok::<_, std::convert::Infallible>(http_body::Frame::data(bytes::Bytes::from(vec![b'x'; 400])))
    }));
    let request = Request::post("/a/echo")
        .header("host", "shop.test")
        .body(http_body_util::StreamBody::new(chunks))
        .unwrap();
    let response = fixture.host.handle(request, ([127, 0, 0, 1], 1).into()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn answers_of_any_length_arrive_whole() {
    let fixture = Fixture::new("").await;
    for length in [0, 1, 100_000, 1 << 20, (1 << 20) + 1, 5 << 20] {
        let answer = fixture.get(&format!("/a/large?{length}")).await;
        assert_eq!(answer.body.len(), length);
        assert_eq!(answer.headers["content-length"], length.to_string());
    }
    let head = fixture.send(Request::head("/a/large?100"), "").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers["content-length"], "100");
}

#[tokio::test]
async fn draining_refuses_new_requests_and_waits_for_those_at_work() {
    let limits = Limits {
        request_timeout: Duration::from_millis(500),
        ..limits()
    };
    let fixture = Fixture::with(&manifest(""), limits).await;
    let drain = async {
        tokio::task::yield_now().await;
        fixture.host.drain(Duration::from_secs(60)).await;
    };
    let (waiting, ()) = tokio::join!(fixture.get("/a/wait"), drain);
    waiting.assert_problem(504, "TIMEOUT");
    fixture.get("/a/count").await.assert_problem(503, "OVERLOADED");
}
