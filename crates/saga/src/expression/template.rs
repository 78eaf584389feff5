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

impl Template {
    /// # Errors
    /// If a string in it, at any depth, should be an expression and is not.
    pub(crate) fn parse(json: &Value) -> Result<Self, ParseError> {
        Ok(match json {
            Value::String(text) if text.starts_with("$.") => Self::Expression(Expression::parse(text)?),
            Value::String(text) if text.starts_with("$Sequence.") => Self::Sequence,
            Value::Array(items) => Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            Value::Object(entries) => Self::Object(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Self::parse(value)?)))
                    .collect::<Result<_, _>>()?,
            ),
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
