//! What operators do with values.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::eval::{EvalError, MAX_STEPS};
use super::number;
use super::parser::Operator;

/// A member that is not there is null, and so is any member of null.
pub(super) fn look_up<'v>(of: &'v Value, key: &Value) -> Result<Option<&'v Value>, EvalError> {
    match (of, key) {
        (Value::Null, _) => Ok(None),
        (Value::Object(object), Value::String(key)) => Ok(object.get(key)),
        (Value::Object(object), Value::Number(key)) => Ok(object.get(&key.to_string())),
        (Value::Array(items), Value::Number(index)) => Ok(index
            .as_u64()
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| items.get(index))),
        (other, _) => Err(EvalError::Unfit {
            operator: "[ ]",
            operand: kind(other),
        }),
    }
}

pub(super) fn elements<'v>(of: &'v Value, operator: &'static str) -> Result<Option<&'v [Value]>, EvalError> {
    match of {
        Value::Array(items) => Ok(Some(items)),
        Value::Null => Ok(None),
        other => Err(EvalError::Unfit {
            operator,
            operand: kind(other),
        }),
    }
}

pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        // 1 == 1.0, which serde_json's own equality denies.
        (Value::Number(left), Value::Number(right)) => number::compare(left, right) == Some(Ordering::Equal),
        _ => left == right,
    }
}

/// Null is less than anything else, as in SpEL.
pub(super) fn order(operator: &'static str, left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            number::compare(left, right).ok_or(EvalError::OutOfRange)
        }
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (Value::Null, Value::Null) => Ok(Ordering::Equal),
        (Value::Null, _) => Ok(Ordering::Less),
        (_, Value::Null) => Ok(Ordering::Greater),
        (Value::Number(_) | Value::String(_), other) | (other, _) => Err(EvalError::Unfit {
            operator,
            operand: kind(other),
        }),
    }
}

pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null => Some(Cow::Borrowed("null")),
        Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(object) => object.len(),
        Value::String(text) => text.chars().count(),
        _ => 0,
    }
}

/// Roughly how much work copying or searching it is: counted as far as it matters.
pub(super) fn weight(value: &Value) -> usize {
    fn count(value: &Value, left: usize) -> usize {
        let mut total = 0;
        let mut add = |value: &Value| {
            total += 1 + if total < left {
                count(value, left - total)
            } else {
                0
            };
            total < left
        };
        match value {
            Value::String(text) => return text.len() / 64,
            Value::Array(items) => items.iter().all(&mut add),
            Value::Object(entries) => entries.values().all(&mut add),
            _ => return 0,
        };
        total
    }
    count(value, MAX_STEPS as usize + 1)
}

pub(super) fn spelling(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        _ => "%",
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
