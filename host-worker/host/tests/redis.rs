//! `spin:redis` against a real Redis.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Fixture, servers::Redis};

async fn fixture(server: &Redis) -> Fixture {
    Fixture::new(&format!("allowed_outbound_hosts = [\"{}\"]", server.address())).await
}

async fn ask(fixture: &Fixture, server: &Redis, commands: &str) -> Value {
    fixture
        .post(&format!("/a/redis?{}", server.address()), commands.to_owned())
        .await
        .json()
}

#[tokio::test]
async fn every_function_does_what_its_name_says() {
    let server = Redis::start();
    let fixture = fixture(&server).await;
    let answers = ask(
        &fixture,
        &server,
        "get k\nset k お茶\nget k\nincr n\nincr n\nincr k\nsadd k a\nsadd s a b a\nsmembers one\nsadd one x\nsmembers one\nsrem s a z\ndel k n nothing\nget k\npublish c hello",
    )
    .await;
    let expected = json!([
        null, null, "お茶", 1, 2, {"error": "Error::TypeError"}, {"error": "Error::TypeError"}, 2, [], 1, ["x"], 1, 2, null, null
    ]);
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn any_command_is_executed_and_its_answer_is_flat() {
    let server = Redis::start();
    let fixture = fixture(&server).await;
    let answers = ask(
        &fixture,
        &server,
        "execute SET session v EX 100\nexecute TTL session\nexecute GET session\nexecute GET none\nexecute PING\n\
         execute RPUSH list a 7\nexecute LRANGE list 0 -1\nexecute EVAL return{1,{'a',{2}}} 0\nexecute NONSENSE",
    )
    .await;
    assert_eq!(answers[0], json!([{"status": "OK"}]));
    let left = answers[1][0].as_i64().unwrap();
    assert!((90..=100).contains(&left), "{left}");
    assert_eq!(answers[2], json!(["v"]));
    assert_eq!(answers[3], json!([null]));
    assert_eq!(answers[4], json!([{"status": "PONG"}]));
    assert_eq!(answers[5], json!([2]));
    assert_eq!(answers[6], json!(["a", "7"]));
    assert_eq!(answers[7], json!([1, "a", 2]));
    let error = answers[8]["error"].as_str().unwrap();
    assert!(error.contains("Other") && error.contains("NONSENSE"), "{error}");
}

#[tokio::test]
async fn only_allowed_servers_are_asked() {
    let server = Redis::start();
    for allowed in [
        String::new(),
        format!("allowed_outbound_hosts = [\"http://127.0.0.1:{}\"]", server.port),
        format!(
            "allowed_outbound_hosts = [\"redis://127.0.0.1:{}\"]",
            server.port ^ 1
        ),
    ] {
        let fixture = Fixture::new(&allowed).await;
        assert_eq!(ask(&fixture, &server, "get k").await, "Error::InvalidAddress");
    }
    let nonsense = fixture(&server).await.get("/a/redis?127.0.0.1").await;
    assert_eq!(nonsense.json(), "Error::InvalidAddress");
}

#[tokio::test]
async fn a_server_that_is_gone_costs_an_error_and_its_return_is_noticed() {
    let mut server = Redis::start();
    let fixture = fixture(&server).await;
    assert_eq!(ask(&fixture, &server, "set k v").await, json!([null]));

    server.kill();
    for _ in 0..3 {
        let gone = ask(&fixture, &server, "get k").await;
        assert!(gone[0]["error"].as_str().unwrap().contains("Other"), "{gone}");
    }

    // At once: no command waits for some later attempt.
    server.run();
    assert_eq!(
        ask(&fixture, &server, "get k\nset k w\nget k").await,
        json!([null, null, "w"])
    );

    // Killed and back between two commands: what is harmless twice does not even fail.
    server.kill();
    server.run();
    assert_eq!(ask(&fixture, &server, "get k").await, json!([null]));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_within_the_request() {
    let server = Redis::start();
    let fixture = fixture(&server).await;
    assert_eq!(ask(&fixture, &server, "set k v").await, json!([null]));
    server.freeze();
    let silent = ask(&fixture, &server, "get k").await;
    server.thaw();
    assert!(silent[0]["error"].as_str().unwrap().contains("Other"), "{silent}");
    loop {
        if ask(&fixture, &server, "get k").await == json!(["v"]) {
            break;
        }
    }
}
