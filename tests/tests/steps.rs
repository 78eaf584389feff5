//! Saga steps as `order` calls them: the real components `inventory` and `account`, composed with a caller and run by the host over SQLite files
//! that the real migrations made. What one step does is tested beside the components; here it is that the same holds through WIT, the host's
//! interfaces and its writer queue, with calls that come twice, too late, in the wrong order and all at once.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use kessai_host::{Host, HostConfig, Limits};
use kessai_ops::Database;
use proptest::prelude::*;
use scenarios::root;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const WELCOME: i64 = 3000;

/// One application for all tests. They share its files, so each takes product numbers and names of its own.
struct Steps {
    runtime: Runtime,
    host: Host,
    data: PathBuf,
    names: AtomicU32,
}

static STEPS: LazyLock<Steps> = LazyLock::new(Steps::start);

impl Steps {
    fn start() -> Steps {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        build(
            &root(),
            &[
                "--profile",
                "component",
                "--package",
                "inventory",
                "--package",
                "account",
            ],
            &target,
        );
        build(
            &root().join("tests/fixtures/steps"),
            &["--release"],
            &target.join("steps"),
        );

        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("steps");
        let data = folder.join("data");
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).unwrap();
        let manifest = folder.join("spin.toml");
        std::fs::write(&manifest, manifest_text(&target)).unwrap();
        let runtime = Runtime::new().unwrap();
        let host = runtime.block_on(async {
            kessai_ops::migrate(&data).await.unwrap();
            Host::load(HostConfig {
                manifest,
                data_dir: data.clone(),
                cache_dir: folder.join("cache"),
                overrides: BTreeMap::new(),
                redis_authorities: None,
                limits: Limits::default(),
                log_sink: None,
            })
            .await
            .unwrap()
        });
        Steps {
            runtime,
            host,
            data,
            names: AtomicU32::new(1),
        }
    }

    /// A number that no other test has: for products and names.
    fn fresh(&self) -> u32 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    async fn call(&self, name: &str, arguments: Value) -> Value {
        let call = serde_json::to_vec(&json!({ name: arguments })).unwrap();
        let request = http::Request::post("/")
            .header("host", "localhost")
            .body(Full::new(Bytes::from(call)));
        let response = self
            .host
            .handle(request.unwrap(), SocketAddr::from(([127, 0, 0, 1], 1)))
            .await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body)
            .unwrap_or_else(|_| panic!("{status}: {}", String::from_utf8_lossy(&body)))
    }

    async fn reserve(&self, step: &str, order_no: &str, lines: &[(u32, u32)]) -> Value {
        let lines: Vec<_> = lines
            .iter()
            .map(|(product_id, quantity)| json!({"product_id": product_id, "quantity": quantity}))
            .collect();
        self.call(
            "Reserve",
            json!({"step": step, "order_no": order_no, "lines": lines}),
        )
        .await
    }

    async fn confirm(&self, step: &str, order_no: &str) -> Value {
        self.call("Confirm", json!({"step": step, "order_no": order_no}))
            .await
    }

    async fn release(&self, step: &str, reserve_step: &str, order_no: &str) -> Value {
        self.call(
            "Release",
            json!({"step": step, "reserve_step": reserve_step, "order_no": order_no}),
        )
        .await
    }

    async fn restock(&self, step: &str, confirm_step: &str, order_no: &str) -> Value {
        self.call(
            "Restock",
            json!({"step": step, "confirm_step": confirm_step, "order_no": order_no}),
        )
        .await
    }

    async fn available(&self, product_id: u32) -> Value {
        self.call("Levels", json!({"product_ids": [product_id]})).await["Ok"][0]["available"].take()
    }

    async fn open(&self, user_id: &str) -> Value {
        self.call("Open", json!({"user_id": user_id})).await
    }

    async fn debit(&self, step: &str, user_id: &str, amount: i64) -> Value {
        let arguments = json!({"step": step, "user_id": user_id, "order_no": "o", "amount": amount});
        self.call("Debit", arguments).await
    }

    async fn credit(&self, step: &str, debit_step: &str, user_id: &str) -> Value {
        self.call(
            "Credit",
            json!({"step": step, "debit_step": debit_step, "user_id": user_id}),
        )
        .await
    }

    /// A new product with so many pieces.
    async fn product(&self, pieces: u32) -> u32 {
        let id = self.fresh();
        let mut inventory = Database::Inventory.open(&self.data).await.unwrap();
        sqlx::query("INSERT INTO stock (product_id, initial, on_hand, reserved, updated_at) VALUES (?1, ?2, ?2, 0, 0)")
            .bind(id)
            .bind(pieces)
            .execute(&mut inventory)
            .await
            .unwrap();
        id
    }

    /// How many products' stock does not add up, over everything that all tests did.
    async fn broken_products(&self) -> i64 {
        let mut inventory = Database::Inventory.open_read_only(&self.data).await.unwrap();
        sqlx::query_scalar(
            "SELECT count(*) FROM stock AS s
             WHERE s.on_hand - s.reserved < 0
                OR s.reserved <> (SELECT coalesce(sum(quantity), 0) FROM reservations AS r
                                  WHERE r.product_id = s.product_id AND r.state = 'RESERVED')
                OR s.on_hand <> s.initial - (SELECT coalesce(sum(quantity), 0) FROM reservations AS r
                                             WHERE r.product_id = s.product_id AND r.state = 'CONFIRMED')",
        )
        .fetch_one(&mut inventory)
        .await
        .unwrap()
    }

    /// How many accounts are overdrawn or are not the sum of their entries.
    async fn broken_accounts(&self) -> i64 {
        let mut accounts = Database::Accounts.open_read_only(&self.data).await.unwrap();
        sqlx::query_scalar(
            "SELECT count(*) FROM accounts AS a WHERE balance < 0 OR balance <>
               (SELECT coalesce(sum(amount), 0) FROM entries AS e WHERE e.user_id = a.user_id)",
        )
        .fetch_one(&mut accounts)
        .await
        .unwrap()
    }
}

fn build(workspace: &Path, what: &[&str], target: &Path) {
    let status = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .args(["build", "--quiet", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(target)
        .args(what)
        .status()
        .unwrap();
    assert!(status.success(), "cargo build in {}", workspace.display());
}

fn manifest_text(target: &Path) -> String {
    let wasm = |path: &str| target.join(path).display().to_string();
    let inventory = wasm("wasm32-wasip2/component/inventory.wasm");
    let account = wasm("wasm32-wasip2/component/account.wasm");
    let steps = wasm("steps/wasm32-wasip2/release/steps.wasm");
    format!(
        r#"spin_manifest_version = 2
[application]
name = "steps"
[[trigger.http]]
route = "/..."
component = "steps"
[component.steps]
source = '{steps}'
sqlite_databases = ["inventory", "accounts"]
dependencies_inherit_configuration = true
[component.steps.dependencies]
"kessai:inventory/reservations@0.1.0" = {{ path = '{inventory}' }}
"kessai:inventory/stock@0.1.0" = {{ path = '{inventory}' }}
"kessai:account/ledger@0.1.0" = {{ path = '{account}' }}
[component.steps.variables]
account_welcome_yen = "{WELCOME}"
database = "sqlite"
"#
    )
}

fn run(test: impl Future<Output = ()>) {
    STEPS.runtime.block_on(test);
}

fn done() -> Value {
    json!({"Ok": null})
}

fn is_invalid(answer: &Value) -> bool {
    answer["Err"]["InvalidState"].is_string() || answer["Err"]["Invalid"].is_string()
}

#[test]
fn a_step_repeated_changes_nothing_and_answers_what_was_recorded() {
    run(async {
        let id = STEPS.product(5).await;
        let (order, reserve, confirm) = (format!("o-{id}"), format!("{id}:r"), format!("{id}:c"));
        for _ in 0..2 {
            assert_eq!(STEPS.reserve(&reserve, &order, &[(id, 2)]).await, done());
            assert_eq!(STEPS.available(id).await, 3);
        }
        assert_eq!(STEPS.confirm(&confirm, &order).await, done());
        assert_eq!(STEPS.confirm(&confirm, &order).await, done());
        assert_eq!(STEPS.reserve(&reserve, &order, &[(id, 2)]).await, done());
        assert_eq!(STEPS.available(id).await, 3);

        let short = json!({"Err": {"OutOfStock": [{"product_id": id, "requested": 4, "available": 3}]}});
        let (late, late_order) = (format!("{id}:r2"), format!("o2-{id}"));
        assert_eq!(STEPS.reserve(&late, &late_order, &[(id, 4)]).await, short);
        assert_eq!(STEPS.restock(&format!("{id}:s"), &confirm, &order).await, done());
        assert_eq!(STEPS.available(id).await, 5);
        assert_eq!(
            STEPS.reserve(&late, &late_order, &[(id, 4)]).await,
            short,
            "although there are 5 now"
        );
    });
}

#[test]
fn a_compensation_that_comes_first_blocks_its_action() {
    run(async {
        let id = STEPS.product(5).await;
        let (user, order) = (format!("u-{id}"), format!("o-{id}"));
        assert_eq!(
            STEPS
                .release(&format!("{id}:b"), &format!("{id}:r"), &order)
                .await,
            done()
        );
        let late = STEPS.reserve(&format!("{id}:r"), &order, &[(id, 1)]).await;
        assert_eq!(late, json!({"Err": "Canceled"}));
        assert_eq!(STEPS.available(id).await, 5);

        assert_eq!(STEPS.open(&user).await["Ok"]["balance"], WELCOME);
        let credit = STEPS.credit(&format!("{id}:cr"), &format!("{id}:d"), &user).await;
        assert_eq!(credit, json!({"Ok": WELCOME}));
        assert_eq!(
            STEPS.debit(&format!("{id}:d"), &user, 100).await,
            json!({"Err": "Canceled"})
        );
        assert_eq!(STEPS.open(&user).await["Ok"]["balance"], WELCOME);
    });
}

#[test]
fn a_step_id_with_other_arguments_is_refused() {
    run(async {
        let id = STEPS.product(5).await;
        let (user, order, reserve) = (format!("u-{id}"), format!("o-{id}"), format!("{id}:r"));
        assert_eq!(STEPS.reserve(&reserve, &order, &[(id, 2)]).await, done());
        assert!(is_invalid(&STEPS.reserve(&reserve, &order, &[(id, 3)]).await));
        assert!(is_invalid(&STEPS.reserve(&reserve, "another", &[(id, 2)]).await));
        assert!(is_invalid(&STEPS.confirm(&reserve, &order).await));
        assert!(is_invalid(&STEPS.confirm("", &order).await), "an empty step id");
        assert_eq!(STEPS.available(id).await, 3);

        STEPS.open(&user).await;
        let debit = format!("{id}:d");
        assert_eq!(
            STEPS.debit(&debit, &user, 100).await,
            json!({"Ok": WELCOME - 100})
        );
        assert!(is_invalid(&STEPS.debit(&debit, &user, 101).await));
        assert!(is_invalid(&STEPS.debit(&debit, "somebody else", 100).await));
        let too_much = STEPS.debit(&format!("{id}:d2"), &user, WELCOME).await;
        assert_eq!(too_much, json!({"Err": {"InsufficientBalance": WELCOME - 100}}));
    });
}

#[test]
fn of_many_buyers_of_the_last_piece_exactly_one_gets_it() {
    run(async {
        let id = STEPS.product(1).await;
        let answers: Vec<Value> = stream::iter(0..32)
            .map(|n| async move {
                STEPS
                    .reserve(&format!("{id}:{n}"), &format!("o-{id}-{n}"), &[(id, 1)])
                    .await
            })
            .buffer_unordered(16)
            .collect()
            .await;
        let short = json!({"Err": {"OutOfStock": [{"product_id": id, "requested": 1, "available": 0}]}});
        assert_eq!(
            answers.iter().filter(|answer| **answer == done()).count(),
            1,
            "{answers:?}"
        );
        assert_eq!(
            answers.iter().filter(|answer| **answer == short).count(),
            31,
            "{answers:?}"
        );
    });
}

#[test]
fn one_step_tried_many_times_at_once_takes_effect_once() {
    run(async {
        let user = format!("u-{}", STEPS.fresh());
        let step = format!("{user}:d");
        let opened: Vec<Value> = stream::iter(0..16)
            .map(|_| STEPS.open(&user))
            .buffer_unordered(16)
            .collect()
            .await;
        assert!(
            opened
                .iter()
                .all(|account| account["Ok"]["entries"].as_array().unwrap().len() == 1)
        );
        let answers: Vec<Value> = stream::iter(0..16)
            .map(|_| STEPS.debit(&step, &user, 1000))
            .buffer_unordered(16)
            .collect()
            .await;
        assert!(
            answers
                .iter()
                .all(|answer| *answer == json!({"Ok": WELCOME - 1000})),
            "{answers:?}"
        );
        assert_eq!(STEPS.open(&user).await["Ok"]["balance"], WELCOME - 1000);
        assert_eq!(STEPS.broken_accounts().await, 0);
    });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Reserve,
    Confirm,
    Release,
    Restock,
    Debit,
    Credit,
}

/// What order `n` of a case does. Its steps have fixed ids, so a call that is drawn twice is a repeat.
async fn call(case: u32, products: [u32; 2], n: u32, call: Call) -> Value {
    let (order, user) = (format!("o-{case}-{n}"), format!("u-{case}"));
    let step = |name: &str| format!("{case}:{n}:{name}");
    match call {
        Call::Reserve => {
            let lines = [(products[1], 1), (products[(n % 2) as usize], 1 + n % 3)];
            STEPS.reserve(&step("reserve"), &order, &lines).await
        }
        Call::Confirm => STEPS.confirm(&step("confirm"), &order).await,
        Call::Release => STEPS.release(&step("release"), &step("reserve"), &order).await,
        Call::Restock => STEPS.restock(&step("restock"), &step("confirm"), &order).await,
        Call::Debit => STEPS.debit(&step("debit"), &user, 500 + 400 * i64::from(n)).await,
        Call::Credit => STEPS.credit(&step("credit"), &step("debit"), &user).await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever calls come, eight at a time, in whatever order, however often: stock and balances add up, and a step answers the same for ever.
    #[test]
    fn any_interleaving_keeps_the_books_right_and_the_answers_stable(
        calls in prop::collection::vec(
            (0_u32..5, prop::sample::select(vec![
                Call::Reserve, Call::Reserve, Call::Confirm, Call::Release, Call::Restock, Call::Debit, Call::Credit,
            ])),
            1..60,
        )
    ) {
        let outcome: Result<(), TestCaseError> = STEPS.runtime.block_on(async {
            let products = [STEPS.product(4).await, STEPS.product(5).await];
            let case = products[0];
            STEPS.open(&format!("u-{case}")).await;
            let answers: Vec<_> = stream::iter(calls)
                .map(|(n, which)| async move { ((n, which), call(case, products, n, which).await) })
                .buffer_unordered(8)
                .collect()
                .await;
            let mut first: BTreeMap<_, Value> = BTreeMap::new();
            for (step, answer) in answers {
                prop_assert!(answer["Err"]["Unavailable"].is_null(), "{:?}: {}", step, answer);
                let before = first.entry(step).or_insert_with(|| answer.clone());
                prop_assert_eq!(&*before, &answer, "{:?}", step);
            }
            prop_assert_eq!(STEPS.broken_products().await, 0);
            prop_assert_eq!(STEPS.broken_accounts().await, 0);
            Ok(())
        });
        outcome?;
    }
}
