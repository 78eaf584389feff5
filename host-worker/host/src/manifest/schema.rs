//! Which keys a manifest may have. Everything else is refused with its path, so that no setting is silently without effect.

use crate::error::LoadError;
use toml::{Table, Value};

const COMPONENT: &[&str] = &[
    "source",
    "description",
    "files",
    "allowed_outbound_hosts",
    "sqlite_databases",
    "dependencies_inherit_configuration",
    "dependencies",
    "variables",
    "environment",
    "build",
];

/// Checks every key of the document against what this host implements.
pub(super) fn check(document: &Table) -> Result<(), LoadError> {
    only(
        "",
        document,
        &[
            "spin_manifest_version",
            "application",
            "variables",
            "trigger",
            "component",
        ],
    )?;
    if let Some(application) = table(document, "application") {
        only(
            "application",
            application,
            &["name", "version", "description", "authors"],
        )?;
    }
    for (name, variable) in tables(document, "variables") {
        only(
            &format!("variables.{name}"),
            variable,
            &["default", "required", "secret", "description"],
        )?;
    }
    if let Some(trigger) = table(document, "trigger") {
        only("trigger", trigger, &["http"])?;
        check_routes(trigger)?;
    }
    for (name, component) in tables(document, "component") {
        check_component(&format!("component.{name}"), component)?;
    }
    Ok(())
}

fn check_routes(trigger: &Table) -> Result<(), LoadError> {
    let Some(Value::Array(routes)) = trigger.get("http") else {
        return Ok(());
    };
    for (index, route) in routes.iter().enumerate() {
        let Value::Table(route) = route else { continue };
        let path = format!("trigger.http[{index}]");
        only(&path, route, &["route", "component", "id"])?;
        if let Some(Value::Table(private)) = route.get("route") {
            only(&format!("{path}.route"), private, &["private"])?;
        }
    }
    Ok(())
}

fn check_component(path: &str, component: &Table) -> Result<(), LoadError> {
    only(path, component, COMPONENT)?;
    if table(component, "source").is_some() {
        return Err(LoadError::unsupported(
            format!("{path}.source"),
            "a component's source is the path of a file here; download it first",
        ));
    }
    if let Some(Value::Array(files)) = component.get("files") {
        for (index, entry) in files.iter().enumerate() {
            match entry {
                Value::Table(entry) => only(
                    &format!("{path}.files[{index}]"),
                    entry,
                    &["source", "destination"],
                )?,
                _ => {
                    return Err(LoadError::unsupported(
                        format!("{path}.files[{index}]"),
                        "write { source = \"folder\", destination = \"/\" }; patterns are not offered",
                    ));
                }
            }
        }
    }
    for (name, dependency) in tables(component, "dependencies") {
        only(&format!("{path}.dependencies.\"{name}\""), dependency, &["path"])?;
    }
    if let Some(Value::Table(dependencies)) = component.get("dependencies")
        && let Some((name, _)) = dependencies.iter().find(|(_, value)| !value.is_table())
    {
        return Err(LoadError::unsupported(
            format!("{path}.dependencies.\"{name}\""),
            "write { path = \"file.wasm\" }; registries are not offered",
        ));
    }
    Ok(())
}

fn only(path: &str, table: &Table, known: &[&str]) -> Result<(), LoadError> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let key = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            Err(LoadError::unsupported(
                key,
                format!("not offered by this host, which knows {}", known.join(", ")),
            ))
        }
    }
}

fn table<'a>(parent: &'a Table, key: &str) -> Option<&'a Table> {
    parent.get(key).and_then(Value::as_table)
}

fn tables<'a>(parent: &'a Table, key: &str) -> impl Iterator<Item = (&'a String, &'a Table)> {
    table(parent, key)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| value.as_table().map(|value| (name, value)))
}
