//! The manifest's variables, and where each value comes from.

use anyhow::{Context, Result, bail};
use kessai_ops::{
    Databases,
    mysql::{MySqlServer, MySqlSettings},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

const PREFIX: &str = "SPIN_VARIABLE_";

/// Who set a variable, strongest first: the host applies the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Environment,
    DotEnv,
    /// Worked out from this process's addresses.
    Derived,
    Default,
    /// Required, and set by nobody.
    Missing,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Source::Environment => "environment",
            Source::DotEnv => ".env",
            Source::Derived => "derived",
            Source::Default => "default",
            Source::Missing => "MISSING",
        }
    }

    /// Whether a person said so, here or in `.env`.
    pub(crate) fn is_by_user(self) -> bool {
        matches!(self, Source::Environment | Source::DotEnv)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) source: Source,
    pub(crate) secret: bool,
}

/// Every variable of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct Settings(Vec<Setting>);

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    variables: BTreeMap<String, Declaration>,
}

#[derive(Deserialize)]
struct Declaration {
    default: Option<String>,
    #[serde(default)]
    secret: bool,
}

impl Settings {
    /// Reads the manifest, `.env` beside it and this process's environment.
    pub(crate) fn read(manifest: &Path) -> Result<Settings> {
        let text = std::fs::read_to_string(manifest).with_context(|| {
            format!(
                "the manifest {} cannot be read: run from the project's folder, or use --manifest",
                manifest.display()
            )
        })?;
        let dotenv = manifest.with_file_name(".env");
        let dotenv = if dotenv.is_file() {
            dotenvy::from_path_iter(&dotenv)
                .and_then(Iterator::collect)
                .with_context(|| format!("{} cannot be read", dotenv.display()))?
        } else {
            HashMap::new()
        };
        Settings::resolve(&text, &dotenv, |key| std::env::var(key).ok())
            .with_context(|| format!("{} is not a manifest", manifest.display()))
    }

    fn resolve(
        manifest: &str,
        dotenv: &HashMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings> {
        let manifest: Manifest = toml::from_str(manifest)?;
        let resolve = |(name, declaration): (String, Declaration)| {
            let key = format!("{PREFIX}{}", name.to_ascii_uppercase());
            let (value, source) = if let Some(value) = environment(&key) {
                (value, Source::Environment)
            } else if let Some(value) = dotenv.get(&key) {
                (value.clone(), Source::DotEnv)
            } else if let Some(value) = declaration.default {
                (value, Source::Default)
            } else {
                (String::new(), Source::Missing)
            };
            Setting {
                name,
                value,
                source,
                secret: declaration.secret,
            }
        };
        Ok(Settings(manifest.variables.into_iter().map(resolve).collect()))
    }

    /// Sets a variable unless a person did.
    pub(crate) fn derive(&mut self, name: &str, value: String) {
        if let Some(setting) = self
            .0
            .iter_mut()
            .find(|setting| setting.name == name && !setting.source.is_by_user())
            && setting.value != value
        {
            setting.value = value;
            setting.source = Source::Derived;
        }
    }

    /// A variable that the worker itself needs.
    pub(crate) fn get(&self, name: &str) -> Result<&Setting> {
        self.0
            .iter()
            .find(|setting| setting.name == name)
            .with_context(|| format!("the manifest declares no variable `{name}`"))
    }

    pub(crate) fn value(&self, name: &str) -> Result<&str> {
        Ok(&self.get(name)?.value)
    }

    /// Where the databases are; `data` is where the files would be.
    pub(crate) fn databases(&self, data: &Path) -> Result<Databases> {
        match self.value("database")? {
            "sqlite" => Ok(Databases::Sqlite(data.to_owned())),
            "mysql" => Ok(Databases::MySql(MySqlServer::new(MySqlSettings {
                address: self.value("mysql_address")?,
                user: self.value("mysql_user")?,
                password: self.value("mysql_password")?,
                schema_prefix: self.value("mysql_schema_prefix")?,
                parameters: self.value("mysql_parameters")?,
            })?)),
            other => bail!("the variable `database` is `{other}`: sqlite or mysql"),
        }
    }

    /// What the host must be told beyond what it reads itself.
    pub(crate) fn overrides(&self) -> BTreeMap<String, String> {
        let derived = self.0.iter().filter(|setting| setting.source == Source::Derived);
        derived
            .map(|setting| (setting.name.clone(), setting.value.clone()))
            .collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MANIFEST: &str = r#"
        [variables]
        a = { default = "manifest" }
        b = { default = "manifest", secret = true }
        c = { required = true }
        d = { default = "manifest" }
    "#;

    pub(crate) fn settings(manifest: &str, environment: &[(&str, &str)]) -> Settings {
        let environment: HashMap<&str, &str> = environment.iter().copied().collect();
        let dotenv = HashMap::from([("SPIN_VARIABLE_B".to_owned(), "dotenv".to_owned())]);
        Settings::resolve(manifest, &dotenv, |key| {
            environment.get(key).map(|value| (*value).to_owned())
        })
        .unwrap()
    }

    #[test]
    fn a_person_s_word_beats_what_is_derived_and_that_beats_the_default() {
        let mut settings = settings(MANIFEST, &[("SPIN_VARIABLE_A", "environment")]);
        for name in ["a", "b", "d"] {
            settings.derive(name, "derived".into());
        }
        let seen: Vec<(&str, &str, Source)> = settings
            .iter()
            .map(|setting| (setting.name.as_str(), setting.value.as_str(), setting.source))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "environment", Source::Environment),
                ("b", "dotenv", Source::DotEnv),
                ("c", "", Source::Missing),
                ("d", "derived", Source::Derived),
            ]
        );
        assert_eq!(
            settings.overrides(),
            BTreeMap::from([("d".to_owned(), "derived".to_owned())])
        );
        assert!(settings.get("b").unwrap().secret);
        assert!(settings.get("e").is_err());
    }
}
