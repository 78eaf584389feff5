//! What an operator sees and does, by HTTP and by `kessai saga`, and what nobody else can.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use scenarios::{Answer, Buyer, Shop, ShopOptions, eventually, shelf};
use serde_json::{Value, json};

const SAGAS: &str = "/api/admin/sagas";
const MACHINES: &str = "/api/admin/state-machines";

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.json);
    assert_eq!(answer.content_type, "application/problem+json");
}

/// A shop whose worker leaves a saga that has stopped to the test.
async fn open_shop() -> Result<Shop> {
    let variables = [("saga_recovery_first_seconds".to_owned(), "600".to_owned())].into();
    Shop::start(ShopOptions {
        variables,
        ..ShopOptions::default()
    })
    .await
}

/// Adds up, and ends.
fn sums() -> Value {
    json!({
        "Name": "sums", "Comment": "Adds up.", "StartState": "Add",
        "States": {
            "Add": { "Type": "ScriptTask", "ScriptType": "expression", "ScriptContent": "[a] + [b]", "Output": { "sum": "$.#root" },
                     "Next": "Done" },
            "Done": { "Type": "Succeed" },
        }
    })
}

/// Stops at a service that no component may reach.
fn stops() -> Value {
    json!({
        "Name": "stops", "StartState": "Ask", "RecoverStrategy": "Forward",
        "States": {
            "Ask": { "Type": "ServiceTask", "ServiceType": "http", "ServiceName": "http://elsewhere.invalid", "ServiceMethod": "/ask",
                     "Input": [{ "apiToken": "s3cret", "question": "$.[question]" }], "IsForUpdate": true, "Next": "Done" },
            "Done": { "Type": "Succeed" },
        }
    })
}

async fn register(admin: &Buyer<'_>, definition: &Value) -> Result<()> {
    let answer = admin.post(MACHINES, definition).await?;
    ensure!(answer.status == 201, "{answer:?}");
    Ok(())
}

fn ids(page: &Answer) -> Vec<&str> {
    let items = page.json["items"].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|saga| saga["id"].as_str()).collect()
}

#[tokio::test]
async fn only_administrators_get_in_and_change_something_only_from_our_own_pages() -> Result<()> {
    let shop = open_shop().await?;
    let (stranger, buyer) = (
        Buyer::stranger(&shop),
        Buyer::login(&shop, "buyer@example.com").await?,
    );
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let reads = [
        SAGAS,
        "/api/admin/sagas/S1",
        MACHINES,
        "/api/admin/state-machines/sums",
    ];
    let changes = [SAGAS, "/api/admin/sagas/S1/retry", MACHINES];
    for path in reads {
        refused(&stranger.get(path).await?, 401, "UNAUTHENTICATED");
        refused(&buyer.get(path).await?, 403, "FORBIDDEN");
    }
    for path in changes {
        refused(&stranger.post(path, &sums()).await?, 401, "UNAUTHENTICATED");
        refused(&buyer.post(path, &sums()).await?, 403, "FORBIDDEN");
        let elsewhere = [
            ("content-type", "application/json"),
            ("origin", "https://evil.example"),
        ];
        let answer = admin
            .send(
                Method::POST,
                path,
                &elsewhere,
                Some(sums().to_string().into_bytes()),
            )
            .await?;
        refused(&answer, 403, "ORIGIN_REJECTED");
    }
    assert_eq!(admin.get(SAGAS).await?.json["items"], json!([]));
    assert_eq!(
        admin.get(MACHINES).await?.json["items"][0]["name"],
        "order_create"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_or_not_right_is_said() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    for (query, field) in [
        ("phase=DEAD", "phase"),
        ("size=0", "size"),
        ("size=101", "size"),
        ("olderThan=soon", "olderThan"),
        ("cursor=not-ours", "cursor"),
        ("machine=", "machine"),
    ] {
        let answer = admin.get(&format!("{SAGAS}?{query}")).await?;
        refused(&answer, 400, "VALIDATION_FAILED");
        assert_eq!(answer.json["errors"][0]["field"], field, "{query}");
    }
    for id in [
        "S20261122-0000000000",
        "K20261122-0000000000",
        "a%2Fb",
        "%E6%B3%A8",
    ] {
        refused(&admin.get(&format!("{SAGAS}/{id}")).await?, 404, "SAGA_NOT_FOUND");
        let answer = admin.post(&format!("{SAGAS}/{id}/retry"), &json!({})).await?;
        refused(&answer, 404, "SAGA_NOT_FOUND");
    }
    refused(
        &admin.post(&format!("{SAGAS}/S1/delete"), &json!({})).await?,
        404,
        "NOT_FOUND",
    );
    refused(
        &admin.get(&format!("{MACHINES}/nobody")).await?,
        404,
        "STATE_MACHINE_NOT_FOUND",
    );
    let answer = admin.send(Method::DELETE, SAGAS, &[], None).await?;
    refused(&answer, 405, "METHOD_NOT_ALLOWED");
    let long = json!({"reason": "x".repeat(501)});
    refused(
        &admin.post(&format!("{SAGAS}/S1/retry"), &long).await?,
        400,
        "VALIDATION_FAILED",
    );
    Ok(())
}

#[tokio::test]
async fn an_orders_saga_is_found_filtered_shown_and_not_steered_against_its_state() -> Result<()> {
    let shop = open_shop().await?;
    let buyer = Buyer::login(&shop, "buyer@example.com").await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 1)], "o-1").await?;
    let other = buyer.buy(&[(product.id, 1)], "o-2").await?;
    let order_no = order["orderNo"].as_str().context("orderNo")?;

    let page = admin.get(&format!("{SAGAS}?orderNo={order_no}")).await?;
    assert_eq!(ids(&page), [order_no]);
    let summary = &page.json["items"][0];
    assert_eq!(
        (&summary["machine"], &summary["phase"], &summary["orderNo"]),
        (&json!("order_create"), &json!("WAITING"), &json!(order_no))
    );
    assert_eq!(page.json["counts"]["WAITING"], 2);
    for (query, count) in [
        ("phase=WAITING&machine=order_create", 2),
        ("phase=PARKED", 0),
        ("machine=sums", 0),
        ("olderThan=3600", 0),
        ("olderThan=0", 2),
    ] {
        let page = admin.get(&format!("{SAGAS}?{query}")).await?;
        assert_eq!(ids(&page).len(), count, "{query}: {}", page.json);
    }
    // Page by page, nothing twice.
    let first = admin.get(&format!("{SAGAS}?size=1")).await?;
    let cursor = first.json["nextCursor"].as_str().context("nextCursor")?;
    let second = admin.get(&format!("{SAGAS}?size=1&cursor={cursor}")).await?;
    let mut both = [ids(&first), ids(&second)].concat();
    both.sort_unstable();
    let mut expected = [order_no, other["orderNo"].as_str().context("orderNo")?];
    expected.sort_unstable();
    assert_eq!(both, expected);

    let path = format!("{SAGAS}/{order_no}");
    let saga = admin.get(&path).await?.json;
    assert_eq!(saga["definition"]["Name"], "order_create");
    assert!(
        saga["states"].as_array().is_some_and(|states| !states.is_empty()),
        "{saga}"
    );
    refused(
        &admin
            .post(&format!("{path}/skip"), &json!({"reason": "impatient"}))
            .await?,
        409,
        "SAGA_CONFLICT",
    );
    let audit = admin.get(&path).await?.json["audit"].clone();
    assert_eq!(audit[0]["action"], "skip");
    assert_eq!(audit[0]["reason"], "impatient");
    assert_ne!(audit[0]["outcome"], "done");

    let payment = buyer.get(&format!("/api/orders/{order_no}/payment")).await?;
    assert_eq!(payment.status, 200, "{payment:?}");
    for field in ["url", "deeplink", "expiresAt"] {
        assert_eq!(payment.json[field], order["payment"][field]);
    }
    refused(
        &admin.get(&format!("/api/orders/{order_no}/payment")).await?,
        404,
        "ORDER_NOT_FOUND",
    );
    shop.approve(payment.json["url"].as_str().context("url")?).await?;
    buyer.until(&order, "PAID").await?;
    refused(
        &buyer.get(&format!("/api/orders/{order_no}/payment")).await?,
        409,
        "ORDER_FINAL",
    );
    eventually(
        "the saga's end",
        async || Ok(admin.get(&path).await?.json),
        |saga| saga["phase"] == "SUCCEEDED" && saga["actions"] == json!([]),
    )
    .await?;
    refused(
        &admin.post(&format!("{path}/compensate"), &json!({})).await?,
        409,
        "SAGA_CONFLICT",
    );
    shop.check_at_rest().await
}

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

#[tokio::test]
async fn a_saga_that_stopped_is_steered_and_every_attempt_is_kept() -> Result<()> {
    let shop = open_shop().await?;
    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    register(&admin, &stops()).await?;
    let wish = json!({"machine": "stops", "params": {"question": "why", "password": "s3cret"}});
    let saga = admin.post(SAGAS, &wish).await?.json;
    assert_eq!(saga["phase"], "RECOVERING", "{saga}");
    assert!(
        saga["nextAt"].is_string() && saga["error"]["state"] == "Ask",
        "{saga}"
    );
    let input = &saga["states"][0]["input"][0];
    assert_eq!(
        (
            &input["question"],
            &input["apiToken"],
            &saga["context"]["password"]
        ),
        (&json!("why"), &json!("•••"), &json!("•••")),
        "{saga}"
    );
    let path = format!("{SAGAS}/{}", saga["id"].as_str().context("id")?);

    let still = admin
        .post(&format!("{path}/retry"), &json!({"reason": "perhaps now"}))
        .await?;
    assert_eq!(
        (still.status, &still.json["phase"]),
        (200, &json!("RECOVERING")),
        "{still:?}"
    );
    // No body is a body without a reason.
    let skipped = admin
        .send(Method::POST, &format!("{path}/skip"), &[], None)
        .await?;
    assert_eq!(
        (skipped.status, &skipped.json["phase"]),
        (200, &json!("SUCCEEDED")),
        "{skipped:?}"
    );
    refused(
        &admin.post(&format!("{path}/forward"), &json!({})).await?,
        409,
        "SAGA_CONFLICT",
    );

    let audit = admin.get(&path).await?.json["audit"].clone();
    let told: Vec<(&str, bool)> = audit
        .as_array()
        .context("audit")?
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().unwrap_or_default(),
                entry["outcome"] == "done",
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("start", true),
            ("retry", true),
            ("skip", true),
            ("forward", false)
        ]
    );
    assert_eq!(audit[1]["reason"], "perhaps now");
    shop.check_at_rest().await
}

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
