//! Holds every event to `docs/asyncapi.yaml`: its topic, its type, its headers and its data.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};

#[derive(Debug)]
pub struct EventContract {
    document: Value,
}

impl EventContract {
    pub fn load(path: &Path) -> Result<EventContract> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(EventContract {
            document: serde_saphyr::from_str(&text)?,
        })
    }

    /// Each type of event with its topic.
    pub fn types(&self) -> Result<BTreeSet<(String, String)>> {
        let channels = self.document["channels"].as_object().context("channels")?;
        let mut types = BTreeSet::new();
        for channel in channels.values() {
            let address = channel["address"].as_str().context("a channel's address")?;
            for name in channel["messages"]
                .as_object()
                .context("a channel's messages")?
                .keys()
            {
                let named = &self.message(name)?["name"];
                ensure!(named == name, "message {name} is named {named}");
                types.insert((name.clone(), address.to_owned()));
            }
        }
        Ok(types)
    }

    /// The names of the headers, and those that every message has.
    pub fn headers(&self) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let schema = &self.document["components"]["schemas"]["Headers"];
        let names = schema["properties"].as_object().context("Headers")?;
        let required = schema["required"].as_array().context("Headers")?;
        let required = required.iter().filter_map(Value::as_str).map(str::to_owned);
        Ok((names.keys().cloned().collect(), required.collect()))
    }

    /// Checks one event's data, and that its topic is the one of its type.
    pub fn hold(&self, topic: &str, kind: &str, data: &Value) -> Result<()> {
        ensure!(
            self.types()?.contains(&(kind.to_owned(), topic.to_owned())),
            "{kind} on {topic} is not in the contract"
        );
        self.validate(&self.message(kind)?["payload"], data)
            .with_context(|| format!("{kind}: {data}"))
    }

    /// Checks one message's headers.
    pub fn hold_headers(&self, headers: &Value) -> Result<()> {
        self.validate(&json!({"$ref": "#/components/schemas/Headers"}), headers)
            .with_context(|| format!("headers: {headers}"))
    }

    fn message(&self, name: &str) -> Result<&Value> {
        self.document["components"]["messages"]
            .get(name)
            .with_context(|| format!("no message {name}"))
    }

    fn validate(&self, schema: &Value, value: &Value) -> Result<()> {
        // Local references point into the document's components.
        let whole = json!({"allOf": [schema], "components": self.document["components"]});
        let validator = jsonschema::validator_for(&whole)?;
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            bail!("not as the contract says: {}", errors.join("; "))
        }
    }
}
