//! `cargo xtask bench saga`: builds the components, the plain rival and the bench that runs both.

use super::orders;
use crate::{build, run};
use anyhow::Result;

/// A package of its own workspace, whose artefact the bench looks for there.
const PLAIN: (&str, &str) = ("tests/fixtures/plain_order", "target/plain_order");

pub fn bench(options: &orders::Options) -> Result<u8> {
    build::wasm_target()?;
    build::components()?;
    plain_order()?;
    orders::run("saga", options, &[])
}

fn plain_order() -> Result<()> {
    let (package, target) = PLAIN;
    let mut cargo = run::cargo();
    cargo
        .current_dir(run::root().join(package))
        .args(["build", "--release", "--target", build::TARGET, "--target-dir"])
        .arg(run::root().join(target));
    run::step("Build the order component without a saga", &mut cargo)
}
