//! `kessai saga`, and what the worker tells of sagas.

use super::{SAGAS, open_shop, register, stops, sums};
use anyhow::{Context, Result};
use scenarios::Buyer;
use serde_json::{Value, json};

#[tokio::test]
async fn the_command_line_does_the_same_beside_the_running_shop() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    register(&admin, &stops()).await?;
    let saga = admin.post(SAGAS, &json!({"machine": "stops"})).await?.json;
    let id = saga["id"].as_str().context("id")?;
    let run = |arguments: &[&str]| -> Result<(Option<i32>, String)> {
        let output = shop.kessai(&[&["saga"], arguments].concat())?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8(text)?))
    };
    let (code, listed) = run(&["list", "--phase", "recovering", "--machine", "stops"])?;
    assert!(
        code == Some(0) && listed.contains(id) && listed.contains("1 RECOVERING"),
        "{listed}"
    );
    let (_, document) = run(&["list", "--json", "--older-than", "0s"])?;
    let document: Value = serde_json::from_str(&document)?;
    assert_eq!(document["items"][0]["id"], id);
    let (code, shown) = run(&["show", id])?;
    assert!(
        code == Some(0) && shown.contains("Ask") && shown.contains("start"),
        "{shown}"
    );

    let (code, skipped) = run(&["skip", id, "--reason", "by hand"])?;
    assert!(code == Some(0) && skipped.contains("SUCCEEDED"), "{skipped}");
    let (code, refused) = run(&["retry", id])?;
    assert!(code == Some(1) && refused.starts_with("error: "), "{refused}");
    let (code, nobody) = run(&["show", "S0"])?;
    assert!(code == Some(1) && nobody.contains("there is no `S0`"), "{nobody}");
    let audit = admin.get(&format!("{SAGAS}/{id}")).await?.json["audit"].clone();
    assert_eq!(audit[1]["reason"], "by hand");
    assert!(
        audit[1]["actor"]
            .as_str()
            .is_some_and(|actor| actor.starts_with("cli:")),
        "{audit}"
    );

    let file = shop.data().join("sums.json");
    std::fs::write(&file, sums().to_string())?;
    let (code, registered) = run(&["register", file.to_str().context("path")?])?;
    assert!(
        code == Some(0) && registered.contains("sums version 1: registered"),
        "{registered}"
    );
    let (code, started) = run(&["start", "sums", "--params", r#"{"a": 1, "b": 1}"#, "--json"])?;
    let started: Value = serde_json::from_str(&started)?;
    assert_eq!(
        (code, &started["context"]["sum"]),
        (Some(0), &json!(2)),
        "{started}"
    );
    let (_, machines) = run(&["machines"])?;
    assert!(
        machines.contains("order_create") && machines.contains("sums"),
        "{machines}"
    );
    shop.check_at_rest().await
}

#[tokio::test]
async fn what_sagas_do_is_counted_and_logged_flat() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    register(&admin, &sums()).await?;
    let wish = json!({"machine": "sums", "params": {"a": 1, "b": 1}});
    let saga = admin.post(SAGAS, &wish).await?.json;
    let figures = shop
        .http
        .get(format!("{}/metrics", shop.url()))
        .send()
        .await?
        .text()
        .await?;
    for line in [
        "kessai_saga_started_total{machine=\"sums\"} 1",
        "kessai_saga_finished_total{machine=\"sums\",status=\"SU\"} 1",
        "kessai_saga_duration_seconds_count{machine=\"sums\",status=\"SU\"} 1",
        "kessai_saga_state_duration_seconds_count{machine=\"sums\",state=\"Add\",status=\"SU\"} 1",
    ] {
        assert!(figures.contains(line), "{line}\n{figures}");
    }
    let log = std::fs::read_to_string(shop.data().join("shop.log"))?;
    let finished = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["event"] == "saga_finished")
        .context("no such line")?;
    assert_eq!(
        (&finished["sagaId"], &finished["component"], &finished["level"]),
        (&saga["id"], &json!("order"), &json!("INFO"))
    );
    assert!(
        finished["requestId"].is_string() && finished.get("fields").is_none(),
        "{finished}"
    );
    Ok(())
}
