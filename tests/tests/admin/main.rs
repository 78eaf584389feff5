//! What an operator sees and does, by HTTP and by `kessai saga`, and what nobody else can.

mod access;
mod command;
mod machines;
mod payments;
mod sagas;

use anyhow::{Result, ensure};
use scenarios::{Answer, Buyer, Shop, ShopOptions};
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

/// Waits for an event.
fn waits() -> Value {
    json!({
        "Name": "waits", "StartState": "Wait",
        "States": {
            "Wait": { "Type": "WaitForEvent", "TimeoutSeconds": 3600,
                      "Events": { "ARRIVED": { "Next": "Done", "Output": { "pieces": "$.#root.pieces" } } } },
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
