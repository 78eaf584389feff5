//! What a shopper typed, as a condition on the columns `search_…`.
//!
//! A text matches if it holds every word. The index knows every three characters in a row, so words of three and more are looked up there; a
//! shorter one, as `鍋` is, is compared with each row that is left. Nothing that was typed is ever taken for syntax: a word goes to the index
//! as a quoted phrase, to `LIKE` with its wildcards escaped, and to both as a parameter.

use store::{Value, params};

/// The index holds sequences of this many characters, and cannot find less.
const INDEXED: usize = 3;

/// Where words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Names,
    Everything,
}

/// Words to look for; none of them match everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Normalised, with one space between two words.
    text: String,
    place: Place,
}

/// A condition in SQL and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub sql: &'static str,
    pub params: Vec<Value>,
}

impl Words {
    pub fn new(typed: &str, place: Place) -> Self {
        Self {
            text: search_text::normalise(typed),
            place,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether rows have to be taken from `products_fts`, so that they have a rank.
    pub fn use_index(&self) -> bool {
        self.indexed().next().is_some()
    }

    /// All must hold of a row of `products`, or of `products` joined with `products_fts` if [`use_index`](Self::use_index) says so.
    pub fn conditions(&self) -> Vec<Condition> {
        let mut conditions = Vec::new();
        if self.use_index() {
            conditions.push(Condition {
                sql: "products_fts MATCH ?",
                params: params![self.phrases()],
            });
        }
        for word in search_text::words(&self.text).filter(|word| !is_indexed(word)) {
            let pattern = format!("%{}%", escape(word));
            conditions.push(match self.place {
                Place::Names => Condition {
                    sql: r"products.search_name LIKE ? ESCAPE '\'",
                    params: params![pattern],
                },
                Place::Everything => Condition {
                    sql: r"(products.search_name LIKE ? ESCAPE '\' OR products.search_text LIKE ? ESCAPE '\')",
                    params: params![pattern.as_str(), pattern.as_str()],
                },
            });
        }
        conditions
    }

    /// Orders names that begin with what was typed, in either language, before others.
    pub fn names_that_begin(&self) -> Condition {
        let begin = escape(&self.text);
        Condition {
            sql: r"(products.search_name LIKE ? ESCAPE '\' OR products.search_name LIKE ? ESCAPE '\') DESC",
            params: params![format!("{begin}%"), format!("%\n{begin}%")],
        }
    }

    /// Orders names that hold what was typed before other texts that do.
    pub fn names_that_hold(&self) -> Condition {
        Condition {
            sql: r"products.search_name LIKE ? ESCAPE '\' DESC",
            params: params![format!("%{}%", escape(&self.text))],
        }
    }

    fn indexed(&self) -> impl Iterator<Item = &str> {
        search_text::words(&self.text).filter(|word| is_indexed(word))
    }

    /// In the query language of FTS5, where a quotation mark inside a phrase is doubled.
    fn phrases(&self) -> String {
        let phrases: Vec<String> = self
            .indexed()
            .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
            .collect();
        let phrases = phrases.join(" AND ");
        match self.place {
            Place::Names => format!("search_name : ({phrases})"),
            Place::Everything => phrases,
        }
    }
}

fn is_indexed(word: &str) -> bool {
    word.chars().nth(INDEXED - 1).is_some()
}

fn escape(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parameters(typed: &str, place: Place) -> Vec<Vec<Value>> {
        let conditions = Words::new(typed, place).conditions();
        conditions.into_iter().map(|condition| condition.params).collect()
    }

    #[test]
    fn long_words_go_to_the_index_as_phrases_and_short_ones_are_compared() {
        assert_eq!(
            parameters("マグカップ 鍋 LED", Place::Everything),
            [params![r#""まぐかっぷ" AND "led""#], params!["%鍋%", "%鍋%"]]
        );
        assert_eq!(
            parameters("マグカップ 鍋", Place::Names),
            [params![r#"search_name : ("まぐかっぷ")"#], params!["%鍋%"]]
        );
        assert!(!Words::new("鍋", Place::Names).use_index());
    }

    #[test]
    fn nothing_typed_is_syntax() {
        assert_eq!(
            parameters(r#"a"b" OR NEAR(x"#, Place::Everything),
            [params![r#""a""b""" AND "near(x""#], params!["%or%", "%or%"]]
        );
        assert_eq!(
            parameters(r"%_ \", Place::Names),
            [params![r"%\%\_%"], params![r"%\\%"]]
        );
    }

    #[test]
    fn nothing_typed_matches_everything() {
        for blank in ["", "  ", "\u{3000}", "\0"] {
            let words = Words::new(blank, Place::Everything);
            assert!(words.is_empty() && words.conditions().is_empty(), "{blank:?}");
        }
    }
}
