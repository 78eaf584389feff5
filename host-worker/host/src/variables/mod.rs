//! Application variables: where their values come from, and the templates that hand them to components.
//!
//! The first that has a value wins: `SPIN_VARIABLE_<NAME>` in the environment, the same name in `.env` beside the manifest,
//! the host's overrides, the manifest's default.

pub(crate) mod host;

use crate::{error::LoadError, manifest::Manifest};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

const PREFIX: &str = "SPIN_VARIABLE_";

/// The application's variables with their values. `Debug` hides secrets.
#[derive(Clone)]
pub(crate) struct Variables {
    values: BTreeMap<String, Variable>,
}

#[derive(Clone)]
struct Variable {
    value: String,
    secret: bool,
}

impl Variables {
    /// Resolves every variable of the manifest.
    ///
    /// # Errors
    ///
    /// [`LoadError::Variable`] for a required variable that nothing sets, or an override of an unknown one;
    /// [`LoadError::Syntax`] for a `.env` that cannot be read.
    pub(crate) fn resolve(
        manifest: &Manifest,
        overrides: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, LoadError> {
        if let Some(name) = overrides
            .keys()
            .find(|name| !manifest.variables.contains_key(*name))
        {
            return Err(LoadError::Variable {
                name: name.clone(),
                reason: "set as an override, but the manifest declares no such variable".to_owned(),
            });
        }
        let dotenv = read_dotenv(manifest)?;
        let mut values = BTreeMap::new();
        for (name, declaration) in &manifest.variables {
            let key = format!("{PREFIX}{}", name.to_ascii_uppercase());
            let value = environment(&key)
                .or_else(|| dotenv.get(&key).cloned())
                .or_else(|| overrides.get(name).cloned())
                .or_else(|| declaration.default.clone())
                .ok_or_else(|| LoadError::Variable {
                    name: name.clone(),
                    reason: format!("required: set {key} in the environment or in `.env`"),
                })?;
            values.insert(
                name.clone(),
                Variable {
                    value,
                    secret: declaration.secret,
                },
            );
        }
        Ok(Self { values })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|variable| variable.value.as_str())
    }

    /// Replaces each `{{ name }}` of a template; `key` is where the template stands in the manifest.
    pub(crate) fn expand(&self, key: &str, template: &str) -> Result<String, LoadError> {
        let mut expanded = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, tail)) = after.split_once("}}") else {
                return Err(LoadError::invalid(key, "`{{` without `}}`"));
            };
            let name = name.trim();
            let value = self
                .get(name)
                .ok_or_else(|| LoadError::invalid(key, format!("there is no variable `{name}`")))?;
            expanded.push_str(before);
            expanded.push_str(value);
            rest = tail;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// What one component sees through `spin:variables`.
    pub(crate) fn of_component(
        &self,
        component: &str,
        templates: &BTreeMap<String, String>,
    ) -> Result<HashMap<String, String>, LoadError> {
        templates
            .iter()
            .map(|(name, template)| {
                let value = self.expand(&format!("component.{component}.variables.{name}"), template)?;
                Ok((name.clone(), value))
            })
            .collect()
    }
}

fn read_dotenv(manifest: &Manifest) -> Result<HashMap<String, String>, LoadError> {
    let path = manifest.folder.join(".env");
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    // Read without touching the process's environment: other threads may be reading it.
    dotenvy::from_path_iter(&path)
        .and_then(|lines| lines.collect::<Result<_, _>>())
        .map_err(|error| LoadError::Syntax {
            path,
            message: error.to_string(),
        })
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.iter().map(|(name, variable)| {
            (
                name,
                if variable.secret {
                    "<secret>"
                } else {
                    variable.value.as_str()
                },
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MANIFEST: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "a"
        [variables]
        address = { default = "http://default" }
        password = { default = "hunter2", secret = true }
    "#;

    fn resolve(
        dotenv: Option<&str>,
        overrides: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> Result<Variables, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(dotenv) = dotenv {
            std::fs::write(folder.path().join(".env"), dotenv).unwrap();
        }
        let mut manifest = Manifest::parse(MANIFEST).unwrap();
        manifest.folder = folder.path().to_owned();
        let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let environment = owned(environment);
        Variables::resolve(&manifest, &owned(overrides), |key| environment.get(key).cloned())
    }

    #[test]
    fn the_environment_beats_dotenv_beats_overrides_beats_the_default() {
        let dotenv = Some("SPIN_VARIABLE_ADDRESS=http://dotenv\n");
        let overrides: &[(&str, &str)] = &[("address", "http://override")];
        let environment: &[(&str, &str)] = &[("SPIN_VARIABLE_ADDRESS", "http://environment")];
        for (dotenv, overrides, environment, expected) in [
            (None, &[][..], &[][..], "http://default"),
            (None, overrides, &[][..], "http://override"),
            (dotenv, overrides, &[][..], "http://dotenv"),
            (dotenv, overrides, environment, "http://environment"),
        ] {
            let variables = resolve(dotenv, overrides, environment).unwrap();
            assert_eq!(variables.get("address"), Some(expected));
        }
    }

    #[test]
    fn a_required_variable_without_a_value_names_what_to_set() {
        let text = MANIFEST.replace(r#"default = "http://default""#, "required = true");
        let manifest = Manifest::parse(&text).unwrap();
        let error = Variables::resolve(&manifest, &BTreeMap::new(), |_| None).unwrap_err();
        assert!(error.to_string().contains("SPIN_VARIABLE_ADDRESS"), "{error}");
    }

    #[test]
    fn an_override_of_an_unknown_variable_is_refused() {
        assert!(
            matches!(resolve(None, &[("adress", "x")], &[]), Err(LoadError::Variable { name, .. }) if name == "adress")
        );
    }

    #[test]
    fn templates_take_any_number_of_variables_and_spaces() {
        let variables = resolve(None, &[], &[]).unwrap();
        let expand = |template| variables.expand("k", template);
        assert_eq!(expand("plain").unwrap(), "plain");
        assert_eq!(
            expand("{{address}}/x?p={{  password }}").unwrap(),
            "http://default/x?p=hunter2"
        );
        assert!(matches!(expand("{{ nothing }}"), Err(LoadError::Invalid { key, .. }) if key == "k"));
        assert!(matches!(expand("{{ address"), Err(LoadError::Invalid { .. })));
    }

    #[test]
    fn debug_output_hides_secrets() {
        let shown = format!("{:?}", resolve(None, &[], &[]).unwrap());
        assert!(
            shown.contains("http://default") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
