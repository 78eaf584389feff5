//! What the rules read, copied from a MySQL server.

use super::look::{CheckError, READ};
use crate::{Database, mysql::MySqlServer};
use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, QueryBuilder, Row, Sqlite, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

/// Rows written by one statement: SQLite takes 32,766 values.
const ROWS: usize = 1_000;

struct Table {
    owner: Database,
    name: &'static str,
    text: &'static [&'static str],
    numbers: &'static [&'static str],
}

const TABLES: &[Table] = &[
    Table {
        owner: Database::Orders,
        name: "orders",
        text: &[
            "order_no",
            "user_id",
            "status",
            "payment_status",
            "fail_code",
            "merchant_payment_id",
            "payment_id",
            "refund_request",
        ],
        numbers: &[
            "amount",
            "balance_amount",
            "pay_amount",
            "expires_at",
            "version",
            "created_at",
        ],
    },
    Table {
        owner: Database::Orders,
        name: "order_lines",
        text: &["order_no"],
        numbers: &["line_no", "product_id", "unit_price", "quantity"],
    },
    Table {
        owner: Database::Orders,
        name: "payment_attempts",
        text: &["merchant_payment_id", "order_no"],
        numbers: &[],
    },
    Table {
        owner: Database::Orders,
        name: "saga_instances",
        text: &[
            "id",
            "order_no",
            "business_key",
            "phase",
            "status",
            "compensation_status",
            "due_kind",
        ],
        numbers: &["due_at", "failures"],
    },
    Table {
        owner: Database::Orders,
        name: "saga_archive",
        text: &[
            "id",
            "order_no",
            "business_key",
            "phase",
            "status",
            "compensation_status",
        ],
        numbers: &[],
    },
    Table {
        owner: Database::Orders,
        name: "inbox",
        text: &["order_no"],
        numbers: &["applied_at"],
    },
    Table {
        owner: Database::Inventory,
        name: "stock",
        text: &[],
        numbers: &["product_id", "initial", "on_hand", "reserved"],
    },
    Table {
        owner: Database::Inventory,
        name: "reservations",
        text: &["order_no", "state"],
        numbers: &["product_id", "quantity"],
    },
    Table {
        owner: Database::Accounts,
        name: "accounts",
        text: &["user_id"],
        numbers: &["balance"],
    },
    Table {
        owner: Database::Accounts,
        name: "entries",
        text: &["user_id", "kind", "order_no"],
        numbers: &["amount"],
    },
    Table {
        owner: Database::Payments,
        name: "payment_codes",
        text: &["merchant_payment_id", "order_no", "status"],
        numbers: &["amount"],
    },
    Table {
        owner: Database::Payments,
        name: "refunds",
        text: &["merchant_payment_id"],
        numbers: &[],
    },
    Table {
        owner: Database::Worker,
        name: "relay_positions",
        text: &["log"],
        numbers: &["seq"],
    },
];

/// What rows are found by, so that no rule compares each with each.
const INDEXES: &str = "
    CREATE INDEX orders.orders_no ON orders (order_no);
    CREATE INDEX orders.lines_no ON order_lines (order_no);
    CREATE INDEX orders.attempts_no ON payment_attempts (order_no);
    CREATE INDEX orders.attempts_id ON payment_attempts (merchant_payment_id);
    CREATE INDEX orders.sagas_id ON saga_instances (id);
    CREATE INDEX orders.sagas_order ON saga_instances (order_no);
    CREATE INDEX orders.archive_id ON saga_archive (id);
    CREATE INDEX orders.archive_order ON saga_archive (order_no);
    CREATE INDEX orders.inbox_no ON inbox (order_no);
    CREATE INDEX orders.outbox_key ON outbox (key);
    CREATE INDEX inventory.stock_id ON stock (product_id);
    CREATE INDEX inventory.reservations_no ON reservations (order_no, product_id);
    CREATE INDEX accounts.entries_user ON entries (user_id);
    CREATE INDEX accounts.entries_no ON entries (order_no);
    CREATE INDEX payments.codes_no ON payment_codes (order_no);
    CREATE INDEX payments.refunds_id ON refunds (merchant_payment_id);
";

/// A connection to a temporary copy, with each owner's tables under its name.
pub(super) async fn snapshot(server: &MySqlServer) -> Result<SqliteConnection, CheckError> {
    let mut from = server.open(Database::Orders).await?;
    // The same instant for all schemas.
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut from)
        .await?;
    sqlx::raw_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        .execute(&mut from)
        .await?;
    // Without a name: files that SQLite itself removes. (What is attached to a database in memory would be in memory too, the sandbox's books.)
    let mut to = SqliteConnectOptions::new()
        .filename("")
        .create_if_missing(true)
        .connect()
        .await?;
    for database in READ {
        let attach = format!("ATTACH DATABASE '' AS {}", database.name());
        sqlx::raw_sql(AssertSqlSafe(attach)).execute(&mut to).await?;
    }
    for table in TABLES {
        copy(server, table, &mut from, &mut to).await?;
    }
    copy_outbox(server, &mut from, &mut to).await?;
    sqlx::raw_sql(INDEXES).execute(&mut to).await?;
    sqlx::raw_sql("ROLLBACK").execute(&mut from).await?;
    from.close().await?;
    Ok(to)
}

async fn copy(
    server: &MySqlServer,
    table: &Table,
    from: &mut MySqlConnection,
    to: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    let columns: Vec<&str> = table.text.iter().chain(table.numbers).copied().collect();
    let (owner, name, columns) = (table.owner.name(), table.name, columns.join(", "));
    let create = format!("CREATE TABLE {owner}.{name} ({columns})");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *to).await?;
    let select = format!("SELECT {columns} FROM `{}`.{name}", server.schema(table.owner));
    let insert = format!("INSERT INTO {owner}.{name} ({columns}) ");
    let rows = sqlx::query(AssertSqlSafe(select)).fetch(from);
    let mut chunks = rows.try_chunks(ROWS);
    let mut writing = to.begin().await?;
    while let Some(rows) = chunks.try_next().await.map_err(|error| error.1)? {
        let mut values = Vec::with_capacity(rows.len());
        for row in &rows {
            let (mut text, mut numbers) = (Vec::new(), Vec::new());
            for index in 0..table.text.len() {
                text.push(row.try_get::<Option<String>, _>(index)?);
            }
            for index in 0..table.numbers.len() {
                numbers.push(row.try_get::<Option<i64>, _>(table.text.len() + index)?);
            }
            values.push((text, numbers));
        }
        let mut query = QueryBuilder::<Sqlite>::new(insert.clone());
        query.push_values(values, |mut row, (text, numbers)| {
            for text in text {
                row.push_bind(text);
            }
            for number in numbers {
                row.push_bind(number);
            }
        });
        query.build().execute(&mut *writing).await?;
    }
    writing.commit().await
}

/// With `seq` counted as on SQLite, where the table of sequences remembers how far the numbers went. Of the data rules read the version only.
async fn copy_outbox(
    server: &MySqlServer,
    from: &mut MySqlConnection,
    to: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    let create = "CREATE TABLE orders.outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, key, type, data)";
    sqlx::raw_sql(create).execute(&mut *to).await?;
    let select = format!(
        "SELECT seq, `key`, type, CASE WHEN type = 'OrderStatusChanged' THEN data END FROM `{}`.outbox",
        server.schema(Database::Orders)
    );
    let rows = sqlx::query_as(AssertSqlSafe(select)).fetch(from);
    let mut chunks = rows.try_chunks(ROWS);
    let mut writing = to.begin().await?;
    while let Some(rows) = chunks.try_next().await.map_err(|error| error.1)? {
        let rows: Vec<(i64, String, String, Option<String>)> = rows;
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO orders.outbox (seq, key, type, data) ");
        query.push_values(rows, |mut row, (seq, key, kind, data)| {
            row.push_bind(seq).push_bind(key).push_bind(kind).push_bind(data);
        });
        query.build().execute(&mut *writing).await?;
    }
    writing.commit().await
}
