//! `spin:mysql` against a real MariaDB.

#![allow(clippy::unwrap_used)]

mod support;

use http::StatusCode;
use kessai_host::{Limits, MySqlLimits};
use mysql_async::{Conn, prelude::Queryable};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{Answer, Fixture, limits, manifest, servers::MariaDb};

/// A shop on a schema of its own.
struct Shop {
    fixture: Fixture,
    address: String,
    /// The test's own session.
    client: Conn,
    _server: Arc<MariaDb>,
}

impl Shop {
    async fn open(schema: &str, mysql: MySqlLimits) -> Self {
        let server = MariaDb::shared().await;
        let client = server.schema(schema).await;
        Self {
            fixture: fixture(server.port, mysql).await,
            address: server.address(schema),
            client,
            _server: server,
        }
    }

    async fn post(&self, action: &str, body: &str) -> Answer {
        let address = format!("/a/{action}?{}", self.address);
        self.fixture.post(&address, body.to_owned()).await
    }

    async fn sql(&self, body: &str) -> Value {
        self.post("mysql", body).await.json()
    }

    async fn numbers(&mut self) -> Vec<i64> {
        self.client.query("SELECT x FROM t ORDER BY x").await.unwrap()
    }
}

async fn fixture(port: u16, mysql: MySqlLimits) -> Fixture {
    let allowed = manifest(&format!(
        "allowed_outbound_hosts = [\"mysql://127.0.0.1:{port}\"]"
    ));
    Fixture::with(&allowed, Limits { mysql, ..limits() }).await
}

/// One session, so that whatever one request leaves behind the next one meets.
fn one() -> MySqlLimits {
    MySqlLimits {
        sessions: 1,
        acquire: Duration::from_secs(10),
        statement: Duration::from_secs(20),
        ..MySqlLimits::default()
    }
}

#[tokio::test]
async fn values_come_back_as_the_types_that_spin_gives() {
    let shop = Shop::open("types", MySqlLimits::default()).await;
    let columns = [
        ("TINYINT", json!(-7), "int8", json!(-7)),
        ("BOOLEAN", json!(true), "int8", json!(1)),
        ("TINYINT UNSIGNED", json!(255), "uint8", json!(255)),
        ("SMALLINT", json!(-300), "int16", json!(-300)),
        ("SMALLINT UNSIGNED", json!(65_535), "uint16", json!(65_535)),
        ("MEDIUMINT", json!(-8_000_000), "int32", json!(-8_000_000)),
        ("INT", json!(-2_000_000_000), "int32", json!(-2_000_000_000)),
        (
            "INT UNSIGNED",
            json!(4_000_000_000_u32),
            "uint32",
            json!(4_000_000_000_u32),
        ),
        ("BIGINT", json!(i64::MIN), "int64", json!(i64::MIN)),
        ("BIGINT UNSIGNED", json!(u64::MAX), "uint64", json!(u64::MAX)),
        ("FLOAT", json!(0.25), "floating32", json!(0.25)),
        ("DOUBLE", json!(0.1), "floating64", json!(0.1)),
        ("VARCHAR(9)", json!("お茶"), "str", json!("お茶")),
        ("CHAR(2)", json!("ab"), "str", json!("ab")),
        ("LONGTEXT", json!("{\"a\":1}"), "str", json!("{\"a\":1}")),
        (
            "VARCHAR(9) COLLATE utf8mb4_bin",
            json!("id"),
            "binary",
            json!([105, 100]),
        ),
        ("VARBINARY(9)", json!([0, 255]), "binary", json!([0, 255])),
        ("BLOB", json!([1]), "binary", json!([1])),
        ("BIGINT", Value::Null, "int64", Value::Null),
        ("VARCHAR(9)", Value::Null, "str", Value::Null),
    ];
    let declared: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, (declared, ..))| format!("c{index} {declared}"))
        .collect();
    let marks = vec!["?"; columns.len()].join(",");
    let values = Value::Array(columns.iter().map(|column| column.1.clone()).collect());
    let results = shop
        .sql(&format!(
            "CREATE TABLE t ({}) CHARSET utf8mb4\nINSERT INTO t VALUES ({marks})\t{values}\nSELECT * FROM t",
            declared.join(",")
        ))
        .await;
    assert_eq!(results[1], json!({"types": [], "rows": []}));
    for (index, (declared, _, expected, value)) in columns.iter().enumerate() {
        assert_eq!(results[2]["types"][index], *expected, "{declared}");
        assert_eq!(results[2]["rows"][0][index], *value, "{declared}");
    }
}

#[tokio::test]
async fn what_has_no_value_is_said_by_column_and_the_session_lives_on() {
    let shop = Shop::open("casts", one()).await;
    let results = shop
        .sql("SELECT CAST(1.5 AS DECIMAL(3,1)) AS price\nSELECT NOW() AS at\nSELEC\nSELECT 1 + 1\nSELECT ?")
        .await;
    for (index, words) in [
        (0, ["ValueConversionFailed", "price"]),
        (1, ["ValueConversionFailed", "at"]),
        (2, ["QueryFailed", "1064"]),
        (4, ["BadParameter", "1"]),
    ] {
        let error = results[index]["error"].as_str().unwrap();
        assert!(words.iter().all(|word| error.contains(word)), "{index}: {error}");
    }
    assert_eq!(results[3]["rows"], json!([[2]]));
}

#[tokio::test]
async fn all_statements_of_a_connection_run_in_one_session() {
    let shop = Shop::open("one_session", MySqlLimits::default()).await;
    let results = shop
        .sql(
            "SELECT CONNECTION_ID()\nCREATE TABLE t (x INT)\nINSERT INTO t VALUES (1), (2), (3)\nSELECT ROW_COUNT()\n\
             UPDATE t SET x = 3 WHERE x > 1\nSELECT ROW_COUNT()\nDELETE FROM t WHERE x = 9\nSELECT ROW_COUNT()\nSELECT CONNECTION_ID()",
        )
        .await;
    assert_eq!(results[3]["rows"], json!([[3]]));
    // As in Spin: rows changed, not rows found.
    assert_eq!(results[5]["rows"], json!([[1]]));
    assert_eq!(results[7]["rows"], json!([[0]]));
    assert_eq!(results[0]["rows"], results[8]["rows"]);
}

#[tokio::test]
async fn a_session_is_used_again_with_its_prepared_statements() {
    let shop = Shop::open("reuse", one()).await;
    // The second is the session's own count: nothing is prepared a second time.
    let body = "SELECT CONNECTION_ID()\nSELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'COM_STMT_PREPARE'";
    let first = shop.sql(body).await;
    assert_eq!(first[1]["rows"], json!([["2"]]));
    for _ in 0..3 {
        assert_eq!(shop.sql(body).await, first);
    }
}

#[tokio::test]
async fn a_transaction_commits_as_a_whole_or_not_at_all() {
    let mut shop = Shop::open("transactions", one()).await;
    shop.sql("CREATE TABLE t (x BIGINT PRIMARY KEY)").await;
    shop.sql("SET autocommit=0\nINSERT INTO t VALUES (1)\nINSERT INTO t VALUES (2)\nCOMMIT")
        .await;
    assert_eq!(shop.numbers().await, [1, 2]);

    // Dropped with the transaction open.
    shop.sql("SET autocommit=0\nINSERT INTO t VALUES (3)").await;
    // The next user of the one session finds neither the transaction nor its mode.
    shop.sql("INSERT INTO t VALUES (4)").await;
    assert_eq!(shop.numbers().await, [1, 2, 4]);

    // Ended by a trap, with its connection open.
    let trap = shop
        .post("mysql-trap", "SET autocommit=0\nINSERT INTO t VALUES (5)")
        .await;
    assert_eq!(trap.status, StatusCode::INTERNAL_SERVER_ERROR);
    shop.sql("INSERT INTO t VALUES (6)").await;
    assert_eq!(shop.numbers().await, [1, 2, 4, 6]);

    // MariaDB can prepare this, too.
    shop.sql("START TRANSACTION\nINSERT INTO t VALUES (7)\nROLLBACK\nINSERT INTO t VALUES (8)")
        .await;
    assert_eq!(shop.numbers().await, [1, 2, 4, 6, 8]);
}

#[tokio::test]
async fn the_host_hears_of_commits_and_of_nothing_else() {
    let text = manifest("").replace(
        "colour =",
        "database = { default = \"mysql\" }\nmysql_schema_prefix = { default = \"shop_\" }\ncolour =",
    );
    let server = MariaDb::shared().await;
    let _client = server.schema("shop_orders").await;
    let extra = format!(
        "dependencies_inherit_configuration = true\nallowed_outbound_hosts = [\"mysql://127.0.0.1:{}\"]",
        server.port
    );
    let text = text.replacen("dependencies_inherit_configuration = true", &extra, 1);
    let fixture = Fixture::with(&text, limits()).await;
    let sql = async |body: &'static str| {
        let answer = fixture
            .post(&format!("/a/mysql?{}", server.address("shop_orders")), body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    };
    let mut commits = fixture.host.commits("orders");
    sql("CREATE TABLE t (x INT)\nSELECT * FROM t").await;
    sql("SET autocommit=0\nINSERT INTO t VALUES (1)").await;
    sql("SET autocommit=0\nSELECT * FROM t\nCOMMIT").await;
    assert!(!commits.has_changed().unwrap());
    sql("INSERT INTO t VALUES (1)").await;
    assert!(commits.has_changed().unwrap());
    commits.mark_unchanged();
    sql("SET autocommit=0\nINSERT INTO t VALUES (1)\nCOMMIT").await;
    assert!(commits.has_changed().unwrap());
}

#[tokio::test]
async fn what_a_request_sets_in_its_session_is_gone_for_the_next() {
    let shop = Shop::open("leftovers", one()).await;
    let fresh = shop.sql("SELECT @@sql_mode, @@innodb_lock_wait_timeout").await;
    assert_eq!(fresh[0]["rows"][0][1], 20, "{fresh}");
    let set = shop
        .sql("SET @x = 1\nSET SESSION sql_mode = ''\nCREATE TEMPORARY TABLE gone (x INT)\nSELECT GET_LOCK('l', 0)\nSET autocommit=0")
        .await;
    assert!(
        set.as_array()
            .unwrap()
            .iter()
            .all(|result| result["error"].is_null()),
        "{set}"
    );
    let seen = shop
        .sql("SELECT @x\nSELECT @@sql_mode, @@innodb_lock_wait_timeout\nSELECT * FROM gone\nSELECT IS_FREE_LOCK('l')\nSELECT @@autocommit")
        .await;
    assert_eq!(seen[0]["rows"], json!([[null]]));
    assert_eq!(seen[1]["rows"], fresh[0]["rows"]);
    assert!(seen[2]["error"].as_str().unwrap().contains("1146"), "{seen}");
    assert_eq!(seen[3]["rows"], json!([[1]]));
    assert_eq!(seen[4]["rows"], json!([[1]]));
}

#[tokio::test]
async fn a_server_that_is_not_allowed_is_not_asked() {
    let server = MariaDb::shared().await;
    let fixture = fixture(server.port ^ 1, MySqlLimits::default()).await;
    let denied = fixture
        .post(&format!("/a/mysql?{}", server.address("mysql")), "SELECT 1")
        .await;
    assert_eq!(denied.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = denied.json().as_str().unwrap().to_owned();
    assert!(
        text.contains("ConnectionFailed") && text.contains("allowed_outbound_hosts"),
        "{text}"
    );
}

#[tokio::test]
async fn one_statement_s_wait_does_not_stop_the_instance() {
    let shop = Shop::open("meet", MySqlLimits::default()).await;
    let met = shop.post("mysql-meet", "").await.json();
    assert_eq!(met["rows"], json!([[1]]));
}

#[tokio::test]
async fn when_all_sessions_are_at_work_the_next_statement_is_told_so() {
    let limits = MySqlLimits {
        acquire: Duration::from_millis(50),
        ..one()
    };
    let mut shop = Shop::open("exhausted", limits).await;
    shop.client
        .query_drop("SELECT GET_LOCK('busy', 0)")
        .await
        .unwrap();
    let holder = tokio::spawn(support::post(
        shop.fixture.host.clone(),
        format!("/a/mysql?{}", shop.address),
        "SELECT GET_LOCK('busy', 15)".to_owned(),
    ));
    loop {
        let waiting: Option<i64> = shop
            .client
            .query_first("SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = 'exhausted'")
            .await
            .unwrap();
        if waiting == Some(1) {
            break;
        }
    }
    let refused = shop.sql("SELECT 1").await;
    let error = refused[0]["error"].as_str().unwrap();
    assert!(
        error.contains("ConnectionFailed") && error.contains("no session"),
        "{error}"
    );
    shop.client
        .query_drop("SELECT RELEASE_LOCK('busy')")
        .await
        .unwrap();
    assert_eq!(holder.await.unwrap().json()[0]["rows"], json!([[1]]));
    // The answer may be there before the session is back.
    loop {
        let answer = shop.sql("SELECT 1").await;
        if answer[0]["rows"] == json!([[1]]) {
            break;
        }
    }
}

#[tokio::test]
async fn a_statement_past_its_limit_ends_here_and_on_the_server() {
    let limits = MySqlLimits {
        statement: Duration::from_millis(1_000),
        ..one()
    };
    let mut shop = Shop::open("slow", limits).await;
    let results = shop
        .sql("SET autocommit=0\nCREATE TABLE t (x BIGINT)\nINSERT INTO t VALUES (1)\nSELECT SLEEP(30)\nSELECT 2\nCOMMIT")
        .await;
    let error = results[3]["error"].as_str().unwrap();
    assert!(
        error.contains("ConnectionFailed") || error.contains("1969"),
        "{error}"
    );
    if error.contains("ConnectionFailed") {
        for later in [4, 5] {
            let error = results[later]["error"].as_str().unwrap();
            assert!(error.contains("lost this connection"), "{error}");
        }
        assert_eq!(shop.numbers().await, [0_i64; 0]);
    }
    assert_eq!(shop.sql("SELECT 3").await[0]["rows"], json!([[3]]));
    loop {
        let sleeping: Option<i64> = shop
            .client
            .query_first(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'",
            )
            .await
            .unwrap();
        if sleeping == Some(0) {
            break;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_said_to_be_and_its_return_is_noticed() {
    let server = MariaDb::start().await;
    drop(server.schema("outage").await);
    let fixture = fixture(server.port, MySqlLimits::default()).await;
    let address = format!("/a/mysql?{}", server.address("outage"));
    let ask = async || fixture.post(&address, "SELECT 1").await.json()[0].clone();
    assert_eq!(ask().await["rows"], json!([[1]]));

    server.kill();
    for _ in 0..3 {
        let gone = ask().await;
        let error = gone["error"].as_str().unwrap();
        assert!(
            error.contains("ConnectionFailed") && !error.contains("root"),
            "{error}"
        );
    }

    server.run().await;
    assert_eq!(ask().await["rows"], json!([[1]]));

    // Unnoticed: killed and back between two requests.
    server.kill();
    server.run().await;
    loop {
        if ask().await["rows"] == json!([[1]]) {
            break;
        }
    }
}
