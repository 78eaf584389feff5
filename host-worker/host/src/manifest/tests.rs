#![allow(clippy::unwrap_used)]

use super::*;

const HEAD: &str =
    "spin_manifest_version = 2\n[application]\nname = \"a\"\nversion = \"1.0.0\"\nauthors = [\"x\"]\n";

#[test]
fn the_projects_own_manifest_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    let manifest = Manifest::read(&path).unwrap();
    assert!(manifest.component.contains_key("order"));
    assert!(manifest.databases().contains("orders"));
}

#[test]
fn what_this_host_does_not_offer_is_refused_with_its_key() {
    for (text, key) in [
        ("[application.trigger.http]\nbase = \"/x\"", "application.trigger"),
        (
            "[[trigger.redis]]\nchannel = \"c\"\ncomponent = \"a\"",
            "trigger.redis",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\nexecutor = { type = \"wagi\" }",
            "trigger.http[0].executor",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\nkey_value_stores = [\"default\"]",
            "component.a.key_value_stores",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\nai_models = [\"x\"]",
            "component.a.ai_models",
        ),
        (
            "[component.a]\nsource = { url = \"http://x\", digest = \"sha256:0\" }",
            "component.a.source",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\nfiles = [\"web/*\"]",
            "component.a.files[0]",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\nfiles = [{ source = \"x\", destination = \"/\", writable = true }]",
            "component.a.files[0].writable",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\n[component.a.dependencies]\n\"x:y/z\" = \"1.0\"",
            "component.a.dependencies.\"x:y/z\"",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\n[component.a.dependencies]\n\"x:y/z\" = { version = \"1\" }",
            "component.a.dependencies.\"x:y/z\".version",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\n[component.a.dependencies]\n\"x:y/z\" = { path = \"b.wasm\" }",
            "component.a.dependencies_inherit_configuration",
        ),
        (
            "[variables]\nv = { default = \"1\", secert = true }",
            "variables.v.secert",
        ),
    ] {
        match Manifest::parse(&format!("{HEAD}{text}")) {
            Err(LoadError::Unsupported { key: refused, .. }) => assert_eq!(refused, key),
            other => panic!("{text}\n gave {other:?}"),
        }
    }
}

#[test]
fn contradictions_are_refused_with_their_key() {
    for (text, key) in [
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = \"b\"",
            "trigger.http[0].component",
        ),
        (
            "[[trigger.http]]\nroute = { private = false }\ncomponent = \"a\"\n[component.a]\nsource = \"a.wasm\"",
            "trigger.http[0].route.private",
        ),
        ("[variables]\nBig = { default = \"1\" }", "variables.Big"),
        ("[variables]\nv = {}", "variables.v"),
        (
            "[variables]\nv = { default = \"1\", required = true }",
            "variables.v",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\nsqlite_databases = [\"../x\"]",
            "component.a.sqlite_databases",
        ),
        (
            "[component.a]\nsource = \"a.wasm\"\nfiles = [{ source = \"x\", destination = \"x\" }]",
            "component.a.files[0].destination",
        ),
    ] {
        match Manifest::parse(&format!("{HEAD}{text}")) {
            Err(LoadError::Invalid { key: refused, .. }) => assert_eq!(refused, key),
            other => panic!("{text}\n gave {other:?}"),
        }
    }
}

#[test]
fn a_value_of_the_wrong_type_is_a_syntax_error_that_shows_the_line() {
    let error = Manifest::parse(&format!(
        "{HEAD}[component.a]\nsource = \"a.wasm\"\nsqlite_databases = \"orders\""
    ))
    .unwrap_err();
    assert!(error.to_string().contains("sqlite_databases"), "{error}");
}

#[test]
fn only_manifest_version_2_is_read() {
    let text = HEAD.replace("version = 2", "version = 1");
    assert!(
        matches!(Manifest::parse(&text), Err(LoadError::Unsupported { key, .. }) if key == "spin_manifest_version")
    );
}

#[test]
fn build_description_and_authors_have_no_effect_here() {
    let text = "[component.a]\nsource = \"a.wasm\"\ndescription = \"d\"\n[component.a.build]\ncommand = \"make\"\nwatch = [\"src\"]\nworkdir = \".\"";
    Manifest::parse(&format!("{HEAD}{text}")).unwrap();
}
