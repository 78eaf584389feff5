//! How much was tried is part of a test's result, so it is told past the capture of its output.

use std::io::Write as _;

/// One line on the process's own standard error.
pub fn tell(line: &str) {
    let line = format!("{line}\n");
    // In one piece, since other tests tell of theirs at the same time. If nobody can read it, the test is none the worse.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
