//! The value of a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::number;
use super::parser::{Method, Node, Operator};

/// Most units of work for one evaluation: an operation, an element looked at, or 64 bytes of text made.
const MAX_STEPS: u32 = 100_000;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    #[error("`{operator}` cannot be applied to {operand}")]
    Unfit {
        operator: &'static str,
        operand: &'static str,
    },
    #[error("a number is out of range, or divided by zero")]
    OutOfRange,
    #[error("a condition must be true or false, not {0}")]
    NotACondition(&'static str),
    #[error("the expression takes more than {MAX_STEPS} steps")]
    TooLong,
}

/// What an expression sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'v> {
    /// `#root`; absent where there is no result: then it is the context.
    root: Option<&'v Value>,
    /// The element at hand inside `.?[…]` and `.![…]`.
    this: Option<&'v Value>,
    /// Variables that only this part of an instance sees.
    own: Option<&'v Map<String, Value>>,
    context: &'v Map<String, Value>,
}

impl<'v> Scope<'v> {
    pub(crate) fn of_context(context: &'v Map<String, Value>) -> Self {
        Self {
            root: None,
            this: None,
            own: None,
            context,
        }
    }

    pub(crate) fn of_result(root: &'v Value, context: &'v Map<String, Value>) -> Self {
        Self {
            root: Some(root),
            this: None,
            own: None,
            context,
        }
    }

    pub(crate) fn with(self, own: Option<&'v Map<String, Value>>) -> Self {
        Self { own, ..self }
    }

    /// A name means a member of the nearest thing that has it: the element, the result, the variables.
    fn variable(&self, name: &str) -> Option<&'v Value> {
        let member = |value: Option<&'v Value>| {
            value
                .and_then(Value::as_object)
                .and_then(|object| object.get(name))
        };
        member(self.this)
            .or_else(|| member(self.root))
            .or_else(|| self.own.and_then(|own| own.get(name)))
            .or_else(|| self.context.get(name))
    }
}

pub(super) fn evaluate(node: &Node, scope: &Scope<'_>) -> Result<Value, EvalError> {
    let steps = Cell::new(0);
    Evaluation { steps: &steps }
        .eval(node, *scope)
        .map(Cow::into_owned)
}

/// What a condition amounts to. `null`, the value of a variable that is not set, is not true.
///
/// # Errors
/// If it is neither true, false nor null.
pub(super) fn truth(value: &Value) -> Result<bool, EvalError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Null => Ok(false),
        other => Err(EvalError::NotACondition(kind(other))),
    }
}

struct Evaluation<'s> {
    steps: &'s Cell<u32>,
}

impl Evaluation<'_> {
    fn charge(&self, units: usize) -> Result<(), EvalError> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let total = self.steps.get().saturating_add(units);
        self.steps.set(total);
        if total > MAX_STEPS {
            Err(EvalError::TooLong)
        } else {
            Ok(())
        }
    }

    fn eval<'v>(&self, node: &'v Node, scope: Scope<'v>) -> Result<Cow<'v, Value>, EvalError> {
        self.charge(1)?;
        let value = match node {
            Node::Literal(value) => return Ok(Cow::Borrowed(value)),
            Node::Root => return self.root(scope),
            Node::This => match scope.this {
                Some(this) => return Ok(Cow::Borrowed(this)),
                None => return self.root(scope),
            },
            Node::Variable(name) => {
                return Ok(scope
                    .variable(name)
                    .map_or(Cow::Owned(Value::Null), Cow::Borrowed));
            }
            Node::RootMember(key) => return self.member(self.root(scope)?, key, scope),
            Node::Member { of, key } => return self.member(self.eval(of, scope)?, key, scope),
            Node::Call { of, method, argument } => {
                let of = self.eval(of, scope)?;
                let argument = match argument {
                    Some(argument) => self.eval(argument, scope)?,
                    None => Cow::Owned(Value::Null),
                };
                self.call(&of, *method, &argument)?
            }
            Node::Select { of, condition } => {
                let of = self.eval(of, scope)?;
                self.select(&of, condition, scope)?
            }
            Node::Project { of, each } => {
                let of = self.eval(of, scope)?;
                self.project(&of, each, scope)?
            }
            Node::Not(inner) => Value::Bool(!truth(self.eval(inner, scope)?.as_ref())?),
            Node::Negate(inner) => match self.eval(inner, scope)?.as_ref() {
                Value::Number(number) => number::negate(number)?,
                other => {
                    return Err(EvalError::Unfit {
                        operator: "-",
                        operand: kind(other),
                    });
                }
            },
            Node::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right, scope)?,
            Node::Conditional {
                condition,
                then,
                otherwise,
            } => {
                let chosen = if truth(self.eval(condition, scope)?.as_ref())? {
                    then
                } else {
                    otherwise
                };
                return self.eval(chosen, scope);
            }
            Node::Elvis { value, otherwise } => {
                let value = self.eval(value, scope)?;
                let absent = matches!(value.as_ref(), Value::Null) || value.as_str() == Some("");
                return if absent {
                    self.eval(otherwise, scope)
                } else {
                    Ok(value)
                };
            }
            Node::List(items) => {
                let values: Result<Vec<_>, _> = items.iter().map(|item| self.owned(item, scope)).collect();
                Value::Array(values?)
            }
            Node::Object(entries) => {
                let mut object = Map::new();
                for (key, value) in entries {
                    object.insert(key.clone(), self.owned(value, scope)?);
                }
                Value::Object(object)
            }
        };
        Ok(Cow::Owned(value))
    }

    fn owned(&self, node: &Node, scope: Scope<'_>) -> Result<Value, EvalError> {
        let value = self.eval(node, scope)?;
        self.charge(weight(&value))?;
        Ok(value.into_owned())
    }

    fn root<'v>(&self, scope: Scope<'v>) -> Result<Cow<'v, Value>, EvalError> {
        match scope.root {
            Some(root) => Ok(Cow::Borrowed(root)),
            None => {
                let all = scope.context.iter().chain(scope.own.into_iter().flatten());
                let mut variables = Map::new();
                for (name, value) in all {
                    self.charge(1 + weight(value))?;
                    variables.insert(name.clone(), value.clone());
                }
                Ok(Cow::Owned(Value::Object(variables)))
            }
        }
    }

    fn member<'v>(
        &self,
        of: Cow<'v, Value>,
        key: &'v Node,
        scope: Scope<'v>,
    ) -> Result<Cow<'v, Value>, EvalError> {
        let key = self.eval(key, scope)?;
        match of {
            Cow::Borrowed(of) => Ok(look_up(of, &key)?.map_or(Cow::Owned(Value::Null), Cow::Borrowed)),
            Cow::Owned(of) => Ok(Cow::Owned(look_up(&of, &key)?.cloned().unwrap_or(Value::Null))),
        }
    }

    fn call(&self, of: &Value, method: Method, argument: &Value) -> Result<Value, EvalError> {
        let unfit = |operator| EvalError::Unfit {
            operator,
            operand: kind(of),
        };
        self.charge(weight(of))?;
        Ok(match (method, of) {
            (Method::Size, Value::Array(_) | Value::Object(_))
            | (Method::Length, Value::String(_) | Value::Array(_)) => Value::from(length(of)),
            (Method::Size, _) => return Err(unfit("size()")),
            (Method::Length, _) => return Err(unfit("length()")),
            (Method::IsEmpty, Value::Array(_) | Value::Object(_) | Value::String(_)) => {
                Value::Bool(length(of) == 0)
            }
            (Method::IsEmpty, _) => return Err(unfit("isEmpty()")),
            (Method::Contains, Value::Array(items)) => {
                Value::Bool(items.iter().any(|item| equal(item, argument)))
            }
            (Method::Contains, Value::String(text)) => {
                Value::Bool(argument.as_str().is_some_and(|part| text.contains(part)))
            }
            (Method::Contains, _) => return Err(unfit("contains()")),
            (Method::ContainsKey, Value::Object(object)) => {
                Value::Bool(argument.as_str().is_some_and(|key| object.contains_key(key)))
            }
            (Method::ContainsKey, _) => return Err(unfit("containsKey()")),
            (Method::StartsWith, Value::String(text)) => {
                Value::Bool(argument.as_str().is_some_and(|part| text.starts_with(part)))
            }
            (Method::StartsWith, _) => return Err(unfit("startsWith()")),
            (Method::EndsWith, Value::String(text)) => {
                Value::Bool(argument.as_str().is_some_and(|part| text.ends_with(part)))
            }
            (Method::EndsWith, _) => return Err(unfit("endsWith()")),
            (Method::Equals, _) => Value::Bool(equal(of, argument)),
        })
    }

    fn select(&self, of: &Value, condition: &Node, scope: Scope<'_>) -> Result<Value, EvalError> {
        let Some(items) = elements(of, ".?[ ]")? else {
            return Ok(Value::Null);
        };
        let mut kept = Vec::new();
        for item in items {
            let inner = Scope {
                this: Some(item),
                ..scope
            };
            if truth(self.eval(condition, inner)?.as_ref())? {
                self.charge(weight(item))?;
                kept.push(item.clone());
            }
        }
        Ok(Value::Array(kept))
    }

    fn project(&self, of: &Value, each: &Node, scope: Scope<'_>) -> Result<Value, EvalError> {
        let Some(items) = elements(of, ".![ ]")? else {
            return Ok(Value::Null);
        };
        let values: Result<Vec<_>, _> = items
            .iter()
            .map(|item| {
                self.owned(
                    each,
                    Scope {
                        this: Some(item),
                        ..scope
                    },
                )
            })
            .collect();
        values.map(Value::Array)
    }

    fn binary(
        &self,
        operator: Operator,
        left: &Node,
        right: &Node,
        scope: Scope<'_>,
    ) -> Result<Value, EvalError> {
        let left = self.eval(left, scope)?;
        // The second operand of these two is looked at only if the first leaves it open.
        if let Operator::And | Operator::Or = operator {
            let decided = truth(&left)?;
            if decided == (operator == Operator::Or) {
                return Ok(Value::Bool(decided));
            }
            return Ok(Value::Bool(truth(self.eval(right, scope)?.as_ref())?));
        }
        let right = self.eval(right, scope)?;
        self.charge(weight(&left) + weight(&right))?;
        let ordered =
            |name, accepts: fn(Ordering) -> bool| order(name, &left, &right).map(|o| Value::Bool(accepts(o)));
        match operator {
            Operator::Equal => Ok(Value::Bool(equal(&left, &right))),
            Operator::NotEqual => Ok(Value::Bool(!equal(&left, &right))),
            Operator::Less => ordered("<", Ordering::is_lt),
            Operator::LessOrEqual => ordered("<=", Ordering::is_le),
            Operator::Greater => ordered(">", Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(">=", Ordering::is_ge),
            _ => match (left.as_ref(), right.as_ref()) {
                (Value::Number(left), Value::Number(right)) => number::arithmetic(operator, left, right),
                (Value::String(_), other) | (other, Value::String(_)) if operator == Operator::Add => {
                    let (Some(left), Some(right)) = (text(&left), text(&right)) else {
                        return Err(EvalError::Unfit {
                            operator: "+",
                            operand: kind(other),
                        });
                    };
                    Ok(Value::String(format!("{left}{right}")))
                }
                (Value::Number(_), other) | (other, _) => Err(EvalError::Unfit {
                    operator: spelling(operator),
                    operand: kind(other),
                }),
            },
        }
    }
}

/// A member that is not there is null, and so is any member of null.
fn look_up<'v>(of: &'v Value, key: &Value) -> Result<Option<&'v Value>, EvalError> {
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

fn elements<'v>(of: &'v Value, operator: &'static str) -> Result<Option<&'v [Value]>, EvalError> {
    match of {
        Value::Array(items) => Ok(Some(items)),
        Value::Null => Ok(None),
        other => Err(EvalError::Unfit {
            operator,
            operand: kind(other),
        }),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        // 1 == 1.0, which serde_json's own equality denies.
        (Value::Number(left), Value::Number(right)) => number::compare(left, right) == Some(Ordering::Equal),
        _ => left == right,
    }
}

/// Null is less than anything else, as in SpEL.
fn order(operator: &'static str, left: &Value, right: &Value) -> Result<Ordering, EvalError> {
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

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null => Some(Cow::Borrowed("null")),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(object) => object.len(),
        Value::String(text) => text.chars().count(),
        _ => 0,
    }
}

/// Roughly how much work copying or searching it is: counted as far as it matters.
fn weight(value: &Value) -> usize {
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

fn spelling(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        _ => "%",
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
