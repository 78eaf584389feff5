//! What a shopper typed, as a condition on the columns `search_…`.
//!
//! A text matches if it holds every word. The index knows every three characters in a row, so words of three and more are looked up there; a
//! shorter one, as `鍋` is, is compared with each row that is left. SQLite's index finds a word and ranks what holds it. On MySQL the index is a table
//! of our own, which finds the rows that may hold the words; then they are compared as the shorter ones are, and there is no rank.
//!
//! Nothing that was typed is ever taken for syntax: a word goes to SQLite's index as a quoted phrase, to `LIKE` with its wildcards escaped, and
//! always as a parameter. The escape is `!`, since MySQL's literals have a meaning of their own for a backslash.

use std::borrow::Cow;

use store::{Dialect, Value, params, placeholders};

/// The index holds sequences of this many characters, and cannot find less.
const INDEXED: usize = search_text::GRAM;

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
    pub sql: Cow<'static, str>,
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

    /// Whether rows have to be taken from SQLite's `products_fts`, so that they have a rank.
    pub fn are_ranked(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Sqlite && self.indexed().next().is_some()
    }

    /// All must hold of a row of `products`, or of `products` joined with `products_fts` if [`are_ranked`](Self::are_ranked) says so.
    pub fn conditions(&self, dialect: Dialect) -> Vec<Condition> {
        let mut conditions = Vec::new();
        if self.are_ranked(dialect) {
            conditions.push(Condition {
                sql: "products_fts MATCH ?".into(),
                params: params![self.phrases()],
            });
        }
        if dialect == Dialect::MySql {
            conditions.extend(self.grams());
        }
        let compared =
            search_text::words(&self.text).filter(|word| dialect == Dialect::MySql || !is_indexed(word));
        for word in compared {
            let pattern = format!("%{}%", escape(word));
            conditions.push(match self.place {
                Place::Names => Condition {
                    sql: "products.search_name LIKE ? ESCAPE '!'".into(),
                    params: params![pattern],
                },
                Place::Everything => Condition {
                    sql: "(products.search_name LIKE ? ESCAPE '!' OR products.search_text LIKE ? ESCAPE '!')"
                        .into(),
                    params: params![pattern.as_str(), pattern.as_str()],
                },
            });
        }
        conditions
    }

    /// That a product has all grams of the words. `None` if these have none.
    fn grams(&self) -> Option<Condition> {
        let grams = search_text::grams([self.text.as_str()]);
        if grams.is_empty() {
            return None;
        }
        let count = i64::try_from(grams.len()).unwrap_or(i64::MAX);
        let mut params: Vec<Value> = grams.iter().copied().map(Value::from).collect();
        params.push(count.into());
        Some(Condition {
            sql: format!(
                "products.id IN (SELECT product_id FROM product_grams WHERE gram IN ({}) \
                 GROUP BY product_id HAVING count(*) = ?)",
                placeholders(grams.len())
            )
            .into(),
            params,
        })
    }

    /// Orders names that begin with what was typed, in either language, before others.
    pub fn names_that_begin(&self) -> Condition {
        let begin = escape(&self.text);
        Condition {
            sql: "(products.search_name LIKE ? ESCAPE '!' OR products.search_name LIKE ? ESCAPE '!') DESC"
                .into(),
            params: params![format!("{begin}%"), format!("%\n{begin}%")],
        }
    }

    /// Orders names that hold what was typed before other texts that do.
    pub fn names_that_hold(&self) -> Condition {
        Condition {
            sql: "products.search_name LIKE ? ESCAPE '!' DESC".into(),
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
        if matches!(c, '%' | '_' | '!') {
            escaped.push('!');
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
        let conditions = Words::new(typed, place).conditions(Dialect::Sqlite);
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
        assert!(!Words::new("鍋", Place::Names).are_ranked(Dialect::Sqlite));
    }

    #[test]
    fn on_mysql_long_words_are_looked_up_by_their_grams_and_compared_too() {
        let conditions = Words::new("まぐかっ 鍋", Place::Names).conditions(Dialect::MySql);
        let parameters: Vec<_> = conditions.into_iter().map(|condition| condition.params).collect();
        assert_eq!(
            parameters,
            [
                params!["ぐかっ", "まぐか", 2],
                params!["%まぐかっ%"],
                params!["%鍋%"]
            ]
        );
    }

    #[test]
    fn nothing_typed_is_syntax() {
        assert_eq!(
            parameters(r#"a"b" OR NEAR(x"#, Place::Everything),
            [params![r#""a""b""" AND "near(x""#], params!["%or%", "%or%"]]
        );
        assert_eq!(
            parameters(r"%_ ! \", Place::Names),
            [params!["%!%!_%"], params!["%!!%"], params![r"%\%"]]
        );
    }

    #[test]
    fn nothing_typed_matches_everything() {
        for blank in ["", "  ", "\u{3000}", "\0"] {
            let words = Words::new(blank, Place::Everything);
            assert!(words.is_empty(), "{blank:?}");
            for dialect in [Dialect::Sqlite, Dialect::MySql] {
                assert!(words.conditions(dialect).is_empty(), "{blank:?}");
            }
        }
    }
}
