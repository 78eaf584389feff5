//! `spin.toml`, as far as this host implements it: parsed, checked and typed. What it does not implement it refuses.

mod schema;

use crate::error::LoadError;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// A checked manifest.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    spin_manifest_version: u32,
    pub application: Application,
    #[serde(default)]
    pub variables: BTreeMap<String, VariableDeclaration>,
    #[serde(default)]
    pub trigger: Triggers,
    #[serde(default)]
    pub component: BTreeMap<String, ComponentDeclaration>,
    /// The manifest's folder, from which its relative paths start.
    #[serde(skip)]
    pub folder: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Application {
    pub name: String,
}

/// An application variable.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct VariableDeclaration {
    pub default: Option<String>,
    /// No default: loading fails if nothing sets it.
    #[serde(default)]
    pub required: bool,
    /// Never shown in logs or by `kessai config`.
    #[serde(default)]
    pub secret: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Triggers {
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct HttpTrigger {
    pub route: RouteDeclaration,
    pub component: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum RouteDeclaration {
    /// `/exact`, `/with/:param`, `/prefix/...`
    Public(String),
    /// Reached by other components only, as `http://<component>.spin.internal`.
    Private { private: bool },
}

#[derive(Clone, Debug, Deserialize)]
pub struct ComponentDeclaration {
    pub source: PathBuf,
    #[serde(default)]
    pub files: Vec<FileMount>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    #[serde(default)]
    pub dependencies_inherit_configuration: bool,
    #[serde(default)]
    pub dependencies: BTreeMap<String, Dependency>,
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// A folder that the component sees, read-only.
#[derive(Clone, Debug, Deserialize)]
pub struct FileMount {
    pub source: PathBuf,
    /// Absolute path inside the component.
    pub destination: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    pub path: PathBuf,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    ///
    /// [`LoadError::Io`], [`LoadError::Syntax`], [`LoadError::Unsupported`] or [`LoadError::Invalid`], each with the key.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::Io {
            path: path.to_owned(),
            source,
        })?;
        let mut manifest = Self::parse(&text).map_err(|error| match error {
            LoadError::Syntax { message, .. } => LoadError::Syntax {
                path: path.to_owned(),
                message,
            },
            other => other,
        })?;
        manifest.folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(manifest)
    }

    /// Checks a manifest's text.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        let syntax = |error: toml::de::Error| LoadError::Syntax {
            path: PathBuf::from("spin.toml"),
            message: error.to_string(),
        };
        schema::check(&text.parse::<toml::Table>().map_err(syntax)?)?;
        let manifest: Self = toml::from_str(text).map_err(syntax)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// A path of the manifest, from the current folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Every database that some component may open.
    pub fn databases(&self) -> BTreeSet<&str> {
        self.component
            .values()
            .flat_map(|component| &component.sqlite_databases)
            .map(String::as_str)
            .collect()
    }

    fn check(&self) -> Result<(), LoadError> {
        if self.spin_manifest_version != 2 {
            return Err(LoadError::unsupported("spin_manifest_version", "only version 2"));
        }
        for (name, variable) in &self.variables {
            let key = format!("variables.{name}");
            if !is_variable_name(name) {
                return Err(LoadError::invalid(
                    key,
                    "lower-case letters, digits and `_`, a letter first",
                ));
            }
            if variable.required == variable.default.is_some() {
                return Err(LoadError::invalid(
                    key,
                    "give either a default or `required = true`",
                ));
            }
        }
        for (index, trigger) in self.trigger.http.iter().enumerate() {
            if !self.component.contains_key(&trigger.component) {
                return Err(LoadError::invalid(
                    format!("trigger.http[{index}].component"),
                    format!("there is no component `{}`", trigger.component),
                ));
            }
            if matches!(trigger.route, RouteDeclaration::Private { private: false }) {
                return Err(LoadError::invalid(
                    format!("trigger.http[{index}].route.private"),
                    "a route is a path or { private = true }",
                ));
            }
        }
        self.component
            .iter()
            .try_for_each(|(name, component)| component.check(name))
    }
}

impl ComponentDeclaration {
    fn check(&self, name: &str) -> Result<(), LoadError> {
        let key = |field: &str| format!("component.{name}.{field}");
        if !self.dependencies.is_empty() && !self.dependencies_inherit_configuration {
            return Err(LoadError::unsupported(
                key("dependencies_inherit_configuration"),
                "must be true: this host gives a dependency what its component has, or nothing to compose",
            ));
        }
        for database in &self.sqlite_databases {
            // The name becomes a file's name.
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if database.is_empty() || !database.chars().all(plain) {
                return Err(LoadError::invalid(
                    key("sqlite_databases"),
                    format!("`{database}`: letters, digits, `_` and `-` only"),
                ));
            }
        }
        for (index, mount) in self.files.iter().enumerate() {
            if !mount.destination.starts_with('/') {
                return Err(LoadError::invalid(
                    key(&format!("files[{index}].destination")),
                    "an absolute path",
                ));
            }
        }
        for variable in self.variables.keys() {
            if !is_variable_name(variable) {
                return Err(LoadError::invalid(
                    key(&format!("variables.{variable}")),
                    "lower-case letters, digits and `_`, a letter first",
                ));
            }
        }
        Ok(())
    }
}

/// Spin's rule for the names of variables.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
