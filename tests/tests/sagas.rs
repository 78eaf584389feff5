//! A registered machine with a loop, a sub-machine, a script and HTTP services, run by the real components on SQLite: to its end, undone, killed at every
//! step boundary, parked and taken up again. The services outside keep the books by which it is judged.

use anyhow::{Context, Result, ensure};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use scenarios::{Answer, Buyer, Shop, ShopOptions, eventually, root, shelf};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Services outside the shop, which keep the outcome of each step id.
#[derive(Debug, Clone, Default)]
struct Outside(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    /// By idempotency key: the path, and what it compensates.
    done: BTreeMap<String, (String, Option<String>)>,
    calls: u32,
    /// The warehouse has no goods of this number.
    missing: Option<u64>,
    /// Nothing can be put back.
    broken: bool,
}

impl Outside {
    /// Serves on a free port for the rest of the process; its address.
    async fn open(&self) -> Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let app = Router::new()
            .route("/{service}/{method}", post(serve))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(address)
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often something was really done.
    fn count(&self, path: &str) -> usize {
        self.books()
            .done
            .values()
            .filter(|(done, _)| done == path)
            .count()
    }

    fn keys(&self, path: &str) -> Vec<String> {
        let books = self.books();
        let done = books.done.iter().filter(|(_, (done, _))| done == path);
        done.map(|(key, _)| key.clone()).collect()
    }

    /// What the compensations at `path` said that they undo.
    fn undone(&self, path: &str) -> Vec<String> {
        let books = self.books();
        let mut undone: Vec<String> = books
            .done
            .values()
            .filter(|(done, _)| done == path)
            .filter_map(|(_, action)| action.clone())
            .collect();
        undone.sort();
        undone
    }
}

async fn serve(
    State(outside): State<Outside>,
    Path((service, method)): Path<(String, String)>,
    headers: HeaderMap,
    Json(argument): Json<Value>,
) -> Response {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let Some(key) = text("idempotency-key") else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = format!("{service}/{method}");
    let mut books = outside.books();
    books.calls += 1;
    if path == "warehouse/put-back" && books.broken {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if path == "warehouse/pick" && argument["productId"].as_u64() == books.missing {
        let problem = Json(json!({"code": "SHELF_EMPTY", "detail": "there is nothing on the shelf"}));
        return (StatusCode::CONFLICT, problem).into_response();
    }
    books.done.insert(key, (path, text("saga-compensates")));
    Json(json!({"shelf": "A-1"})).into_response()
}

const EVENT: &str = "spring-fair";
const LINES: usize = 3;

async fn open_shop(outside: &Outside, crash_at: Option<String>, variables: &[(&str, &str)]) -> Result<Shop> {
    let mut all = BTreeMap::from([("saga_service_url".to_owned(), outside.open().await?)]);
    all.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Shop::start(ShopOptions {
        crash_at,
        variables: all,
        ..ShopOptions::default()
    })
    .await
}

fn definition(name: &str) -> Result<Value> {
    let path = root().join(format!("docs/examples/{name}.json"));
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

/// Registers the machines and starts the saga; harmless to repeat.
async fn start(shop: &Shop) -> Result<Answer> {
    let admin = Buyer::admin(shop, "operator@example.com").await?;
    for name in ["goods_out_line", "goods_out"] {
        let answer = admin
            .post("/api/admin/state-machines", &definition(name)?)
            .await?;
        ensure!(matches!(answer.status, 200 | 201), "{name}: {answer:?}");
    }
    let products = shelf::plenty(&admin, LINES).await?;
    let lines: Vec<Value> = products
        .iter()
        .map(|product| json!({"productId": product.id, "quantity": 2}))
        .collect();
    let wish =
        json!({"machine": "goods_out", "businessKey": EVENT, "params": {"event": EVENT, "lines": lines}});
    let answer = admin.post("/api/admin/sagas", &wish).await?;
    ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
    Ok(answer)
}

async fn saga(shop: &Shop, id: &str) -> Result<Value> {
    let admin = Buyer::admin(shop, "operator@example.com").await?;
    let answer = admin.get(&format!("/api/admin/sagas/{id}")).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.json)
}

async fn until_phase(shop: &Shop, id: &str, phase: &str) -> Result<Value> {
    eventually(
        phase,
        async || saga(shop, id).await,
        |saga| saga["phase"] == phase,
    )
    .await
}

fn id_of(answer: &Answer) -> Result<String> {
    Ok(answer.json["id"].as_str().context("id")?.to_owned())
}

/// The product that the third line is for.
async fn last_product(shop: &Shop) -> Result<u64> {
    let products = shelf::plenty(&Buyer::stranger(shop), LINES).await?;
    Ok(u64::from(products[LINES - 1].id))
}

#[tokio::test]
async fn goods_go_out_by_loop_sub_machine_script_and_http() -> Result<()> {
    let outside = Outside::default();
    let shop = open_shop(&outside, None, &[]).await?;
    let started = start(&shop).await?;
    assert_eq!(started.status, 201);
    let id = id_of(&started)?;
    let done = until_phase(&shop, &id, "SUCCEEDED").await?;
    assert_eq!(done["context"]["kinds"], LINES);
    assert_eq!(outside.count("warehouse/pick"), LINES);
    assert_eq!(outside.count("events/announce"), 1);
    assert_eq!(outside.count("warehouse/put-back"), 0);
    let names: Vec<&str> = done["states"]
        .as_array()
        .context("states")?
        .iter()
        .filter_map(|state| state["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Count",
            "SetAside-loop-0",
            "SetAside-loop-1",
            "SetAside-loop-2",
            "Tell",
            "HandOver-loop-0",
            "HandOver-loop-1",
            "HandOver-loop-2"
        ]
    );
    assert_eq!(done["states"][1]["child"]["states"][1]["name"], "Pick");
    // The same key again is the same saga.
    let again = start(&shop).await?;
    assert_eq!((again.status, id_of(&again)?), (200, id));
    shop.check_at_rest().await
}

#[tokio::test]
async fn what_the_warehouse_lacks_undoes_everything_last_first() -> Result<()> {
    let outside = Outside::default();
    let shop = open_shop(&outside, None, &[]).await?;
    outside.books().missing = Some(last_product(&shop).await?);
    let id = id_of(&start(&shop).await?)?;
    let undone = until_phase(&shop, &id, "COMPENSATED").await?;
    assert_eq!(undone["error"]["name"], "GOODS_STAY");
    assert_eq!(outside.count("events/announce"), 0);
    assert_eq!(
        outside.undone("warehouse/put-back"),
        outside.keys("warehouse/pick")
    );
    assert_eq!(outside.count("warehouse/pick"), LINES - 1);
    shop.check_at_rest().await
}

#[tokio::test]
async fn a_compensation_that_always_fails_is_parked_told_and_taken_up_by_hand() -> Result<()> {
    let outside = Outside::default();
    let hasty = [
        ("saga_recovery_attempts", "2"),
        ("saga_recovery_first_seconds", "1"),
    ];
    let shop = open_shop(&outside, None, &hasty).await?;
    {
        let missing = last_product(&shop).await?;
        let mut books = outside.books();
        books.missing = Some(missing);
        books.broken = true;
    }
    let id = id_of(&start(&shop).await?)?;
    let parked = until_phase(&shop, &id, "PARKED").await?;
    assert_eq!(parked["recoveries"], 2);
    assert!(parked["nextAt"].is_null(), "nobody tries again: {parked}");
    let calls = outside.books().calls;

    let admin = Buyer::admin(&shop, "operator@example.com").await?;
    let page = admin.get("/api/admin/sagas?phase=PARKED").await?;
    assert_eq!(page.json["items"][0]["id"], id.as_str());
    assert_eq!(page.json["counts"]["PARKED"], 1);
    let metrics = shop
        .http
        .get(format!("{}/metrics", shop.url()))
        .send()
        .await?
        .text()
        .await?;
    assert!(
        metrics.contains("kessai_saga_parked_total{machine=\"goods_out\"} 1"),
        "{metrics}"
    );
    assert_eq!(outside.books().calls, calls, "a parked saga calls nobody");

    // Still broken: it goes back to recovering, and the attempt is in the audit.
    outside.books().broken = false;
    let retried = admin
        .post(
            &format!("/api/admin/sagas/{id}/retry"),
            &json!({"reason": "the warehouse is back"}),
        )
        .await?;
    assert_eq!(retried.status, 200, "{retried:?}");
    let mended = until_phase(&shop, &id, "COMPENSATED").await?;
    assert_eq!(mended["audit"][1]["action"], "retry");
    assert_eq!(mended["audit"][1]["reason"], "the warehouse is back");
    assert_eq!(mended["audit"][1]["outcome"], "done");
    assert_eq!(
        outside.undone("warehouse/put-back"),
        outside.keys("warehouse/pick")
    );
    let refused = admin
        .post(&format!("/api/admin/sagas/{id}/forward"), &json!({}))
        .await?;
    assert_eq!((refused.status, refused.code()), (409, "SAGA_CONFLICT"));
    shop.check_at_rest().await
}

/// Runs the saga through whatever crash; returns whether the shop crashed on the way.
async fn go_through_a_crash(crash_at: &str, fails: bool) -> Result<bool> {
    let outside = Outside::default();
    let mut shop = open_shop(&outside, Some(crash_at.to_owned()), &[]).await?;
    if fails {
        outside.books().missing = Some(last_product(&shop).await?);
    }
    let wanted = if fails { "COMPENSATED" } else { "SUCCEEDED" };
    let mut crashed = false;
    let mut id = None;
    loop {
        if shop.has_crashed().await? {
            crashed = true;
            shop.restart().await?;
        }
        let phase = match &id {
            None => {
                id = start(&shop).await.ok().and_then(|answer| id_of(&answer).ok());
                None
            }
            Some(id) => saga(&shop, id).await.ok().map(|saga| saga["phase"].clone()),
        };
        match phase.as_ref().and_then(Value::as_str) {
            Some(phase) if phase == wanted => break,
            Some(phase @ ("SUCCEEDED" | "FAILED" | "COMPENSATED" | "PARKED")) => {
                anyhow::bail!("{crash_at}: {phase} instead of {wanted}\n{}", shop.log_tail())
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    if shop.has_crashed().await? {
        crashed = true;
        shop.restart().await?;
    }
    let picked = if fails { LINES - 1 } else { LINES };
    ensure!(
        outside.count("warehouse/pick") == picked,
        "{crash_at}: {outside:?}"
    );
    ensure!(
        outside.count("events/announce") == usize::from(!fails),
        "{crash_at}: {outside:?}"
    );
    let put_back = if fails {
        outside.keys("warehouse/pick")
    } else {
        Vec::new()
    };
    ensure!(
        outside.undone("warehouse/put-back") == put_back,
        "{crash_at}: {outside:?}"
    );
    shop.check_at_rest().await.with_context(|| crash_at.to_owned())?;
    Ok(crashed)
}

/// Shops that crash side by side: each mostly waits for a lease to run out.
const AT_ONCE: usize = 12;

/// Every commit and every call outside is a place to die, before and after it.
async fn survive_everywhere(fails: bool) -> Result<usize> {
    let mut points = 0;
    for place in ["before-commit", "after-commit", "before-send", "after-send"] {
        let mut first = 1;
        loop {
            let batch = (first..first + AT_ONCE)
                .map(|number| async move { go_through_a_crash(&format!("{place}:{number}"), fails).await });
            let crashed: Vec<bool> = futures::future::try_join_all(batch).await?;
            let survived = crashed.iter().filter(|crashed| **crashed).count();
            points += survived;
            first += AT_ONCE;
            if survived < AT_ONCE {
                break;
            }
            assert!(first < 100, "the saga has no more steps than this");
        }
    }
    Ok(points)
}

#[tokio::test]
async fn a_saga_that_succeeds_survives_a_crash_between_any_two_steps() -> Result<()> {
    let points = survive_everywhere(false).await?;
    println!("{points} crash points survived on the way to success");
    assert!(points >= 20, "only {points} crash points were met");
    Ok(())
}

#[tokio::test]
async fn a_saga_that_is_undone_survives_a_crash_between_any_two_steps() -> Result<()> {
    let points = survive_everywhere(true).await?;
    println!("{points} crash points survived on the way back");
    assert!(points >= 20, "only {points} crash points were met");
    Ok(())
}
