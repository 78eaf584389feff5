//! The value of a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::number;
use super::parser::{Method, Node, Operator};
use super::values::{elements, equal, kind, length, look_up, order, spelling, text, weight};

/// Most units of work for one evaluation: an operation, an element looked at, or 64 bytes of text made.
pub(super) const MAX_STEPS: u32 = 100_000;

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

    /// A chain of operators or members is walked, not recursed into: only brackets take stack.
    fn eval<'v>(&self, node: &'v Node, scope: Scope<'v>) -> Result<Cow<'v, Value>, EvalError> {
        let mut chain = Vec::new();
        let mut first = node;
        while let Node::Member { of: inner, .. }
        | Node::Call { of: inner, .. }
        | Node::Select { of: inner, .. }
        | Node::Project { of: inner, .. }
        | Node::Binary { left: inner, .. } = first
        {
            self.charge(1)?;
            chain.push(first);
            first = inner;
        }
        let mut value = self.eval_first(first, scope)?;
        while let Some(link) = chain.pop() {
            value = self.eval_link(link, value, scope)?;
        }
        Ok(value)
    }

    /// What is done to the value before it in a chain.
    fn eval_link<'v>(
        &self,
        link: &'v Node,
        of: Cow<'v, Value>,
        scope: Scope<'v>,
    ) -> Result<Cow<'v, Value>, EvalError> {
        let value = match link {
            Node::Member { key, .. } => return self.member(of, key, scope),
            Node::Call { method, argument, .. } => {
                let argument = match argument {
                    Some(argument) => self.eval(argument, scope)?,
                    None => Cow::Owned(Value::Null),
                };
                self.call(&of, *method, &argument)?
            }
            Node::Select { condition, .. } => self.select(&of, condition, scope)?,
            Node::Project { each, .. } => self.project(&of, each, scope)?,
            Node::Binary { operator, right, .. } => self.binary(*operator, &of, right, scope)?,
            _ => return self.eval_first(link, scope),
        };
        Ok(Cow::Owned(value))
    }

    /// What begins a chain.
    fn eval_first<'v>(&self, node: &'v Node, scope: Scope<'v>) -> Result<Cow<'v, Value>, EvalError> {
        self.charge(1)?;
        match node {
            Node::Literal(value) => Ok(Cow::Borrowed(value)),
            Node::Root => self.root(scope),
            Node::This => match scope.this {
                Some(this) => Ok(Cow::Borrowed(this)),
                None => self.root(scope),
            },
            Node::Variable(name) => {
                let value = scope.variable(name);
                Ok(value.map_or(Cow::Owned(Value::Null), Cow::Borrowed))
            }
            Node::RootMember(key) => self.member(self.root(scope)?, key, scope),
            Node::Not(inner) => {
                let truth = truth(self.eval(inner, scope)?.as_ref())?;
                Ok(Cow::Owned(Value::Bool(!truth)))
            }
            Node::Negate(inner) => self.negate(inner, scope).map(Cow::Owned),
            Node::Conditional {
                condition,
                then,
                otherwise,
            } => {
                let holds = truth(self.eval(condition, scope)?.as_ref())?;
                self.eval(if holds { then } else { otherwise }, scope)
            }
            Node::Elvis { value, otherwise } => {
                let value = self.eval(value, scope)?;
                let absent = matches!(value.as_ref(), Value::Null) || value.as_str() == Some("");
                if absent {
                    self.eval(otherwise, scope)
                } else {
                    Ok(value)
                }
            }
            Node::List(items) => {
                let values: Result<Vec<_>, _> = items.iter().map(|item| self.owned(item, scope)).collect();
                Ok(Cow::Owned(Value::Array(values?)))
            }
            Node::Object(entries) => self.object(entries, scope).map(Cow::Owned),
            // `eval` stops at none of these.
            Node::Member { .. }
            | Node::Call { .. }
            | Node::Select { .. }
            | Node::Project { .. }
            | Node::Binary { .. } => self.eval(node, scope),
        }
    }

    fn negate(&self, inner: &Node, scope: Scope<'_>) -> Result<Value, EvalError> {
        match self.eval(inner, scope)?.as_ref() {
            Value::Number(number) => number::negate(number),
            other => Err(EvalError::Unfit {
                operator: "-",
                operand: kind(other),
            }),
        }
    }

    fn object(&self, entries: &[(String, Node)], scope: Scope<'_>) -> Result<Value, EvalError> {
        let mut object = Map::new();
        for (key, value) in entries {
            object.insert(key.clone(), self.owned(value, scope)?);
        }
        Ok(Value::Object(object))
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
        left: &Value,
        right: &Node,
        scope: Scope<'_>,
    ) -> Result<Value, EvalError> {
        // The second operand of these two is looked at only if the first leaves it open.
        if let Operator::And | Operator::Or = operator {
            let decided = truth(left)?;
            if decided == (operator == Operator::Or) {
                return Ok(Value::Bool(decided));
            }
            return Ok(Value::Bool(truth(self.eval(right, scope)?.as_ref())?));
        }
        let right = self.eval(right, scope)?;
        self.charge(weight(left) + weight(&right))?;
        let ordered =
            |name, accepts: fn(Ordering) -> bool| order(name, left, &right).map(|o| Value::Bool(accepts(o)));
        match operator {
            Operator::Equal => Ok(Value::Bool(equal(left, &right))),
            Operator::NotEqual => Ok(Value::Bool(!equal(left, &right))),
            Operator::Less => ordered("<", Ordering::is_lt),
            Operator::LessOrEqual => ordered("<=", Ordering::is_le),
            Operator::Greater => ordered(">", Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(">=", Ordering::is_ge),
            _ => match (left, right.as_ref()) {
                (Value::Number(left), Value::Number(right)) => number::arithmetic(operator, left, right),
                (Value::String(_), other) | (other, Value::String(_)) if operator == Operator::Add => {
                    let (Some(left), Some(right)) = (text(left), text(&right)) else {
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
