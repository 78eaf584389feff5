//! Statements as text: the little that must be known about them.

/// `?,?,?` for an `IN (…)` list of `count` parameters. SQL allows no empty list: callers leave such a query out.
pub fn placeholders(count: usize) -> String {
    let mut list = "?,".repeat(count);
    list.pop();
    list
}

/// A statement on one line and short enough for a log.
pub(crate) fn summary(statement: &str) -> String {
    const LONGEST: usize = 160;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Whether a statement may change something. `WITH` and `PRAGMA` may or may not, so they count as changes.
pub(crate) fn may_write(statement: &str) -> bool {
    !starts_with(statement, "select")
}

pub(crate) fn starts_with(statement: &str, word: &str) -> bool {
    let start = statement.trim_start();
    start
        .get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn placeholders_match_the_number_of_parameters() {
        assert_eq!(placeholders(1), "?");
        assert_eq!(placeholders(3), "?,?,?");
        assert_eq!(placeholders(0), "");
    }

    #[test]
    fn a_summary_is_one_short_line() {
        assert_eq!(summary("SELECT a\n   FROM t"), "SELECT a FROM t");
        let long = format!("SELECT {}", "在庫".repeat(200));
        assert_eq!(summary(&long).chars().count(), 161);
    }

    #[test]
    fn only_a_plain_select_is_known_to_change_nothing() {
        assert!(!may_write("  select 1"));
        assert!(!may_write("SELECT x FROM t"));
        assert!(may_write("WITH x AS (SELECT 1) DELETE FROM t"));
        assert!(may_write("UPDATE t SET a = 1 RETURNING a"));
        assert!(may_write("日本"));
    }
}
