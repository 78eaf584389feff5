//! The development issuer over a real listener.
#![allow(clippy::unwrap_used)]

mod common;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use kessai_sandbox::issuer::DevIssuer;
use serde_json::{Value, json};

const ISSUER: &str = "http://127.0.0.1:3000/dev";

async fn post(address: &str, body: &str) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .post(format!("{address}/dev/token"))
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn claims(address: &str, token: &str) -> Value {
    let set: JwkSet = reqwest::get(format!("{address}/dev/jwks.json"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    let key = DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&["kessai-dev"]);
    decode::<Value>(token, &key, &rules).unwrap().claims
}

#[tokio::test]
async fn a_token_verifies_against_the_key_set_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys/issuer.pem");
    let open = || DevIssuer::load_or_create(&file, ISSUER, "kessai-dev").unwrap();
    let first = common::serve(open().router()).await;
    let (status, body) = post(
        &first,
        &json!({"email": "Hana@Example.com", "name": "花", "admin": true}).to_string(),
    )
    .await;
    assert_eq!(status, 200);
    let token = body["idToken"].as_str().unwrap();
    let said = claims(&first, token).await;
    assert_eq!(
        (&said["email"], &said["name"], &said["role"]),
        (&json!("hana@example.com"), &json!("花"), &json!("admin"))
    );
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        3600
    );
    assert_eq!(said["auth_time"], said["iat"]);

    let second = common::serve(open().router()).await;
    assert_eq!(claims(&second, token).await, said);
    let (_, body) = post(&second, r#"{"email":"hana@example.com"}"#).await;
    let buyer = claims(&second, body["idToken"].as_str().unwrap()).await;
    assert_eq!(
        (&buyer["sub"], &buyer["role"], &buyer["name"]),
        (&said["sub"], &json!("buyer"), &json!("hana"))
    );
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = DevIssuer::load_or_create(&folder.path().join("k.pem"), ISSUER, "kessai-dev").unwrap();
    let address = common::serve(issuer.router()).await;
    for (body, code, field) in [
        ("{", "MALFORMED_JSON", Value::Null),
        ("{}", "VALIDATION_FAILED", json!("email")),
        (r#"{"email":"nobody"}"#, "VALIDATION_FAILED", json!("email")),
        (
            r#"{"email":"a@b.c","name":""}"#,
            "VALIDATION_FAILED",
            json!("name"),
        ),
        (
            r#"{"email":"a@b.c","admin":"yes"}"#,
            "VALIDATION_FAILED",
            Value::Null,
        ),
    ] {
        let (status, problem) = post(&address, body).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some(code)), "{body}");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
}

#[test]
fn a_key_file_that_holds_something_else_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k.pem");
    std::fs::write(&file, "mine").unwrap();
    assert!(DevIssuer::load_or_create(&file, ISSUER, "kessai-dev").is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}
