//! MySQL 8 and MariaDB, through prepared statements only, as Spin has it.
//!
//! MySQL 8 can prepare neither `START TRANSACTION` nor `ROLLBACK`. So a transaction is what happens between `SET autocommit=0` and `COMMIT`, and
//! what takes one back is the end of its connection. Nor is there a count of changed rows except by asking for it, and rows that an `UPDATE` finds
//! as it would leave them are not in it.

#[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
mod native;
mod spin;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::driver::{Answer, Failure, OpenError, Sort};
use crate::sql::starts_with;
use crate::value::Value;

#[derive(Debug)]
enum Wire {
    Spin(spin::Wire),
    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    Native(native::Wire),
}

#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    /// Whether each statement commits by itself, as it does on a new connection.
    autocommit: AtomicBool,
}

impl Connection {
    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        Ok(Self::over(Wire::Spin(spin::Wire::open(url).await?)))
    }

    #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
    pub(crate) fn open_native(server: &crate::testing::Server, schema: &str) -> Result<Self, OpenError> {
        Ok(Self::over(Wire::Native(native::Wire::open(server, schema)?)))
    }

    fn over(wire: Wire) -> Self {
        Self {
            wire,
            autocommit: AtomicBool::new(true),
        }
    }

    pub(crate) async fn begin(&self) -> Result<(), Failure> {
        self.set_autocommit(false).await
    }

    /// The next transaction on this connection begins by itself; a statement of its own does not (see [`run`](Self::run)).
    pub(crate) async fn commit(&self) -> Result<(), Failure> {
        self.execute("COMMIT", Vec::new()).await
    }

    pub(crate) async fn run(
        &self,
        sql: &str,
        params: Vec<Value>,
        in_transaction: bool,
    ) -> Result<Answer, Failure> {
        self.set_autocommit(!in_transaction).await?;
        if starts_with(sql, "select") || starts_with(sql, "with") {
            self.query(sql, params).await
        } else {
            self.execute(sql, params).await?;
            Ok((Vec::new(), Vec::new()))
        }
    }

    /// One more statement, on the same connection before any other.
    pub(crate) async fn changes(&self) -> Result<u64, Failure> {
        let (_, rows) = self.query("SELECT ROW_COUNT() AS changed", Vec::new()).await?;
        match rows.first().and_then(|row| row.first()) {
            // -1 would mean that a statement before it failed or returned rows.
            Some(Value::Integer(count)) => Ok(u64::try_from(*count).unwrap_or(0)),
            other => Err(format!("ROW_COUNT() is {other:?}").into()),
        }
    }

    async fn set_autocommit(&self, on: bool) -> Result<(), Failure> {
        if self.autocommit.load(Relaxed) != on {
            let sql = if on {
                "SET autocommit=1"
            } else {
                "SET autocommit=0"
            };
            self.execute(sql, Vec::new()).await?;
            self.autocommit.store(on, Relaxed);
        }
        Ok(())
    }

    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Answer, Failure> {
        match &self.wire {
            Wire::Spin(wire) => wire.query(sql, params).await,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Wire::Native(wire) => wire.run(sql, params),
        }
    }

    async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<(), Failure> {
        match &self.wire {
            Wire::Spin(wire) => wire.execute(sql, params).await,
            #[cfg(all(any(test, feature = "native"), not(target_family = "wasm")))]
            Wire::Native(wire) => wire.run(sql, params).map(drop),
        }
    }
}

/// Text columns whose collation compares bytes (`utf8mb4_bin`, as ids have) come as bytes.
fn text_or_blob(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or_else(|error| Value::Blob(error.into_bytes()), Value::Text)
}

/// What the server said, by the number in its words: the interface passes no other. `ERROR 23000 (1062): …`, or as Rust's debug output of the same.
fn said(message: String) -> Failure {
    let number = |after: &str| {
        let rest = message.split_once(after)?.1;
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        rest[..end].parse().ok()
    };
    let state = || {
        let rest = message.split_once("ERROR ")?.1;
        let (_, rest) = rest.split_once('(')?;
        rest.split_once(')')?.0.parse().ok()
    };
    let sort = number("code: ").or_else(state).map_or(Sort::Unknown, Sort::Code);
    Failure { sort, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_number_is_found_in_its_words() {
        for (message, sort) in [
            (
                r#"Server(ServerError { code: 1062, message: "Duplicate entry 'ERROR 1 (9)'", state: "23000" })"#,
                Sort::Code(1062),
            ),
            (
                "Server error: `ERROR 40001 (1213): Deadlock found when trying to get lock'",
                Sort::Code(1213),
            ),
            ("ERROR 23000 (4025): CONSTRAINT `a` failed", Sort::Code(4025)),
            ("Input/output error", Sort::Unknown),
            ("ERROR (?)", Sort::Unknown),
        ] {
            assert_eq!(said(message.to_owned()).sort, sort, "{message}");
        }
    }

    #[test]
    fn bytes_that_are_text_are_text() {
        assert_eq!(text_or_blob("在庫".into()), Value::Text("在庫".to_owned()));
        assert_eq!(text_or_blob(vec![0xff]), Value::Blob(vec![0xff]));
    }
}
