//! The application's components import nothing that Spin 4.1 does not offer, so that they run there unchanged.

use kessai_host::{LoadError, Manifest, imports};
use std::path::Path;

const OFFERED: &[&str] = &[
    "spin:sqlite/sqlite@3.1.0",
    "spin:mysql/mysql@3.0.0",
    "spin:redis/redis@3.0.0",
    "spin:variables/variables@3.0.0",
];

fn is_offered(import: &str) -> bool {
    let wasi = import
        .strip_prefix("wasi:")
        .and_then(|import| import.split_once('@'));
    match wasi {
        Some((_, version)) => version == "0.3.0" || is_final_0_2(version),
        None => OFFERED.contains(&import),
    }
}

#[test]
fn every_component_imports_only_what_spin_offers() -> Result<(), LoadError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    let mut wrong = Vec::new();
    for name in Manifest::read(&path)?.component.keys() {
        // A missing file's error says what to do: `cargo xtask build`.
        for import in imports(&path, name)? {
            // `kessai:` imports that the manifest satisfies are composed away; one that is left has no provider.
            if !is_offered(&import) {
                wrong.push(format!("{name} imports {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn the_list_lets_through_what_it_names_only() {
    for (import, offered) in [
        ("wasi:http/types@0.3.0", true),
        ("wasi:cli/environment@0.2.6", true),
        ("wasi:http/types@0.3.0-rc-2026-03-15", false),
        ("wasi:keyvalue/store@0.2.0-draft2", false),
        ("spin:sqlite/sqlite@3.1.0", true),
        ("spin:sqlite/sqlite@3.2.0", false),
        ("fermyon:spin/llm@2.0.0", false),
        ("kessai:inventory/stock@0.1.0", false),
    ] {
        assert_eq!(is_offered(import), offered, "{import}");
    }
}

/// `0.2.<number>`: drafts carry a suffix.
fn is_final_0_2(version: &str) -> bool {
    version
        .strip_prefix("0.2.")
        .is_some_and(|patch| patch.parse::<u32>().is_ok())
}
