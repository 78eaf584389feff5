//! A short run of the chaos machine: kills, lost webhooks, a failing PayPay and one that is closed, by a fixed plan. `cargo xtask chaos` runs longer ones.

use anyhow::{Result, ensure};
use std::process::Command;

#[test]
fn a_short_storm_loses_and_doubles_nothing() -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .args(["--orders", "80", "--kills", "6", "--seed", "5"])
        .output()?;
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}");
    ensure!(
        output.status.success(),
        "{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in ["| violations | 0 |", "| SIGKILLs of the shop at work | 6 of 6 |"] {
        ensure!(report.contains(line), "no `{line}` in\n{report}");
    }
    Ok(())
}
