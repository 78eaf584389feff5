//! JSON in which strings may be expressions: what `Input` and `Output` are made of.

use serde_json::{Map, Value};

use super::eval::{EvalError, Scope, truth};
use super::{Expression, ParseError};
use crate::step_id::StepId;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    Expression(Expression),
    /// `$Sequence.…`
    Sequence,
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// Why JSON is no template, and where in it.
#[derive(Debug)]
pub(crate) struct NoTemplate {
    /// Members and indices, from the whole to the text that is no expression: `.lines[1].id`.
    pub path: String,
    pub expression: String,
    pub error: ParseError,
}

impl NoTemplate {
    fn inside(self, step: &str) -> Self {
        let path = format!("{step}{}", self.path);
        Self { path, ..self }
    }
}

impl Template {
    /// # Errors
    /// If a string in it, at any depth, should be an expression and is not.
    pub(crate) fn parse(json: &Value) -> Result<Self, NoTemplate> {
        Ok(match json {
            Value::String(text) if text.starts_with("$.") => {
                Self::Expression(Expression::parse(text).map_err(|error| NoTemplate {
                    path: String::new(),
                    expression: text.clone(),
                    error,
                })?)
            }
            Value::String(text) if text.starts_with("$Sequence.") => Self::Sequence,
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items
                    .map(|(index, item)| Self::parse(item).map_err(|no| no.inside(&format!("[{index}]"))));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let value = Self::parse(value).map_err(|no| no.inside(&format!(".{key}")))?;
                    Ok((key.clone(), value))
                });
                Self::Object(entries.collect::<Result<_, _>>()?)
            }
            literal => Self::Literal(literal.clone()),
        })
    }

    /// The value, with keys generated from `step`, so that a replay generates the same ones.
    pub(crate) fn fill(&self, scope: &Scope<'_>, step: &StepId) -> Result<Value, EvalError> {
        self.fill_counting(scope, step, &mut 0)
    }

    fn fill_counting(
        &self,
        scope: &Scope<'_>,
        step: &StepId,
        generated: &mut u32,
    ) -> Result<Value, EvalError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.eval_in(scope),
            Self::Sequence => {
                *generated += 1;
                Ok(Value::String(format!("{step}-{generated}")))
            }
            Self::List(items) => {
                let values: Result<Vec<_>, _> = items
                    .iter()
                    .map(|item| item.fill_counting(scope, step, generated))
                    .collect();
                values.map(Value::Array)
            }
            Self::Object(entries) => {
                let mut object = Map::new();
                for (key, value) in entries {
                    object.insert(key.clone(), value.fill_counting(scope, step, generated)?);
                }
                Ok(Value::Object(object))
            }
        }
    }
}

/// Whether a condition holds.
pub(crate) fn is_truthy(condition: &Expression, scope: &Scope<'_>) -> Result<bool, EvalError> {
    truth(&condition.eval_in(scope)?)
}
