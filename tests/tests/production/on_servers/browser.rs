//! Chromium on a shop that runs already: the programs of `web/browser` that a scenario calls.

use anyhow::{Context, Result, ensure};
use scenarios::{Shop, root};
use std::path::PathBuf;
use tokio::process::Command;

/// Runs `web/browser/<program>.mjs` with the shop's address and `argument`. Without Chromium it is left out, unless `CI` is set.
///
/// # Errors
/// The program failed; with what it wrote.
pub async fn visit(shop: &Shop, program: &str, argument: &str) -> Result<()> {
    let chromium = std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    if !chromium.exists() && std::env::var_os("CI").is_none() {
        eprintln!("skipped: no Chromium (set CHROMIUM to its path, or install Debian's `chromium`)");
        return Ok(());
    }
    let output = Command::new("node")
        .arg(format!("web/browser/{program}.mjs"))
        .args([&shop.url(), argument])
        .current_dir(root())
        .env("CHROMIUM", chromium)
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run node")?;
    ensure!(
        output.status.success(),
        "{program}.mjs: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
