//! The schemas on a real MariaDB: made once, brought forward, asked for their health.

#![allow(clippy::unwrap_used)]

// A server for these tests is the same as one for the host's.
#[allow(dead_code)]
#[path = "../../host/tests/support/servers/mariadb.rs"]
mod mariadb;
#[allow(dead_code)]
#[path = "../../host/tests/support/servers/process.rs"]
mod process;

use kessai_ops::{
    Database, Databases, MigrationError, Probe, Seeded,
    mysql::{MySqlServer, MySqlSettings, SchemaProbe},
};
use mariadb::MariaDb;
use mysql_async::prelude::Queryable;
use std::collections::BTreeMap;

fn login(server: &MariaDb, user: &str, prefix: &str) -> MySqlServer {
    MySqlServer::new(MySqlSettings {
        address: &format!("127.0.0.1:{}", server.port),
        user,
        password: "",
        schema_prefix: prefix,
        parameters: "",
    })
    .unwrap()
}

/// A server for one test, and its databases named `shop_…`.
async fn shop() -> (MariaDb, MySqlServer, Databases) {
    let server = MariaDb::start().await;
    let login = login(&server, "root", "shop_");
    (server, login.clone(), Databases::MySql(login))
}

#[tokio::test]
async fn of_workers_that_start_at_once_one_migrates() {
    let (_server, login, databases) = shop().await;
    assert_eq!(databases.outdated().await.unwrap().len(), Database::ALL.len());
    let starts = (0..4).map(|_| async {
        let mut told = Vec::new();
        let all = databases.migrate(|migrated| told.push(*migrated)).await.unwrap();
        assert_eq!(told, all);
        all
    });
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for all in futures::future::join_all(starts).await {
        for migrated in all.into_iter().filter(|migrated| migrated.applied > 0) {
            *by.entry(migrated.database.name()).or_default() += 1;
        }
    }
    assert!(by.contains_key("accounts") && by.contains_key("worker"), "{by:?}");
    assert!(by.values().all(|starts| *starts == 1), "{by:?}");
    assert_eq!(databases.outdated().await.unwrap(), []);

    let mut worker = login.open(Database::Worker).await.unwrap();
    sqlx::query("DELETE FROM _sqlx_migrations ORDER BY version DESC LIMIT 1")
        .execute(&mut worker)
        .await
        .unwrap();
    assert_eq!(databases.outdated().await.unwrap(), [Database::Worker]);
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_with_what_to_do() {
    let (_server, login, databases) = shop().await;
    databases.migrate(|_| ()).await.unwrap();
    let mut accounts = login.open(Database::Accounts).await.unwrap();
    let refused = async || databases.migrate(|_| ()).await.unwrap_err();

    let set = "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1";
    sqlx::query(set).execute(&mut accounts).await.unwrap();
    let error = refused().await;
    assert!(
        matches!(&error, MigrationError::CutOff { schema, version: 1 } if schema == "shop_accounts"),
        "{error}"
    );

    let set = "UPDATE _sqlx_migrations SET success = TRUE, checksum = x'00' WHERE version = 1";
    sqlx::query(set).execute(&mut accounts).await.unwrap();
    let error = refused().await;
    assert!(
        matches!(error, MigrationError::Edited { version: 1, .. }),
        "{error}"
    );

    let set = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1";
    sqlx::query(set).execute(&mut accounts).await.unwrap();
    let error = refused().await;
    assert!(
        matches!(error, MigrationError::TooNew { version: 9999, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_user_who_may_not_make_schemas_uses_those_that_are_there() {
    let (server, _, _) = shop().await;
    let mut root = server.schema("none").await;
    root.query_drop("CREATE USER modest@127.0.0.1").await.unwrap();
    let databases = Databases::MySql(login(&server, "modest", "modest_"));
    let error = databases.migrate(|_| ()).await.unwrap_err();
    assert!(
        matches!(&error, MigrationError::MayNot { schema, .. } if schema == "modest_orders"),
        "{error}"
    );
    for database in Database::ALL {
        let schema = format!("modest_{database}");
        root.query_drop(format!(
            "CREATE SCHEMA {schema} CHARACTER SET utf8mb4; GRANT ALL ON {schema}.* TO modest@127.0.0.1"
        ))
        .await
        .unwrap();
    }
    databases.migrate(|_| ()).await.unwrap();
    assert_eq!(databases.outdated().await.unwrap(), []);
}

#[tokio::test]
async fn an_empty_catalogue_is_filled_once() {
    let (_server, login, databases) = shop().await;
    databases.migrate(|_| ()).await.unwrap();
    let starts = futures::future::join_all((0..3).map(|_| databases.seed())).await;
    let filled: Vec<u64> = starts
        .into_iter()
        .filter_map(|seeded| match seeded.unwrap() {
            Seeded::Filled { products } => Some(products),
            Seeded::WasThere => None,
        })
        .collect();
    let [products] = filled.as_slice() else {
        panic!("{filled:?}")
    };
    assert!(*products >= 60);
    for (database, table) in [(Database::Catalog, "products"), (Database::Inventory, "stock")] {
        let mut connection = login.open(database).await.unwrap();
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(u64::try_from(rows).unwrap(), *products, "{table}");
    }
    let mut catalog = login.open(Database::Catalog).await.unwrap();
    let lost: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM products WHERE id NOT IN (SELECT product_id FROM product_grams)",
    )
    .fetch_one(&mut catalog)
    .await
    .unwrap();
    assert_eq!(lost, 0, "products that no search finds");
}

#[tokio::test]
async fn a_schema_is_healthy_while_its_server_answers() {
    let (server, login, databases) = shop().await;
    let probe = SchemaProbe::new(login, Database::Worker);
    assert!(probe.check().await.is_err(), "there is no schema yet");
    databases.migrate(|_| ()).await.unwrap();
    assert_eq!(probe.check().await, Ok(()));
    assert_eq!(probe.check().await, Ok(()));
    server.kill();
    assert!(probe.check().await.is_err());
    assert!(databases.outdated().await.is_err());
    assert!(matches!(
        databases.migrate(|_| ()).await,
        Err(MigrationError::Server { .. })
    ));
    server.run().await;
    assert_eq!(probe.check().await, Ok(()));
    // Its connection ended meanwhile without anybody noticing.
    server.kill();
    server.run().await;
    assert_eq!(probe.check().await, Ok(()));
}

#[tokio::test]
async fn a_server_on_this_machine_has_this_machine_s_time_whatever_its_zone() {
    let (server, login, _) = shop().await;
    let mut root = server.schema("none").await;
    root.query_drop("SET GLOBAL time_zone = '+09:00'").await.unwrap();
    let ahead = login.clock_ahead().await.unwrap();
    assert!(ahead.abs() < 250, "{ahead} ms");
}
