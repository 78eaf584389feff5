//! What a statement leaves behind in the server's session.

/// From nothing to anything; a session has the greatest trace of its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trace {
    /// Rows, read or written and committed.
    Nothing,
    /// Perhaps an open transaction: rolled back.
    Transaction,
    /// Variables, temporary tables, named locks: the session is reset.
    Anything,
}

/// What a statement does to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    /// Commits by itself unless a transaction is open.
    Write,
    /// From here on nothing is committed by itself: `SET autocommit=0`, `START TRANSACTION`, `BEGIN`.
    Begin,
    Commit,
    Rollback,
    Other,
}

impl Kind {
    pub(super) fn of(sql: &str) -> Self {
        let mut words = sql
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        let mut word = || words.next().unwrap_or_default();
        match word().as_str() {
            // Variables and named locks outlive a statement.
            _ if sql.contains('@') || contains(sql, "GET_LOCK") => Self::Other,
            "SELECT" => Self::Read,
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH" => Self::Write,
            "START" | "BEGIN" => Self::Begin,
            "SAVEPOINT" | "RELEASE" => Self::Begin,
            "COMMIT" => Self::Commit,
            "ROLLBACK" => Self::Rollback,
            "SET" if word() == "AUTOCOMMIT" => match word().as_str() {
                "0" | "OFF" => Self::Begin,
                _ => Self::Commit,
            },
            _ => Self::Other,
        }
    }

    pub(super) fn trace(self) -> Trace {
        match self {
            Self::Read | Self::Write => Trace::Nothing,
            Self::Begin | Self::Commit | Self::Rollback => Trace::Transaction,
            Self::Other => Trace::Anything,
        }
    }
}

fn contains(sql: &str, name: &str) -> bool {
    sql.as_bytes()
        .windows(name.len())
        .any(|window| window.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_s_first_words_tell_what_it_leaves_behind() {
        for (sql, kind, trace) in [
            ("SELECT 1", Kind::Read, Trace::Nothing),
            ("  select ROW_COUNT()", Kind::Read, Trace::Nothing),
            ("INSERT INTO t VALUES (?)", Kind::Write, Trace::Nothing),
            ("update t SET a = 1", Kind::Write, Trace::Nothing),
            ("SET autocommit=0", Kind::Begin, Trace::Transaction),
            ("set AUTOCOMMIT = OFF", Kind::Begin, Trace::Transaction),
            ("SET autocommit = 1", Kind::Commit, Trace::Transaction),
            ("START TRANSACTION", Kind::Begin, Trace::Transaction),
            ("COMMIT", Kind::Commit, Trace::Transaction),
            ("ROLLBACK", Kind::Rollback, Trace::Transaction),
            ("SELECT GET_LOCK('a', 1)", Kind::Other, Trace::Anything),
            ("SELECT @x := 1", Kind::Other, Trace::Anything),
            ("SET SESSION sql_mode = ''", Kind::Other, Trace::Anything),
            ("CREATE TEMPORARY TABLE t (a INT)", Kind::Other, Trace::Anything),
            ("USE other", Kind::Other, Trace::Anything),
            ("", Kind::Other, Trace::Anything),
        ] {
            assert_eq!((Kind::of(sql), Kind::of(sql).trace()), (kind, trace), "{sql}");
        }
    }
}
