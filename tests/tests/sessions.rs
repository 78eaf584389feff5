//! Sessions in Redis: what buyers see of them, of their end, and of Redis' absence.

use anyhow::{Context, Result};
use scenarios::{Answer, Buyer, Shop, ShopOptions, eventually, shelf};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

// A server for these tests is the same as one for the host's.
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../host-worker/host/tests/support/servers/process.rs"]
mod process;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../host-worker/host/tests/support/servers/redis.rs"]
mod redis;

use redis::Redis;

/// Whoever needs a session is told within this that none can be checked.
const TOLD: Duration = Duration::from_secs(2);

async fn shop(redis: &Redis) -> Result<Shop> {
    shop_with(redis, &[]).await
}

/// With these variables of spin.toml besides.
async fn shop_with(redis: &Redis, more: &[(&str, &str)]) -> Result<Shop> {
    let address = format!("127.0.0.1:{}", redis.port);
    let mut variables = BTreeMap::from([
        ("session_store", "redis"),
        ("redis_address", address.as_str()),
        ("redis_password", ""),
    ]);
    variables.extend(more.iter().copied());
    Shop::start(ShopOptions {
        variables: variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..ShopOptions::default()
    })
    .await
}

/// What `/health/ready` says of Redis.
async fn redis_health(shop: &Shop) -> Result<Value> {
    let answer = shop
        .http
        .get(format!("{}/health/ready", shop.url()))
        .send()
        .await?;
    let health: Value = answer.json().await?;
    let checks = health["checks"].as_array().context("checks")?;
    let redis = checks.iter().find(|check| check["name"] == "redis");
    redis.cloned().with_context(|| format!("no redis in {health}"))
}

async fn is_logged_in(buyer: &Buyer<'_>) -> Result<bool> {
    let answer = buyer.get("/auth/status").await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    Ok(answer.json["authenticated"] == json!(true))
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.json);
}

#[tokio::test]
async fn a_session_lives_in_redis_until_its_token_s_end_or_the_logout() -> Result<()> {
    let redis = Redis::start();
    let shop = shop(&redis).await?;
    let buyer = Buyer::login(&shop, "session@example.com").await?;
    assert!(is_logged_in(&buyer).await?);
    assert_eq!(buyer.get("/api/orders").await?.status, 200);

    let keys = redis.command(&["KEYS", "*"]);
    assert!(
        keys.starts_with("auth:session:") && keys.lines().count() == 1,
        "{keys}"
    );
    let left: i64 = redis.command(&["TTL", &keys]).parse()?;
    // The development issuer's tokens are good for an hour.
    assert!((3_000..=3_600).contains(&left), "{left}");

    // Another login of the same browser ends the first one.
    let first = Buyer::login(&shop, "twice@example.com").await?;
    let token = shop.token("twice@example.com").await?;
    assert_eq!(
        first
            .post("/auth/session", &json!({"idToken": token}))
            .await?
            .status,
        200
    );
    assert!(!is_logged_in(&first).await?);
    let again = Buyer::login(&shop, "twice@example.com").await?;
    assert_eq!(redis.command(&["DBSIZE"]), "3");

    assert_eq!(buyer.post("/auth/logout", &json!({})).await?.status, 204);
    refused(&buyer.get("/api/orders").await?, 401, "UNAUTHENTICATED");
    assert!(!is_logged_in(&buyer).await?);
    assert!(is_logged_in(&again).await?);
    assert_eq!(redis.command(&["DBSIZE"]), "2");

    // What Redis has let go is over.
    redis.command(&["FLUSHALL"]);
    refused(&again.get("/api/account").await?, 401, "UNAUTHENTICATED");
    Ok(())
}

#[tokio::test]
async fn without_redis_only_what_needs_a_session_is_refused() -> Result<()> {
    let mut redis = Redis::start();
    let shop = shop(&redis).await?;
    let buyer = Buyer::login(&shop, "outage@example.com").await?;

    redis.kill();
    for path in ["/api/orders", "/api/account", "/auth/status", "/api/orders"] {
        let answer = tokio::time::timeout(TOLD, buyer.get(path)).await??;
        refused(&answer, 503, "SESSION_STORE_UNAVAILABLE");
    }
    let order = buyer.order(&[(1, 1)], "outage").await?;
    refused(&order, 503, "SESSION_STORE_UNAVAILABLE");
    let login = Buyer::stranger(&shop)
        .session(&shop.token("late@example.com").await?)
        .await?;
    refused(&login, 503, "SESSION_STORE_UNAVAILABLE");
    // Public pages, and whoever has no session anyway.
    assert_eq!(buyer.get("/api/products").await?.status, 200);
    let stranger = Buyer::stranger(&shop);
    refused(&stranger.get("/api/orders").await?, 401, "UNAUTHENTICATED");
    assert!(!is_logged_in(&stranger).await?);

    // Back, and empty: nobody is logged in, everybody can.
    redis.run();
    refused(&buyer.get("/api/orders").await?, 401, "UNAUTHENTICATED");
    let buyer = Buyer::login(&shop, "outage@example.com").await?;
    assert!(is_logged_in(&buyer).await?);

    // Silent, as behind a broken network.
    redis.freeze();
    let silent = buyer.get("/api/orders").await;
    let public = buyer.get("/api/products").await;
    redis.thaw();
    refused(&silent?, 503, "SESSION_STORE_UNAVAILABLE");
    assert_eq!(public?.status, 200);
    Ok(())
}

#[tokio::test]
async fn over_tls_sessions_and_workers_reach_a_redis_that_proves_itself() -> Result<()> {
    let redis = Redis::start_tls();
    let (authority, stranger) = (redis.authority(), redis.strange_authority());
    let trusting = |file: &std::path::Path| {
        let (file, redis) = (file.display().to_string(), &redis);
        async move {
            let more = [
                ("fanout", "redis"),
                ("redis_tls", "true"),
                ("redis_ca_file", &file),
            ];
            shop_with(redis, &more).await
        }
    };
    let shop = trusting(&authority).await?;
    assert_eq!(redis_health(&shop).await?["ok"], json!(true));
    let buyer = Buyer::login(&shop, "sealed@example.com").await?;
    assert!(is_logged_in(&buyer).await?);
    assert_eq!(redis.command(&["DBSIZE"]), "1");
    // What workers tell each other goes the same way.
    let listening = "kessai:orders\n1";
    eventually(
        "the worker to listen",
        async || Ok(redis.command(&["PUBSUB", "NUMSUB", "kessai:orders"])),
        |seen| seen == listening,
    )
    .await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    buyer.buy(&[(product.id, 1)], "sealed").await?;
    eventually(
        "the worker to tell of the order",
        async || Ok(redis.command(&["INFO", "commandstats"])),
        |seen| seen.contains("cmdstat_publish:"),
    )
    .await?;

    // One that a stranger vouches for gets neither sessions nor orders, and plain text is not what it speaks.
    let wary = trusting(&stranger).await?;
    let check = redis_health(&wary).await?;
    let said = check["error"].as_str().unwrap_or_default();
    assert!(said.contains("certificate"), "{check}");
    let login = Buyer::stranger(&wary)
        .session(&wary.token("late@example.com").await?)
        .await?;
    refused(&login, 503, "SESSION_STORE_UNAVAILABLE");
    let plain = shop_with(&redis, &[("redis_tls", "false")]).await?;
    assert_eq!(redis_health(&plain).await?["ok"], json!(false));
    assert_eq!(redis.command(&["DBSIZE"]), "1");
    Ok(())
}

#[tokio::test]
async fn a_word_that_is_none_is_refused_at_the_start() -> Result<()> {
    let redis = Redis::start();
    let error = shop_with(&redis, &[("redis_tls", "perhaps")]).await.err();
    let said = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("`redis_tls` is `perhaps`: true or false"), "{said}");
    Ok(())
}
