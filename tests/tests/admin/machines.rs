//! State machines: registered, refused, started.

use super::{MACHINES, SAGAS, open_shop, refused, stops, sums};
use anyhow::{Context, Result};
use reqwest::Method;
use scenarios::Buyer;
use serde_json::{Value, json};

#[tokio::test]
async fn a_machine_is_registered_started_once_for_a_key_and_replaced_by_its_next_version() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let first = admin.post(MACHINES, &sums()).await?;
    assert_eq!(
        (first.status, &first.json["name"]),
        (201, &json!("sums")),
        "{first:?}"
    );
    assert_eq!(admin.post(MACHINES, &sums()).await?.status, 200);

    let wish = json!({"machine": "sums", "businessKey": "k", "params": {"a": 2, "b": 3}});
    let started = admin.post(SAGAS, &wish).await?;
    assert_eq!(started.status, 201, "{started:?}");
    let saga = &started.json;
    assert_eq!(
        (&saga["phase"], &saga["context"]["sum"], &saga["businessKey"]),
        (&json!("SUCCEEDED"), &json!(5), &json!("k"))
    );
    let me = admin.get("/auth/status").await?.json["user"]["userId"].clone();
    assert_eq!(
        (&saga["audit"][0]["action"], &saga["audit"][0]["actor"]),
        (&json!("start"), &me)
    );
    let again = admin.post(SAGAS, &wish).await?;
    assert_eq!((again.status, &again.json["id"]), (200, &saga["id"]));

    let mut next = sums();
    next["States"]["Add"]["ScriptContent"] = json!("[a] * [b]");
    assert_eq!(admin.post(MACHINES, &next).await?.status, 201);
    let shown = admin.get(&format!("{MACHINES}/sums")).await?.json;
    assert_eq!(shown["definition"], next);
    let wish = json!({"machine": "sums", "params": {"a": 2, "b": 3}});
    assert_eq!(admin.post(SAGAS, &wish).await?.json["context"]["sum"], 6);
    let old = admin
        .get(&format!("{SAGAS}/{}", saga["id"].as_str().context("id")?))
        .await?
        .json;
    assert_eq!(old["definition"], sums(), "what it ran stays with it");

    let missing = json!({"machine": "nobody"});
    refused(
        &admin.post(SAGAS, &missing).await?,
        404,
        "STATE_MACHINE_NOT_FOUND",
    );
    let order = json!({"machine": "order_create"});
    refused(&admin.post(SAGAS, &order).await?, 409, "SAGA_CONFLICT");
    let listless = json!({"machine": "sums", "params": [1]});
    refused(&admin.post(SAGAS, &listless).await?, 400, "VALIDATION_FAILED");
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_definition_that_cannot_run_here_is_refused_with_its_place() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let with = |key: &str, value: Value| {
        let mut definition = stops();
        definition["States"]["Ask"][key] = value;
        definition
    };
    for (definition, place) in [
        (with("Next", json!("Nowhere")), "Ask"),
        (with("Type", json!("Sleep")), "Ask"),
        (with("ServiceType", Value::Null), "Ask"),
        (json!({"Name": "empty"}), "StartState"),
    ] {
        let answer = admin.post(MACHINES, &definition).await?;
        refused(&answer, 422, "INVALID_DEFINITION");
        let errors = answer.json["errors"].to_string();
        assert!(errors.contains(place), "{errors} does not name {place}");
    }
    let mut built_in = sums();
    built_in["Name"] = json!("order_create");
    refused(&admin.post(MACHINES, &built_in).await?, 409, "SAGA_CONFLICT");
    refused(
        &admin.post(MACHINES, &json!([1])).await?,
        400,
        "VALIDATION_FAILED",
    );
    let answer = admin
        .send(
            Method::POST,
            MACHINES,
            &[("content-type", "application/json")],
            Some(b"{\"Name\":".to_vec()),
        )
        .await?;
    refused(&answer, 400, "MALFORMED_JSON");
    Ok(())
}
