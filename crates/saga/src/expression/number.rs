//! Arithmetic on JSON numbers: whole numbers stay whole and are checked, as money must be.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::eval::EvalError;
use super::parser::Operator;

#[derive(Clone, Copy)]
enum Either {
    Whole(i64),
    Real(f64),
}

fn either(number: &Number) -> Either {
    match number.as_i64() {
        Some(whole) => Either::Whole(whole),
        None => Either::Real(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn real(number: Either) -> f64 {
    match number {
        // Beyond 2^53 a comparison with a fraction is inexact, as in Java.
        #[allow(clippy::cast_precision_loss)]
        Either::Whole(whole) => whole as f64,
        Either::Real(real) => real,
    }
}

pub(super) fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (either(left), either(right)) {
        (Either::Whole(left), Either::Whole(right)) => Some(left.cmp(&right)),
        (left, right) => real(left).partial_cmp(&real(right)),
    }
}

pub(super) fn negate(number: &Number) -> Result<Value, EvalError> {
    arithmetic(Operator::Subtract, &Number::from(0), number)
}

/// # Errors
/// If the result does not fit 64 bits or a divisor is zero.
pub(super) fn arithmetic(operator: Operator, left: &Number, right: &Number) -> Result<Value, EvalError> {
    let number = match (either(left), either(right)) {
        (Either::Whole(left), Either::Whole(right)) => {
            let whole = match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Divide => left.checked_div(right),
                _ => left.checked_rem(right),
            };
            whole.map(Number::from)
        }
        (left, right) => {
            let (left, right) = (real(left), real(right));
            Number::from_f64(match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide => left / right,
                _ => left % right,
            })
        }
    };
    number.map(Value::Number).ok_or(EvalError::OutOfRange)
}
