//! Aligned columns, and durations as people say them.

use jiff::Timestamp;
use std::fmt;

/// Rows under their headings. The last column is as wide as it likes.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&str]) -> Table {
        Table {
            rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // What came from outside must not break the line, nor move the terminal's cursor.
        let clean = |cell: String| cell.replace(char::is_control, " ");
        self.rows.push(cells.into_iter().map(clean).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A cell for what may be absent.
pub(crate) fn or_dash(text: Option<impl Into<String>>) -> String {
    text.map_or_else(|| "-".to_owned(), Into::into)
}

/// From one instant to another in its two largest units: `3d 4h`, `2m 5s`, `120ms`.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    let millis = (to.as_millisecond() - from.as_millisecond()).max(0);
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// To the second.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["ID", "PHASE", "ERROR"]);
        table.row(["S1".to_owned(), "PARKED".to_owned(), "no\nway\x1b[2J".to_owned()]);
        table.row(["注文-12".to_owned(), "-".to_owned(), String::new()]);
        assert_eq!(
            table.to_string(),
            "ID     PHASE   ERROR\nS1     PARKED  no way [2J\n注文-12  -\n"
        );
    }

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        for (millis, told) in [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (125_000, "2m 5s"),
            (7_260_000, "2h 1m"),
            (270_000_000, "3d 3h"),
        ] {
            assert_eq!(span(at(0), at(millis)), told);
        }
        assert_eq!(span(at(5), at(0)), "0ms");
        assert_eq!(clock(at(1_795_309_200_000)), "2026-11-22 01:00:00");
    }
}
