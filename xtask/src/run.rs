//! Running other programs: from the project's root, with a line that says what and how long.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The project's root folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The cargo that runs this, so that both use one toolchain.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

pub fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(root().join("web"));
    command
}

/// Runs a step to its end, showing its output; an error if it fails.
pub fn step(name: &str, command: &mut Command) -> Result<()> {
    if passes(name, command)? {
        Ok(())
    } else {
        bail!("{name} failed")
    }
}

/// Runs a step to its end, showing its output, and says whether it succeeded.
pub fn passes(name: &str, command: &mut Command) -> Result<bool> {
    eprintln!("\n▸ {name}");
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).status().with_context(|| {
        format!(
            "cannot run `{}`: is it installed?",
            command.get_program().to_string_lossy()
        )
    })?;
    eprintln!(
        "  {name}: {} in {:.1} s",
        if status.success() { "done" } else { "FAILED" },
        started.elapsed().as_secs_f32()
    );
    Ok(status.success())
}

/// Whether a program can be started at all.
pub fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program is to be found at all, for one that cannot tell its version.
pub fn exists_at_all(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
