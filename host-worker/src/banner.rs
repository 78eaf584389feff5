//! What a person sees when everything has started.

use std::fmt::Write;

/// A box of named lines on stdout.
pub(crate) fn print(title: &str, lines: &[(&str, String)]) {
    // Nobody may be reading; that is no reason to stop.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), draw(title, lines).as_bytes());
}

fn draw(title: &str, lines: &[(&str, String)]) -> String {
    let name_width = lines
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let rows: Vec<String> = std::iter::once(title.to_owned())
        .chain(std::iter::once(String::new()))
        .chain(
            lines
                .iter()
                .map(|(name, value)| format!("{name:name_width$}  {value}")),
        )
        .collect();
    let width = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let mut drawn = String::new();
    let edge = "─".repeat(width + 4);
    let _ = writeln!(drawn, "┌{edge}┐");
    for row in rows {
        let _ = writeln!(drawn, "│  {row:width$}  │");
    }
    let _ = writeln!(drawn, "└{edge}┘");
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_is_as_wide_as_its_longest_line() {
        let drawn = draw(
            "Open",
            &[("Shop", "http://127.0.0.1:3000".into()), ("Health", "x".into())],
        );
        let widths: Vec<usize> = drawn.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 6);
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{drawn}");
    }
}
