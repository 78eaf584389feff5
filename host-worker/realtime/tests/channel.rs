//! The channel over real sockets, with orders kept in memory.

#![allow(clippy::unwrap_used)]

mod support;

use futures::{SinkExt, StreamExt};
use std::time::Duration;
use support::*;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Error, Message},
};

#[tokio::test]
async fn a_browser_gets_a_snapshot_and_then_every_newer_state() {
    let service = Service::start(|_| {}).await;
    let mut client = service.connect().await;
    let snapshot = json(&mut client).await;
    assert_eq!(
        snapshot,
        serde_json::json!({"type": "SNAPSHOT", "order": {
            "orderNo": ORDER, "status": "WAITING_PAYMENT", "paymentStatus": "CREATED", "amount": 1200, "version": 1,
            "updatedAt": "2026-11-22T01:00:00.000Z"}})
    );
    service.publish(2);
    let update = json(&mut client).await;
    assert_eq!(
        (&update["type"], &update["order"]["version"]),
        (&"ORDER_UPDATED".into(), &2.into())
    );

    // What is old or repeated is not pushed: the next message is version 10.
    service.publish(2);
    service.publish(1);
    service.publish(10);
    let update = json(&mut client).await;
    assert_eq!(
        (&update["order"]["version"], &update["order"]["status"]),
        (&10.into(), &"PAID".into())
    );
}

#[tokio::test]
async fn a_change_while_the_channel_opens_is_not_lost() {
    let service = Service::start(|_| {}).await;
    let hub = service.realtime.hub().clone();
    *service.orders.meanwhile.lock().unwrap() = Some(Box::new(move || hub.publish(view(7))));
    let mut client = service.connect().await;
    let snapshot = json(&mut client).await;
    assert_eq!(
        (&snapshot["type"], &snapshot["order"]["version"]),
        (&"SNAPSHOT".into(), &7.into())
    );
}

#[tokio::test]
async fn the_token_may_come_as_a_subprotocol() {
    let service = Service::start(|_| {}).await;
    let mut request = service.request(&format!("?orderNo={ORDER}"));
    request.headers_mut().insert(
        "sec-websocket-protocol",
        format!("kessai.channel, {TOKEN}").parse().unwrap(),
    );
    let stream = TcpStream::connect(service.address).await.unwrap();
    let (mut client, response) = client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "kessai.channel");
    assert_eq!(json(&mut client).await["type"], "SNAPSHOT");
}

#[tokio::test]
async fn a_channel_that_may_not_open_is_closed_with_its_code() {
    let service = Service::start(|_| {}).await;
    for (query, code) in [
        (format!("?orderNo={ORDER}&token=wrong"), 4401),
        (format!("?orderNo={ORDER}"), 4401),
        (format!("?orderNo=K20261122-0000000000&token={TOKEN}"), 4404),
        (format!("?orderNo=%00&token={TOKEN}"), 4404),
        (String::new(), 4404),
    ] {
        let mut client = service.try_connect(service.request(&query)).await.unwrap();
        assert_eq!(close_code(&mut client).await, code, "{query}");
    }
    *service.orders.down.lock().unwrap() = true;
    assert_eq!(close_code(&mut service.connect().await).await, 1013);
    until(|| service.realtime.hub().watched().is_empty()).await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_as_overloaded() {
    let service = Service::start(|config| config.connections = 1).await;
    let mut first = service.connect().await;
    assert_eq!(json(&mut first).await["type"], "SNAPSHOT");
    assert_eq!(close_code(&mut service.connect().await).await, 1013);
    drop(first);
    until(|| service.realtime.connections() == 0).await;
    assert_eq!(
        json(&mut service.connect().await).await["type"],
        "SNAPSHOT",
        "the place is free again"
    );
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let service = Service::start(|_| {}).await;
    for (origin, allowed) in [
        (SHOP, true),
        ("http://evil.test", false),
        ("null", false),
        ("http://shop.test", false),
    ] {
        let mut request = service.request(&format!("?orderNo={ORDER}&token={TOKEN}"));
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match service.try_connect(request).await {
            Ok(_) => assert!(allowed, "{origin}"),
            Err(Error::Http(response)) => {
                assert!(!allowed, "{origin}");
                assert_eq!(response.status(), 403);
                let body = String::from_utf8(response.into_body().unwrap_or_default()).unwrap();
                assert!(body.is_empty() || body.contains("ORIGIN_REJECTED"), "{body}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn ping_and_status_are_answered_as_words_and_as_json() {
    let service = Service::start(|_| {}).await;
    let mut client = service.connect().await;
    json(&mut client).await;
    for (said, answer) in [
        ("PING", "PONG"),
        (r#"{"type":"PING"}"#, "PONG"),
        ("STATUS", "SNAPSHOT"),
        (r#"{"type":"STATUS"}"#, "SNAPSHOT"),
        ("BUY", "ERROR"),
    ] {
        client.send(Message::text(said)).await.unwrap();
        assert_eq!(json(&mut client).await["type"], answer, "{said}");
    }
}

#[tokio::test]
async fn status_reads_the_order_even_if_no_push_came() {
    let service = Service::start(|_| {}).await;
    let mut client = service.connect().await;
    json(&mut client).await;
    service.orders.put(view(10));
    client.send(Message::text("STATUS")).await.unwrap();
    let answer = json(&mut client).await;
    assert_eq!(
        (&answer["type"], &answer["order"]["status"]),
        (&"SNAPSHOT".into(), &"PAID".into())
    );
}

#[tokio::test]
async fn a_resync_brings_what_was_missed() {
    let service = Service::start(|_| {}).await;
    let mut client = service.connect().await;
    json(&mut client).await;
    service.orders.put(view(3));
    service.realtime.resync().await;
    assert_eq!(json(&mut client).await["order"]["version"], 3);
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection() {
    let service = Service::start(|_| {}).await;
    let mut client = service.connect().await;
    json(&mut client).await;
    client.send(Message::text("x".repeat(2000))).await.unwrap();
    assert_eq!(close_code(&mut client).await, 1009);
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays_and_a_silent_one_is_dropped() {
    let service = Service::start(|config| {
        config.ping_interval = Duration::from_millis(20);
        config.dead_after = Duration::from_millis(400);
    })
    .await;
    // Connected, and then never read: its pings stay unanswered.
    let mut silent = service.connect().await;
    let mut lively = service.connect().await;
    json(&mut silent).await;
    json(&mut lively).await;
    let mut pings = 0;
    while service.realtime.connections() > 1 {
        assert!(matches!(next(&mut lively).await, Message::Ping(_)));
        pings += 1;
    }
    assert!(pings > 1);
    service.publish(4);
    assert_eq!(json(&mut lively).await["order"]["version"], 4);
    drop(silent);
}

#[tokio::test]
async fn a_drain_says_going_away_to_everybody_and_to_latecomers() {
    let service = Service::start(|_| {}).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = service.connect().await;
        json(&mut client).await;
        clients.push(client);
    }
    let realtime = service.realtime.clone();
    let drain = tokio::spawn(async move { realtime.drain(PATIENCE).await });
    for client in &mut clients {
        assert_eq!(close_code(client).await, 1001);
        // Reading on answers the close.
        while let Some(Ok(_)) = client.next().await {}
    }
    drain.await.unwrap();
    let mut late = service.connect().await;
    assert!(matches!(next(&mut late).await, Message::Text(_)));
    assert_eq!(close_code(&mut late).await, 1001);
}

#[tokio::test]
async fn many_watchers_of_one_order_all_see_it_paid() {
    let service = Service::start(|_| {}).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = service.connect().await;
        json(&mut client).await;
        clients.push(client);
    }
    assert!(service.realtime.hub().is_watched(&ORDER.parse().unwrap()));
    for version in 2..=10 {
        service.publish(version);
    }
    for client in &mut clients {
        let mut last = 1;
        while last < 10 {
            let version = json(client).await["order"]["version"].as_u64().unwrap();
            assert!(version > last, "{version} after {last}");
            last = version;
        }
    }
}
