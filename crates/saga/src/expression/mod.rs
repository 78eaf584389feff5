//! The expression language of definitions: parsed once when a definition is loaded, evaluated in bounded steps.

mod eval;
mod lexer;
mod number;
mod parser;
mod template;
mod values;

pub use eval::EvalError;
pub(crate) use eval::Scope;
pub(crate) use template::{Template, is_truthy};

use serde_json::{Map, Value};

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {what}")]
pub struct ParseError {
    /// Counted from 1.
    pub at: usize,
    pub what: String,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    source: String,
    root: parser::Node,
}

impl Expression {
    /// Longest source text, in bytes.
    pub const MAX_LEN: usize = 16 * 1024;

    /// Parses an expression, without or with the leading `$.`.
    ///
    /// # Errors
    /// If the text is not an expression, nests deeper than 64 levels, or is longer than [`Expression::MAX_LEN`].
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let text = source.trim();
        let text = text.strip_prefix("$.").unwrap_or(text);
        if text.len() > Self::MAX_LEN {
            return Err(ParseError {
                at: 1,
                what: format!("longer than {} bytes", Self::MAX_LEN),
            });
        }
        // Characters are counted as they are written, with what was stripped.
        let stripped = source.trim_end().chars().count() - text.chars().count();
        let root = lexer::tokens(text).and_then(|tokens| parser::parse(&tokens));
        let root = root.map_err(|error| ParseError {
            at: error.at + stripped,
            ..error
        })?;
        Ok(Self {
            source: source.to_owned(),
            root,
        })
    }

    /// The value over a result (`#root`) and the context's variables.
    ///
    /// # Errors
    /// If operands do not fit an operator, a number leaves its range, or the work exceeds the step bound.
    pub fn eval(&self, root: &Value, context: &Map<String, Value>) -> Result<Value, EvalError> {
        self.eval_in(&Scope::of_result(root, context))
    }

    pub(crate) fn eval_in(&self, scope: &Scope<'_>) -> Result<Value, EvalError> {
        eval::evaluate(&self.root, scope)
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }
}
