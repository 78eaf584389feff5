//! Reading typed values out of a definition's JSON, with the place in every error.

use serde_json::{Map, Value};

use super::error::{DefinitionError, Problem};
use crate::expression::{Expression, Template};

/// An object in a definition, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub machine: &'a str,
    pub state: Option<&'a str>,
    /// The path of the object inside its state, with a trailing dot; empty for the state itself.
    pub path: &'a str,
    pub object: &'a Map<String, Value>,
}

pub(super) type Read<T> = Result<T, DefinitionError>;

impl<'a> Reader<'a> {
    pub(super) fn refuse(&self, key: &str, problem: Problem) -> DefinitionError {
        DefinitionError {
            machine: self.machine.to_owned(),
            state: self.state.map(str::to_owned),
            key: Some(format!("{}{key}", self.path)),
            problem: Box::new(problem),
        }
    }

    /// A key that is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, key: &str) -> Read<Option<&'a str>> {
        self.typed(key, Value::as_str, "a string")
    }

    pub(super) fn required_text(&self, key: &str) -> Read<&'a str> {
        match self.text(key)? {
            Some("") => Err(self.refuse(key, Problem::Wrong("a string that is not empty"))),
            Some(text) => Ok(text),
            None => Err(self.refuse(key, Problem::Missing)),
        }
    }

    /// A name that may be absent; an empty one counts as absent, as the designer writes it.
    pub(super) fn name(&self, key: &str) -> Read<Option<String>> {
        Ok(self.text(key)?.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    pub(super) fn flag(&self, key: &str) -> Read<Option<bool>> {
        self.typed(key, Value::as_bool, "true or false")
    }

    pub(super) fn array(&self, key: &str) -> Read<&'a [Value]> {
        Ok(self
            .typed(key, Value::as_array, "a list")?
            .map_or(&[], Vec::as_slice))
    }

    pub(super) fn map(&self, key: &str) -> Read<Option<&'a Map<String, Value>>> {
        self.typed(key, Value::as_object, "an object")
    }

    /// A number that is not negative.
    pub(super) fn quantity(&self, key: &str) -> Read<Option<f64>> {
        self.typed(
            key,
            |value| value.as_f64().filter(|number| *number >= 0.0),
            "a number, 0 or more",
        )
    }

    pub(super) fn whole(&self, key: &str) -> Read<Option<u32>> {
        self.typed(
            key,
            |value| value.as_u64().and_then(|n| u32::try_from(n).ok()),
            "a whole number, 0 or more",
        )
    }

    fn typed<T>(
        &self,
        key: &str,
        read: impl Fn(&'a Value) -> Option<T>,
        expected: &'static str,
    ) -> Read<Option<T>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => read(value)
                .map(Some)
                .ok_or_else(|| self.refuse(key, Problem::Wrong(expected))),
        }
    }

    /// The object that stands at `key`, to be read with `path` in front of its keys.
    pub(super) fn inside<'b>(&self, object: &'b Value, path: &'b str) -> Read<Reader<'b>>
    where
        'a: 'b,
    {
        match object.as_object() {
            Some(object) => Ok(Reader {
                machine: self.machine,
                state: self.state,
                path,
                object,
            }),
            None => Err(self.refuse(path.trim_end_matches('.'), Problem::Wrong("an object"))),
        }
    }

    pub(super) fn expression(&self, key: &str, text: &str) -> Read<Expression> {
        Expression::parse(text).map_err(|error| {
            self.refuse(
                key,
                Problem::Expression {
                    expression: text.to_owned(),
                    error,
                },
            )
        })
    }

    pub(super) fn template(&self, key: &str, value: &Value) -> Read<Template> {
        Template::parse(value).map_err(|no| {
            let problem = Problem::Expression {
                expression: no.expression,
                error: no.error,
            };
            self.refuse(&format!("{key}{}", no.path), problem)
        })
    }
}
