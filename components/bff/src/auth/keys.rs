//! The issuer's public keys: fetched once, kept in the table `key_sets` for as long as the issuer allows.

use std::time::Duration;

use domain::Instant;
use edge::{Code, HeaderMap, Problem, RequestContext, header, log, outbound};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use serde_json::json;
use store::{Session as Connection, Sql, StoreError, params};

use crate::session;

/// However often unknown keys are asked for, the issuer is asked no more often than this.
const BETWEEN_FETCHES: Duration = Duration::from_secs(10);
/// How long keys are kept when the issuer does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(300);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The issuer's key with this id. `None` if it has none.
///
/// # Errors
/// `SESSION_STORE_UNAVAILABLE`; `SERVICE_UNAVAILABLE` if the issuer has to be asked and does not answer.
pub async fn find(ctx: &RequestContext, url: &str, key_id: &str) -> Result<Option<Jwk>, Problem> {
    let store = session::open_database(ctx).await?;
    let failed = |error: StoreError| session::unavailable(ctx, error);
    let now = Instant::now();
    let kept = load(&store, url, now).await.map_err(failed)?;
    if let Some(keys) = &kept {
        if let Some(key) = signing_key(keys, key_id) {
            return Ok(Some(key.clone()));
        }
        // Not among the keys that we have: a new one, perhaps. Or somebody makes ids up, and must not make us ask all the time.
        if !claim_fetch(&store, url, now).await.map_err(failed)? {
            return Ok(None);
        }
    }
    let (keys, life) = fetch(ctx, url).await?;
    save(&store, url, &keys, now.plus(life), now)
        .await
        .map_err(failed)?;
    let keys: JwkSet = parse(&keys)?;
    log::info(
        ctx,
        "keys_fetched",
        json!({"keys": keys.keys.len(), "lifeSeconds": life.as_secs()}),
    );
    Ok(signing_key(&keys, key_id).cloned())
}

/// The issuer's answer, checked to be a key set, and how long it may be kept.
async fn fetch(ctx: &RequestContext, url: &str) -> Result<(String, Duration), Problem> {
    let unavailable = |reason: String| {
        log::error(ctx, "keys_not_fetched", json!({"reason": reason}));
        Problem::new(Code::ServiceUnavailable)
            .with_detail("the identity issuer's keys cannot be fetched")
            .with_retry_after(1)
    };
    let reply = outbound::Call::get(url)
        .within(Duration::from_secs(3))
        .send(ctx)
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    if !reply.status.is_success() {
        return Err(unavailable(format!("status {}", reply.status.as_u16())));
    }
    let document = String::from_utf8(reply.body.to_vec()).map_err(|error| unavailable(error.to_string()))?;
    serde_json::from_str::<JwkSet>(&document).map_err(|error| unavailable(error.to_string()))?;
    Ok((document, life(&reply.headers)))
}

fn parse(document: &str) -> Result<JwkSet, Problem> {
    serde_json::from_str(document)
        .map_err(|error| Problem::new(Code::Internal).with_detail(error.to_string()))
}

/// By the answer's `Cache-Control: max-age`, within reason.
fn life(headers: &HeaderMap) -> Duration {
    let directives = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let max_age = directives.split(',').find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        if name.eq_ignore_ascii_case("max-age") {
            value.trim_matches('"').parse().ok().map(Duration::from_secs)
        } else {
            None
        }
    });
    max_age
        .unwrap_or(DEFAULT_LIFE)
        .clamp(BETWEEN_FETCHES, LONGEST_LIFE)
}

/// The key with this id, if it is meant for RS256 signatures.
fn signing_key<'a>(keys: &'a JwkSet, key_id: &str) -> Option<&'a Jwk> {
    keys.find(key_id).filter(|key| {
        matches!(key.algorithm, AlgorithmParameters::RSA(_))
            && key
                .common
                .key_algorithm
                .is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256)
            && key
                .common
                .public_key_use
                .as_ref()
                .is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
    })
}

async fn load(db: &Connection, url: &str, now: Instant) -> Result<Option<JwkSet>, StoreError> {
    let row = db
        .query_optional(
            "SELECT document FROM key_sets WHERE url = ? AND expires_at > ?",
            params![url, now.millis()],
        )
        .await?;
    row.map_or(Ok(None), |row| row.opt_json("document"))
}

async fn save(
    db: &Connection,
    url: &str,
    document: &str,
    expires_at: Instant,
    now: Instant,
) -> Result<(), StoreError> {
    let sql = Sql {
        sqlite: "INSERT INTO key_sets (url, document, expires_at, attempted_at) VALUES (?, ?, ?, ?)
                 ON CONFLICT (url) DO UPDATE SET document = excluded.document, expires_at = excluded.expires_at,
                 attempted_at = excluded.attempted_at",
        mysql: "INSERT INTO key_sets (url, document, expires_at, attempted_at) VALUES (?, ?, ?, ?)
                ON DUPLICATE KEY UPDATE document = VALUES(document), expires_at = VALUES(expires_at),
                attempted_at = VALUES(attempted_at)",
    };
    let values = params![url, document, expires_at.millis(), now.millis()];
    db.run(sql, values).await
}

/// Takes the right to ask the issuer for keys that we do not have; of many requests at once, one gets it.
async fn claim_fetch(db: &Connection, url: &str, now: Instant) -> Result<bool, StoreError> {
    let before = now.millis() - i64::try_from(BETWEEN_FETCHES.as_millis()).unwrap_or(i64::MAX);
    let changed = db
        .execute(
            "UPDATE key_sets SET attempted_at = ? WHERE url = ? AND attempted_at <= ?",
            params![now.millis(), url, before],
        )
        .await?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_store::sessions_store;
    use futures::executor::block_on;

    const URL: &str = "https://issuer.example/jwks.json";

    fn headers(cache_control: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, cache_control.parse().unwrap());
        headers
    }

    #[test]
    fn keys_live_as_long_as_the_issuer_says_within_reason() {
        for (cache_control, seconds) in [
            ("public, max-age=19302, must-revalidate", 19302),
            ("Max-Age=60", 60),
            ("no-cache", 300),
            ("max-age=soon", 300),
            ("max-age=0", 10),
            ("max-age=99999999", 86400),
            ("s-maxage=5", 300),
        ] {
            assert_eq!(
                life(&headers(cache_control)).as_secs(),
                seconds,
                "{cache_control}"
            );
        }
        assert_eq!(life(&HeaderMap::new()), DEFAULT_LIFE);
    }

    #[test]
    fn only_a_signing_key_for_rs256_is_taken() {
        let keys: JwkSet = serde_json::from_value(json!({"keys": [
            {"kid": "good", "kty": "RSA", "alg": "RS256", "use": "sig", "n": "AQAB", "e": "AQAB"},
            {"kid": "bare", "kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kid": "encrypts", "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kid": "longer", "kty": "RSA", "alg": "RS512", "n": "AQAB", "e": "AQAB"},
            {"kid": "secret", "kty": "oct", "k": "AQAB"},
        ]}))
        .unwrap();
        for kid in ["good", "bare"] {
            assert!(signing_key(&keys, kid).is_some(), "{kid}");
        }
        for kid in ["encrypts", "longer", "secret", "absent", ""] {
            assert!(signing_key(&keys, kid).is_none(), "{kid}");
        }
    }

    store::on_each_database! {
    fn kept_keys_end_when_the_issuer_said() {
        let (db, _file) = sessions_store();
        let at = Instant::from_millis;
        block_on(async {
            assert!(load(&db, URL, at(0)).await.unwrap().is_none());
            save(&db, URL, r#"{"keys":[]}"#, at(5_000), at(1_000))
                .await
                .unwrap();
            assert!(load(&db, URL, at(4_999)).await.unwrap().is_some());
            assert!(load(&db, URL, at(5_000)).await.unwrap().is_none());
            assert!(
                load(&db, "https://other.example/", at(1_000))
                    .await
                    .unwrap()
                    .is_none()
            );
            save(&db, URL, r#"{"keys":[]}"#, at(9_000), at(5_000))
                .await
                .unwrap();
            assert!(load(&db, URL, at(8_999)).await.unwrap().is_some());
        });
    }
    }

    store::on_each_database! {
    fn made_up_key_ids_make_us_ask_once_in_ten_seconds() {
        let (db, _file) = sessions_store();
        let at = Instant::from_millis;
        block_on(async {
            save(&db, URL, r#"{"keys":[]}"#, at(100_000), at(1_000))
                .await
                .unwrap();
            assert!(!claim_fetch(&db, URL, at(10_999)).await.unwrap());
            assert!(claim_fetch(&db, URL, at(11_000)).await.unwrap());
            assert!(!claim_fetch(&db, URL, at(11_000)).await.unwrap());
            assert!(claim_fetch(&db, URL, at(21_000)).await.unwrap());
        });
    }
    }
}
