//! The databases `orders` and `worker` of one test: files, or schemas on the MySQL server of `KESSAI_TEST_MYSQL`.

use super::Files;
use domain::Instant;
use kessai_alerts::{Record, Store};
use kessai_relay::Source;
use sqlx::{AssertSqlSafe, ConnectOptions, mysql::MySqlConnectOptions};
use std::str::FromStr;

/// Runs each test on either database.
#[macro_export]
macro_rules! on_each_database {
    ($(async fn $name:ident($shop:ident: Shop) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn case($shop: Shop) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                case(Shop::on_sqlite().await).await;
            }

            #[cfg(feature = "real-mysql")]
            #[tokio::test(flavor = "multi_thread")]
            async fn on_mysql() {
                case(Shop::on_mysql().await).await;
            }
        }
    )*};
}

#[allow(clippy::large_enum_variant, reason = "a test has one")]
pub enum Shop {
    Sqlite(Files),
    MySql {
        orders: MySqlConnectOptions,
        worker: MySqlConnectOptions,
    },
}

impl Shop {
    pub async fn on_sqlite() -> Shop {
        Shop::Sqlite(Files::new().await)
    }

    pub async fn on_mysql() -> Shop {
        let url = std::env::var("KESSAI_TEST_MYSQL")
            .expect("KESSAI_TEST_MYSQL says where the tests' MySQL server is");
        let server = MySqlConnectOptions::from_str(&url).unwrap();
        let name = uuid::Uuid::new_v4().simple().to_string();
        let mut login = server.connect().await.unwrap();
        let mut schemas = Vec::new();
        for owner in ["orders", "worker"] {
            let schema = format!("test_alerts_{name}_{owner}");
            let make = format!("CREATE SCHEMA {schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
            sqlx::raw_sql(AssertSqlSafe(make))
                .execute(&mut login)
                .await
                .unwrap();
            schemas.push(server.clone().database(&schema));
        }
        let [orders, worker] = <[_; 2]>::try_from(schemas).unwrap();
        sqlx::migrate!("../../migrations/mysql/orders")
            .run(&mut orders.connect().await.unwrap())
            .await
            .unwrap();
        sqlx::migrate!("../../migrations/mysql/worker")
            .run(&mut worker.connect().await.unwrap())
            .await
            .unwrap();
        Shop::MySql { orders, worker }
    }

    pub fn orders(&self) -> Source {
        match self {
            Shop::Sqlite(files) => Source::Sqlite(files.path("orders")),
            Shop::MySql { orders, .. } => Source::MySql(Box::new(orders.clone())),
        }
    }

    pub fn worker(&self) -> Source {
        match self {
            Shop::Sqlite(files) => Source::Sqlite(files.path("worker")),
            Shop::MySql { worker, .. } => Source::MySql(Box::new(worker.clone())),
        }
    }

    pub async fn store(&self) -> Store {
        Store::open(self.worker()).await.unwrap()
    }

    /// Changes the worker's tables behind its back.
    pub async fn tamper(&self, sql: &'static str) {
        match self {
            Shop::Sqlite(files) => {
                let mut connection = files.open("worker").await;
                sqlx::query(sql).execute(&mut connection).await.unwrap();
            }
            Shop::MySql { worker, .. } => {
                let mut connection = worker.connect().await.unwrap();
                sqlx::query(sql).execute(&mut connection).await.unwrap();
            }
        }
    }

    /// Topic, event and reason.
    pub async fn dead_letters(&self) -> Vec<(String, String, String)> {
        let sql = "SELECT topic, event_id, reason FROM alert_dead_letters";
        match self {
            Shop::Sqlite(files) => {
                sqlx::query_as(sql)
                    .fetch_all(&mut files.open("worker").await)
                    .await
            }
            Shop::MySql { worker, .. } => {
                sqlx::query_as(sql)
                    .fetch_all(&mut worker.connect().await.unwrap())
                    .await
            }
        }
        .unwrap()
    }

    /// Into the outbox, each event once.
    pub async fn commit(&self, records: &[Record]) {
        let (sqlite, mysql) = (
            "INSERT INTO outbox (id, topic, `key`, type, data, created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            "INSERT INTO outbox (id, topic, `key`, type, data, created_at) VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE id = id",
        );
        macro_rules! insert {
            ($connection:expr, $sql:expr) => {{
                let mut connection = $connection;
                for record in records {
                    sqlx::query($sql)
                        .bind(&record.id)
                        .bind(&record.topic)
                        .bind(&record.key)
                        .bind(&record.kind)
                        .bind(String::from_utf8_lossy(&record.data).into_owned())
                        .bind(Instant::now().millis())
                        .execute(&mut connection)
                        .await
                        .unwrap();
                }
            }};
        }
        match self {
            Shop::Sqlite(files) => insert!(files.open("orders").await, sqlite),
            Shop::MySql { orders, .. } => insert!(orders.connect().await.unwrap(), mysql),
        }
    }
}
