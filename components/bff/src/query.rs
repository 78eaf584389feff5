//! Query parameters on their way to another component: the ones that it knows, checked, and no others.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use edge::{Problem, RequestContext};
use form_urlencoded::Serializer;

/// A query that is being put together from a request's.
pub struct Query<'a> {
    ctx: &'a RequestContext,
    pairs: Serializer<'static, String>,
}

impl<'a> Query<'a> {
    pub fn of(ctx: &'a RequestContext) -> Self {
        Self {
            ctx,
            pairs: Serializer::new(String::new()),
        }
    }

    /// Takes a text of 1 to `longest` characters, if it is there.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`
    pub fn text(self, name: &str, longest: usize) -> Result<Self, Problem> {
        self.checked(
            name,
            |text| (1..=longest).contains(&text.chars().count()),
            || format!("must have 1 to {longest} characters"),
        )
    }

    /// Takes one of these words, if there is one.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`
    pub fn one_of(self, name: &str, words: &[&str]) -> Result<Self, Problem> {
        self.checked(
            name,
            |text| words.contains(&text),
            || format!("must be one of {}", words.join(", ")),
        )
    }

    /// Takes a whole number in `range`, if it is there.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`
    pub fn number<N: FromStr + PartialOrd + Display>(
        self,
        name: &str,
        range: RangeInclusive<N>,
    ) -> Result<Self, Problem> {
        self.checked(
            name,
            |text| text.parse().is_ok_and(|number| range.contains(&number)),
            || format!("must be from {} to {}", range.start(), range.end()),
        )
    }

    /// Takes `nextCursor` of an earlier page, if it is there. What is in it is its maker's business.
    ///
    /// # Errors
    /// `VALIDATION_FAILED`
    pub fn cursor(self) -> Result<Self, Problem> {
        self.checked(
            "cursor",
            |cursor| cursor.len() <= 200,
            || "must be one that the shop gave".to_owned(),
        )
    }

    fn checked(
        mut self,
        name: &str,
        is_good: impl Fn(&str) -> bool,
        rule: impl Fn() -> String,
    ) -> Result<Self, Problem> {
        if let Some(value) = self.ctx.query(name) {
            if !is_good(value) {
                return Err(Problem::field(name, rule()));
            }
            self.pairs.append_pair(name, value);
        }
        Ok(self)
    }

    /// With its question mark; empty if nothing was taken.
    pub fn finish(mut self) -> String {
        let query = self.pairs.finish();
        if query.is_empty() {
            query
        } else {
            format!("?{query}")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn taken(query: &str) -> Result<String, Problem> {
        let ctx = RequestContext::for_test("GET", &format!("/x?{query}"));
        Ok(Query::of(&ctx)
            .one_of("phase", &["PARKED", "RUNNING"])?
            .text("machine", 5)?
            .number("size", 1..=50_u32)?
            .cursor()?
            .finish())
    }

    #[test]
    fn what_is_known_and_good_goes_on_and_can_add_nothing() {
        assert_eq!(taken("").unwrap(), "");
        assert_eq!(
            taken("userId=u2&cursor=a%26b%3D1&size=20&machine=%E6%B3%A8%E6%96%87&phase=PARKED").unwrap(),
            "?phase=PARKED&machine=%E6%B3%A8%E6%96%87&size=20&cursor=a%26b%3D1"
        );
    }

    #[test]
    fn what_is_known_and_bad_is_named() {
        let long = format!("cursor={}", "c".repeat(201));
        for (query, field) in [
            ("phase=parked", "phase"),
            ("phase=", "phase"),
            ("machine=", "machine"),
            ("machine=sixsix", "machine"),
            ("size=0", "size"),
            ("size=51", "size"),
            ("size=x", "size"),
            ("size=", "size"),
            (long.as_str(), "cursor"),
        ] {
            let problem = taken(query).unwrap_err();
            assert_eq!(problem.errors()[0].field, field, "{query}");
        }
    }
}
