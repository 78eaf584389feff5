//! What is built, from what, and when it is out of date. Cargo knows that for Rust; the web shop has a stamp.

use crate::run;
use anyhow::{Context, Result, bail};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TARGET: &str = "wasm32-wasip2";

/// One folder below `components/` each.
pub const COMPONENTS: [&str; 8] = [
    "account",
    "bff",
    "catalog",
    "inventory",
    "order",
    "payment",
    "site",
    "webhook",
];

#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Build the worker optimised
    #[arg(long)]
    pub release: bool,
}

/// Builds everything that is out of date.
pub fn build(options: &Options) -> Result<()> {
    wasm_target()?;
    web()?;
    components()?;
    worker(options.release)
}

/// Path of the worker's binary as last built.
pub fn worker_binary(release: bool) -> PathBuf {
    target_folder()
        .join(if release { "release" } else { "debug" })
        .join("kessai")
}

pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from)
}

/// Installs the standard library of the components' target if the toolchain lacks it.
pub fn wasm_target() -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(run::root())
        .output()
        .context("cannot run rustc: install Rust with rustup")?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    run::step(
        &format!("Install the target {TARGET}"),
        Command::new("rustup").args(["target", "add", TARGET]),
    )
    .context("install it by hand: `rustup target add wasm32-wasip2`")
}

pub fn components() -> Result<()> {
    let mut cargo = run::cargo();
    cargo.args([
        "build",
        "--profile",
        "component",
        "--target",
        TARGET,
        "--target-dir",
        "target",
    ]);
    for component in COMPONENTS {
        cargo.args(["--package", component]);
    }
    run::step("Build the components (WebAssembly)", &mut cargo)
}

pub fn worker(release: bool) -> Result<()> {
    let mut cargo = run::cargo();
    // The whole workspace's features, as the tests have them: otherwise Wasmtime is compiled once for each.
    cargo.args(["build", "--workspace", "--bin", "kessai"]);
    if release {
        cargo.arg("--release");
    }
    run::step(
        "Build the worker (the first time takes minutes: Wasmtime)",
        &mut cargo,
    )
}

/// Installs the web shop's packages when `package-lock.json` changed, and builds it when its sources did.
pub fn web() -> Result<()> {
    packages()?;
    let web = run::root().join("web");
    let sources = [
        "src",
        "public",
        "scripts",
        "index.html",
        "vite.config.ts",
        "package-lock.json",
    ];
    let stamp = Stamp::of(&web, &sources, "dist/.stamp")?;
    if stamp.is_current() {
        return Ok(());
    }
    run::step("Build the web shop", &mut run::npm(&["run", "build"]))?;
    stamp.write()
}

/// Installs the web shop's packages when `package-lock.json` changed.
pub fn packages() -> Result<()> {
    let web = run::root().join("web");
    let stamp = Stamp::of(&web, &["package-lock.json"], "node_modules/.stamp")?;
    if stamp.is_current() {
        return Ok(());
    }
    if !run::exists("npm") {
        bail!("npm is not installed: install Node.js 20 or later");
    }
    run::step(
        "Install the web shop's packages",
        &mut run::npm(&["ci", "--no-audit", "--no-fund"]),
    )?;
    stamp.write()
}

/// A file that remembers from which sources something was made: their names, sizes and times of change.
struct Stamp {
    file: PathBuf,
    fingerprint: String,
}

impl Stamp {
    fn of(folder: &Path, sources: &[&str], file: &str) -> Result<Stamp> {
        let mut hasher = DefaultHasher::new();
        for source in sources {
            hash_tree(&folder.join(source), &mut hasher)?;
        }
        Ok(Stamp {
            file: folder.join(file),
            fingerprint: format!("{:016x}", hasher.finish()),
        })
    }

    fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|text| text == self.fingerprint)
    }

    fn write(&self) -> Result<()> {
        std::fs::write(&self.file, &self.fingerprint)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn hash_tree(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Ok(());
    };
    path.hash(hasher);
    if metadata.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| hash_tree(entry, hasher));
    }
    metadata.len().hash(hasher);
    metadata.modified()?.hash(hasher);
    Ok(())
}
