//! Text to tokens.

use serde_json::{Number, Value};

use super::ParseError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Literal(Value),
    Name(String),
    /// `#root`, `#this`.
    Hash(String),
    /// An operator or a bracket.
    Symbol(&'static str),
}

/// A token and the character (from 1) at which it starts.
pub(super) type Located = (Token, usize);

/// Longer symbols first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 29] = [
    ".?[", ".![", "==", "!=", "<=", ">=", "&&", "||", "?:", "?.", "<", ">", "!", "+", "-", "*", "/", "%",
    "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "=",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Located>, ParseError> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut tokens = Vec::new();
    while let Some(located) = lexer.next()? {
        tokens.push(located);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Located>, ParseError> {
        self.take_while(char::is_whitespace);
        let start = self.at;
        let Some(first) = self.peek(0) else {
            return Ok(None);
        };
        let token = if first == '\'' || first == '"' {
            Token::Literal(Value::String(self.string(first)?))
        } else if first.is_ascii_digit() {
            Token::Literal(self.number()?)
        } else if is_name_start(first) {
            Token::Name(self.take_while(is_name_part))
        } else if first == '#' {
            self.at += 1;
            Token::Hash(self.take_while(is_name_part))
        } else {
            Token::Symbol(self.symbol()?)
        };
        Ok(Some((token, start + 1)))
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(&accepts) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// Quotes are doubled to stand for themselves, as in SpEL.
    fn string(&mut self, quote: char) -> Result<String, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek(0) {
                None => return Err(error(start, "this string has no end")),
                Some(c) if c == quote && self.peek(1) == Some(quote) => {
                    text.push(quote);
                    self.at += 2;
                }
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    fn number(&mut self) -> Result<Value, ParseError> {
        let start = self.at;
        let digit = |c: char| c.is_ascii_digit();
        let mut text = self.take_while(digit);
        let mut whole = true;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(digit) {
            self.at += 1;
            whole = false;
            text = format!("{text}.{}", self.take_while(digit));
        }
        if let Some('e' | 'E') = self.peek(0) {
            let signed = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if self.peek(1 + signed).is_some_and(digit) {
                let sign: String = self.chars[self.at + 1..self.at + 1 + signed].iter().collect();
                self.at += 1 + signed;
                whole = false;
                text = format!("{text}e{sign}{}", self.take_while(digit));
            }
        }
        // Java's suffixes for long and double.
        if let Some('L' | 'l' | 'd' | 'D' | 'f' | 'F') = self.peek(0)
            && !self.peek(1).is_some_and(is_name_part)
        {
            self.at += 1;
        }
        let value = if whole {
            text.parse::<i64>().ok().map(Number::from)
        } else {
            text.parse::<f64>().ok().and_then(Number::from_f64)
        };
        value
            .map(Value::Number)
            .ok_or_else(|| error(start, "this number is out of range"))
    }

    fn symbol(&mut self) -> Result<&'static str, ParseError> {
        let rest = &self.chars[self.at..];
        let found = SYMBOLS.into_iter().find(|symbol| {
            symbol
                .chars()
                .enumerate()
                .all(|(index, expected)| rest.get(index) == Some(&expected))
        });
        let symbol = found.ok_or_else(|| error(self.at, format!("`{}` means nothing here", rest[0])))?;
        self.at += symbol.len();
        Ok(symbol)
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn error(at: usize, what: impl Into<String>) -> ParseError {
    ParseError {
        at: at + 1,
        what: what.into(),
    }
}
