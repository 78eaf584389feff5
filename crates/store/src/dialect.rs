//! The two languages of SQL that this workspace writes.

/// Which database answers. Asked for by [`Session::dialect`](crate::Session::dialect).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    /// MySQL 8 and MariaDB 10.11: what both understand, through prepared statements.
    MySql,
}

impl Dialect {
    /// The end of a `SELECT` in a transaction whose answer decides what the transaction writes. On MySQL it reads what is committed now, whatever the
    /// isolation level, and keeps others from changing it until the transaction ends. SQLite needs no such words: a transaction holds the only writer.
    pub fn for_update(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            Dialect::MySql => " FOR UPDATE",
        }
    }
}

/// A statement for which one text does not serve both. Its parameters are the same, in the same order.
///
/// ```
/// const REMEMBER: store::Sql = store::Sql {
///     sqlite: "INSERT INTO seen (id) VALUES (?) ON CONFLICT (id) DO NOTHING",
///     mysql: "INSERT INTO seen (id) VALUES (?) ON DUPLICATE KEY UPDATE id = id",
/// };
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    pub sqlite: &'static str,
    pub mysql: &'static str,
}

/// What can be run: one text for both databases, or a [`Sql`].
pub trait Statement {
    fn text(&self, dialect: Dialect) -> &str;
}

impl Statement for &str {
    fn text(&self, _: Dialect) -> &str {
        self
    }
}

impl Statement for &String {
    fn text(&self, _: Dialect) -> &str {
        self
    }
}

impl Statement for Sql {
    fn text(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::MySql => self.mysql,
        }
    }
}
