//! Holds every answer to `docs/openapi.yaml`: the path, the status and the body's shape must be described there.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::Path;

#[derive(Debug)]
pub struct Contract {
    document: Value,
}

impl Contract {
    pub fn load(path: &Path) -> Result<Contract> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Contract {
            document: serde_saphyr::from_str(&text)?,
        })
    }

    /// The document itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Checks one answer. Paths that the document does not know may only be answered by 404.
    pub fn hold(
        &self,
        method: &str,
        path: &str,
        status: u16,
        content_type: &str,
        body: &Value,
    ) -> Result<()> {
        let path = path.split('?').next().unwrap_or(path);
        let Some((template, operations)) = self.path(path) else {
            ensure!(
                status == 404,
                "{method} {path} answered {status} but is not in the contract"
            );
            return Ok(());
        };
        let Some(operation) = operations.get(method.to_lowercase()) else {
            ensure!(
                status == 405,
                "{method} {template} answered {status} but is not in the contract"
            );
            return Ok(());
        };
        let responses = &operation["responses"];
        let response = [
            status.to_string(),
            format!("{}XX", status / 100),
            "default".to_owned(),
        ]
        .iter()
        .find_map(|key| responses.get(key))
        .with_context(|| {
            format!("{method} {template} answered {status}, which the contract does not list")
        })?;
        let response = self.resolve(response)?;
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            return Ok(());
        };
        let media_type = content_type.split(';').next().unwrap_or_default();
        let media = content.get(media_type).with_context(|| {
            format!("{method} {template} {status} answered `{media_type}`, which the contract does not list")
        })?;
        if !media_type.ends_with("json") {
            return Ok(());
        }
        let schema = media.get("schema").cloned().unwrap_or_else(|| json!({}));
        self.validate(schema, body)
            .with_context(|| format!("{method} {path} {status}: {body}"))
    }

    fn validate(&self, schema: Value, body: &Value) -> Result<()> {
        // Local references point into the document's components.
        let whole = json!({"allOf": [schema], "components": self.document["components"]});
        let validator = jsonschema::validator_for(&whole)?;
        let errors: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            bail!("not as the contract says: {}", errors.join("; "))
        }
    }

    fn path(&self, path: &str) -> Option<(&str, &Value)> {
        let paths = self.document["paths"].as_object()?;
        let matching = |template: &str| {
            let (template, path) = (template.split('/'), path.split('/'));
            template.clone().count() == path.clone().count()
                && template
                    .zip(path)
                    .all(|(part, given)| part.starts_with('{') || part == given)
        };
        // A path without parameters wins: `/api/products/search` is not a product id.
        paths
            .get_key_value(path)
            .or_else(|| paths.iter().find(|(template, _)| matching(template)))
            .map(|(template, operations)| (template.as_str(), operations))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value> {
        match value.get("$ref").and_then(Value::as_str) {
            None => Ok(value),
            Some(reference) => {
                let pointer = reference
                    .strip_prefix('#')
                    .context("only local references are supported")?;
                self.document
                    .pointer(pointer)
                    .with_context(|| format!("{reference} leads nowhere"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn contract() -> Contract {
        let document = json!({
            "components": {"schemas": {"Order": {"type": "object", "required": ["orderNo"], "properties": {"orderNo": {"type": "string"}}}}},
            "paths": {"/orders/{orderNo}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}}}}}
        });
        Contract { document }
    }

    #[test]
    fn an_answer_as_described_passes() {
        assert!(
            contract()
                .hold(
                    "GET",
                    "/orders/7",
                    200,
                    "application/json",
                    &json!({"orderNo": "7"})
                )
                .is_ok()
        );
        assert!(
            contract()
                .hold("GET", "/elsewhere", 404, "application/problem+json", &json!({}))
                .is_ok()
        );
    }

    #[test]
    fn any_other_answer_is_refused() {
        let contract = contract();
        for (path, status, media, body) in [
            ("/orders/7", 200, "application/json", json!({"orderNo": 7})),
            ("/orders/7", 200, "application/json", json!({})),
            ("/orders/7", 200, "text/html", json!({"orderNo": "7"})),
            ("/orders/7", 418, "application/json", json!({"orderNo": "7"})),
            ("/elsewhere", 200, "application/json", json!({})),
        ] {
            assert!(
                contract.hold("GET", path, status, media, &body).is_err(),
                "{path} {status} {media} {body}"
            );
        }
    }
}
