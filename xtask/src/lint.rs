//! `cargo xtask lint`: formatting, clippy for this machine and for the components' target, ESLint and the type checker.

use crate::{build, run};
use anyhow::Result;

pub fn lint() -> Result<u8> {
    build::wasm_target()?;
    build::packages()?;
    let mut clippy = run::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    for component in build::COMPONENTS {
        clippy.args(["--exclude", component]);
    }
    clippy.args(["--", "-D", "warnings"]);
    let mut clippy_wasm = run::cargo();
    clippy_wasm.args(["clippy", "--target", "wasm32-wasip2"]);
    for component in build::COMPONENTS {
        clippy_wasm.args(["--package", component]);
    }
    clippy_wasm.args(["--", "-D", "warnings"]);
    let mut checks = [
        ("Rust formatting", run::cargo()),
        ("clippy: crates, worker, tests", clippy),
        ("clippy: components", clippy_wasm),
        ("ESLint", run::npm(&["run", "lint"])),
        ("vue-tsc", run::npm(&["run", "typecheck"])),
    ];
    checks[0].1.args(["fmt", "--all", "--check"]);
    let mut failed = Vec::new();
    for (name, command) in &mut checks {
        if !run::passes(name, command)? {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return Ok(0);
    }
    eprintln!("\nnot clean: {}", failed.join(", "));
    Ok(1)
}
