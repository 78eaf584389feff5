//! Who gets in, and what is said to requests that are wrong.

use super::{MACHINES, SAGAS, open_shop, refused, sums};
use anyhow::Result;
use reqwest::Method;
use scenarios::Buyer;
use serde_json::json;

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
