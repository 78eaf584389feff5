//! Tokens to a tree, by precedence climbing; both recursion and tree depth are bounded.

use serde_json::Value;

use super::ParseError;
use super::lexer::{Located, Token};

/// Deepest nesting of brackets and prefixes.
const MAX_NESTING: usize = 64;
/// Deepest tree: a chain such as `a + b + c` is as deep as it is long, and evaluation recurses into it.
const MAX_DEPTH: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Size,
    Length,
    IsEmpty,
    Contains,
    ContainsKey,
    StartsWith,
    EndsWith,
    Equals,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    /// `#root`
    Root,
    /// `#this`
    This,
    /// `[name]` or `name`
    Variable(String),
    /// `[expression]` with nothing before it: a member of the root.
    RootMember(Box<Node>),
    Member {
        of: Box<Node>,
        key: Box<Node>,
    },
    Call {
        of: Box<Node>,
        method: Method,
        argument: Option<Box<Node>>,
    },
    /// `.?[condition]`
    Select {
        of: Box<Node>,
        condition: Box<Node>,
    },
    /// `.![expression]`
    Project {
        of: Box<Node>,
        each: Box<Node>,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary {
        operator: Operator,
        left: Box<Node>,
        right: Box<Node>,
    },
    Conditional {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Box<Node>,
    },
    Elvis {
        value: Box<Node>,
        otherwise: Box<Node>,
    },
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A tree and how deep it is.
type Tree = (Node, usize);

pub(super) fn parse(tokens: &[Located]) -> Result<Node, ParseError> {
    let mut parser = Parser {
        tokens,
        at: 0,
        nesting: 0,
    };
    let (node, _) = parser.expression()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("the expression should end here")),
    }
}

struct Parser<'a> {
    tokens: &'a [Located],
    at: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Tree, ParseError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error("nested too deeply"));
        }
        let tree = self.conditional();
        self.nesting -= 1;
        tree
    }

    fn conditional(&mut self) -> Result<Tree, ParseError> {
        let (condition, depth) = self.binary(0)?;
        if self.takes("?:") {
            let (otherwise, other) = self.expression()?;
            let node = Node::Elvis {
                value: Box::new(condition),
                otherwise: Box::new(otherwise),
            };
            return self.deeper(node, depth.max(other));
        }
        if self.takes("?") {
            let (then, a) = self.expression()?;
            self.expect(":")?;
            let (otherwise, b) = self.expression()?;
            let node = Node::Conditional {
                condition: Box::new(condition),
                then: Box::new(then),
                otherwise: Box::new(otherwise),
            };
            return self.deeper(node, depth.max(a).max(b));
        }
        Ok((condition, depth))
    }

    fn binary(&mut self, lowest: u8) -> Result<Tree, ParseError> {
        let (mut left, mut depth) = self.prefix()?;
        while let Some((operator, binding)) = self.peek_operator()
            && binding >= lowest
        {
            self.at += 1;
            let (right, right_depth) = self.binary(binding + 1)?;
            let node = Node::Binary {
                operator,
                left: Box::new(left),
                right: Box::new(right),
            };
            (left, depth) = self.deeper(node, depth.max(right_depth))?;
        }
        Ok((left, depth))
    }

    fn peek_operator(&self) -> Option<(Operator, u8)> {
        let spelling = match self.peek()? {
            Token::Symbol(symbol) => symbol,
            Token::Name(name) => name.as_str(),
            _ => return None,
        };
        Some(match spelling {
            "||" | "or" => (Operator::Or, 1),
            "&&" | "and" => (Operator::And, 2),
            "==" | "eq" => (Operator::Equal, 3),
            "!=" | "ne" => (Operator::NotEqual, 3),
            "<" | "lt" => (Operator::Less, 4),
            "<=" | "le" => (Operator::LessOrEqual, 4),
            ">" | "gt" => (Operator::Greater, 4),
            ">=" | "ge" => (Operator::GreaterOrEqual, 4),
            "+" => (Operator::Add, 5),
            "-" => (Operator::Subtract, 5),
            "*" => (Operator::Multiply, 6),
            "/" | "div" => (Operator::Divide, 6),
            "%" | "mod" => (Operator::Remainder, 6),
            _ => return None,
        })
    }

    fn prefix(&mut self) -> Result<Tree, ParseError> {
        let wrap: fn(Box<Node>) -> Node = if self.takes("!") || self.takes_name("not") {
            Node::Not
        } else if self.takes("-") {
            Node::Negate
        } else {
            return self.postfix();
        };
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error("nested too deeply"));
        }
        let (inner, depth) = self.prefix()?;
        self.nesting -= 1;
        self.deeper(wrap(Box::new(inner)), depth)
    }

    fn postfix(&mut self) -> Result<Tree, ParseError> {
        let (mut node, mut depth) = self.primary()?;
        loop {
            let of = Box::new(node);
            (node, depth) = if self.takes(".?[") {
                let (condition, inner) = self.bracketed()?;
                self.deeper(
                    Node::Select {
                        of,
                        condition: Box::new(condition),
                    },
                    depth.max(inner),
                )?
            } else if self.takes(".![") {
                let (each, inner) = self.bracketed()?;
                self.deeper(
                    Node::Project {
                        of,
                        each: Box::new(each),
                    },
                    depth.max(inner),
                )?
            } else if self.takes("[") {
                let (key, inner) = self.key()?;
                self.deeper(
                    Node::Member {
                        of,
                        key: Box::new(key),
                    },
                    depth.max(inner),
                )?
            } else if self.takes(".") || self.takes("?.") {
                let name = self.name()?;
                let (node, inner) = self.property_or_call(of, name)?;
                self.deeper(node, depth.max(inner))?
            } else {
                return Ok((*of, depth));
            };
        }
    }

    fn property_or_call(&mut self, of: Box<Node>, name: String) -> Result<Tree, ParseError> {
        if !self.takes("(") {
            return Ok((
                Node::Member {
                    of,
                    key: Box::new(Node::Literal(Value::String(name))),
                },
                1,
            ));
        }
        let (method, arguments) = match name.as_str() {
            "size" => (Method::Size, 0),
            "length" => (Method::Length, 0),
            "isEmpty" => (Method::IsEmpty, 0),
            "contains" => (Method::Contains, 1),
            "containsKey" => (Method::ContainsKey, 1),
            "startsWith" => (Method::StartsWith, 1),
            "endsWith" => (Method::EndsWith, 1),
            "equals" => (Method::Equals, 1),
            _ => return Err(self.error(&format!("there is no method `{name}`"))),
        };
        let (argument, depth) = if arguments == 0 {
            (None, 1)
        } else {
            let (argument, depth) = self.expression()?;
            (Some(Box::new(argument)), depth)
        };
        self.expect(")")?;
        Ok((Node::Call { of, method, argument }, depth))
    }

    fn primary(&mut self) -> Result<Tree, ParseError> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.error("something is missing"));
        };
        self.at += 1;
        let node = match token {
            Token::Literal(value) => Node::Literal(value),
            Token::Hash(name) => match name.as_str() {
                "root" => Node::Root,
                "this" => Node::This,
                _ => return Err(self.error_before(&format!("`#{name}` is neither `#root` nor `#this`"))),
            },
            Token::Name(name) => match name.as_str() {
                "true" => Node::Literal(Value::Bool(true)),
                "false" => Node::Literal(Value::Bool(false)),
                "null" => Node::Literal(Value::Null),
                _ => Node::Variable(name),
            },
            Token::Symbol("(") => {
                let tree = self.expression()?;
                self.expect(")")?;
                return Ok(tree);
            }
            Token::Symbol("[") => {
                return Ok(match self.key()? {
                    (Node::Literal(Value::String(name)), depth) => (Node::Variable(name), depth),
                    (key, depth) => (Node::RootMember(Box::new(key)), depth + 1),
                });
            }
            Token::Symbol("{") => return self.braces(),
            Token::Symbol(symbol) => {
                return Err(self.error_before(&format!("`{symbol}` has nothing to its left")));
            }
        };
        Ok((node, 1))
    }

    /// What stands in `[…]`: a bare name is a key, as in SpEL; anything else is evaluated.
    fn key(&mut self) -> Result<Tree, ParseError> {
        if let (Some(Token::Name(name)), Some(Token::Symbol("]"))) = (self.peek(), self.peek_at(1)) {
            let key = Node::Literal(Value::String(name.clone()));
            self.at += 2;
            return Ok((key, 1));
        }
        self.bracketed()
    }

    fn bracketed(&mut self) -> Result<Tree, ParseError> {
        let tree = self.expression()?;
        self.expect("]")?;
        Ok(tree)
    }

    /// `{a: 1, 'b': 2}` is an object, `{}` and `{1, 2}` are lists, `{x}` is `x`.
    fn braces(&mut self) -> Result<Tree, ParseError> {
        if self.takes("}") {
            return Ok((Node::List(Vec::new()), 1));
        }
        if self.takes(":") {
            self.expect("}")?;
            return Ok((Node::Object(Vec::new()), 1));
        }
        if matches!(self.peek_at(1), Some(Token::Symbol(":"))) {
            return self.object();
        }
        let (first, mut deepest) = self.expression()?;
        if self.takes("}") {
            return Ok((first, deepest));
        }
        let mut items = vec![first];
        while self.takes(",") {
            let (item, depth) = self.expression()?;
            deepest = deepest.max(depth);
            items.push(item);
        }
        self.expect("}")?;
        self.deeper(Node::List(items), deepest)
    }

    fn object(&mut self) -> Result<Tree, ParseError> {
        let mut entries = Vec::new();
        let mut deepest = 0;
        loop {
            let key = match self.peek().cloned() {
                Some(Token::Name(name) | Token::Literal(Value::String(name))) => name,
                _ => return Err(self.error("a key is missing")),
            };
            self.at += 1;
            self.expect(":")?;
            let (value, depth) = self.expression()?;
            deepest = deepest.max(depth);
            entries.push((key, value));
            if !self.takes(",") {
                self.expect("}")?;
                return self.deeper(Node::Object(entries), deepest);
            }
        }
    }

    fn deeper(&self, node: Node, depth: usize) -> Result<Tree, ParseError> {
        if depth < MAX_DEPTH {
            Ok((node, depth + 1))
        } else {
            Err(self.error("too many operations in one expression"))
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(token, _)| token)
    }

    fn takes(&mut self, symbol: &'static str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.at += usize::from(found);
        found
    }

    fn takes_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(next)) if next == name);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.takes(symbol) {
            Ok(())
        } else {
            Err(self.error(&format!("`{symbol}` is missing")))
        }
    }

    fn name(&mut self) -> Result<String, ParseError> {
        match self.peek().cloned() {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.error("a name is missing")),
        }
    }

    fn error(&self, what: &str) -> ParseError {
        self.error_at(self.at, what)
    }

    fn error_before(&self, what: &str) -> ParseError {
        self.error_at(self.at - 1, what)
    }

    fn error_at(&self, index: usize, what: &str) -> ParseError {
        let at = self
            .tokens
            .get(index)
            .map_or_else(|| self.tokens.last().map_or(1, |(_, at)| at + 1), |(_, at)| *at);
        ParseError {
            at,
            what: what.to_owned(),
        }
    }
}
