//! Which products a request asks for, checked.

use edge::{Problem, RequestContext};

use crate::words::{Place, Words};

/// The largest page, and the most products that can be asked for by id at once.
pub const MOST: u32 = 100;
const PAGE_SIZE: u32 = 20;
/// Characters.
const LONGEST_WORDS: usize = 100;
/// Characters.
const LONGEST_CATEGORY: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Relevance,
    PriceAscending,
    PriceDescending,
    Newest,
}

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// 1 to [`MOST`].
    pub size: u32,
}

impl Page {
    /// How many products come before it.
    pub fn offset(self) -> i64 {
        i64::from(self.number - 1) * i64::from(self.size)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub words: Words,
    pub category: Option<String>,
    /// Yen, inclusive.
    pub min_price: Option<i64>,
    /// Yen, inclusive.
    pub max_price: Option<i64>,
    pub sort: Sort,
    pub page: Page,
}

impl Filter {
    /// Of `/products`: the shelves in their order.
    pub fn of_list(ctx: &RequestContext) -> Result<Filter, Problem> {
        Ok(Filter {
            words: Words::new("", Place::Everything),
            category: category(ctx)?,
            min_price: None,
            max_price: None,
            sort: Sort::Relevance,
            page: page(ctx)?,
        })
    }

    /// Of `/products/search`.
    pub fn of_search(ctx: &RequestContext) -> Result<Filter, Problem> {
        let filter = Filter {
            words: Words::new(typed(ctx)?.unwrap_or_default(), Place::Everything),
            category: category(ctx)?,
            min_price: price(ctx, "minPrice")?,
            max_price: price(ctx, "maxPrice")?,
            sort: sort(ctx)?,
            page: page(ctx)?,
        };
        match (filter.min_price, filter.max_price) {
            (Some(least), Some(most)) if least > most => {
                Err(Problem::field("minPrice", "must not be more than maxPrice"))
            }
            _ => Ok(filter),
        }
    }
}

/// Of `/products/suggest`: what has been typed so far.
pub fn suggest(ctx: &RequestContext) -> Result<Words, Problem> {
    let typed = typed(ctx)?.ok_or_else(|| Problem::field("q", "is missing"))?;
    Ok(Words::new(typed, Place::Names))
}

/// Of `/products/batch`: ids, each once, in the order asked for.
pub fn ids(ctx: &RequestContext) -> Result<Vec<u32>, Problem> {
    let wrong = || Problem::field("ids", format!("1 to {MOST} product ids, separated by commas"));
    let mut ids = Vec::new();
    for text in ctx.query("ids").ok_or_else(wrong)?.split(',') {
        let id = product_id(text).ok_or_else(wrong)?;
        if !ids.contains(&id) {
            if ids.len() == MOST as usize {
                return Err(wrong());
            }
            ids.push(id);
        }
    }
    Ok(ids)
}

/// A product id, written as the API writes it: digits, no sign, no zero in front.
pub fn product_id(text: &str) -> Option<u32> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| canonical)
}

fn typed(ctx: &RequestContext) -> Result<Option<&str>, Problem> {
    match ctx.query("q") {
        Some(words) if words.chars().count() > LONGEST_WORDS => {
            Err(Problem::field("q", format!("at most {LONGEST_WORDS} characters")))
        }
        words => Ok(words),
    }
}

/// An empty one, as a form's first choice sends it, is none.
fn category(ctx: &RequestContext) -> Result<Option<String>, Problem> {
    match ctx.query("category") {
        None | Some("") => Ok(None),
        Some(id) if id.chars().count() > LONGEST_CATEGORY => Err(Problem::field(
            "category",
            format!("at most {LONGEST_CATEGORY} characters"),
        )),
        Some(id) => Ok(Some(id.to_owned())),
    }
}

fn price(ctx: &RequestContext, name: &str) -> Result<Option<i64>, Problem> {
    number(ctx, name, 0..=i64::MAX, "whole yen, 0 or more")
}

fn sort(ctx: &RequestContext) -> Result<Sort, Problem> {
    match ctx.query("sort") {
        None | Some("relevance") => Ok(Sort::Relevance),
        Some("price_asc") => Ok(Sort::PriceAscending),
        Some("price_desc") => Ok(Sort::PriceDescending),
        Some("newest") => Ok(Sort::Newest),
        Some(_) => Err(Problem::field(
            "sort",
            "relevance, price_asc, price_desc or newest",
        )),
    }
}

fn page(ctx: &RequestContext) -> Result<Page, Problem> {
    let number_of_page = number(ctx, "page", 1..=u32::MAX, "a whole number from 1")?;
    let size = number(ctx, "size", 1..=MOST, &format!("a whole number from 1 to {MOST}"))?;
    Ok(Page {
        number: number_of_page.unwrap_or(1),
        size: size.unwrap_or(PAGE_SIZE),
    })
}

fn number<T: std::str::FromStr + PartialOrd>(
    ctx: &RequestContext,
    name: &str,
    range: std::ops::RangeInclusive<T>,
    words: &str,
) -> Result<Option<T>, Problem> {
    let parse = |text: &str| {
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| Problem::field(name, words))
    };
    ctx.query(name).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use edge::Code;

    fn search(query: &str) -> Result<Filter, Problem> {
        Filter::of_search(&RequestContext::for_test(
            "GET",
            &format!("/products/search?{query}"),
        ))
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        for query in ["", "category=", "q="] {
            let filter = search(query).unwrap();
            assert_eq!(filter.page, Page { number: 1, size: 20 });
            assert_eq!(
                (filter.sort, &filter.category),
                (Sort::Relevance, &None),
                "{query}"
            );
            assert!(filter.words.is_empty());
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        for query in [
            "page=1",
            "page=4294967295&size=100",
            "size=1",
            "minPrice=0",
            "minPrice=5&maxPrice=5",
            &format!("q={}", "%E9%8D%8B".repeat(100)),
            &format!("category={}", "x".repeat(64)),
        ] {
            search(query).unwrap();
        }
        let last = Page {
            number: u32::MAX,
            size: 100,
        };
        assert_eq!(last.offset(), 429_496_729_400);
    }

    #[test]
    fn a_wrong_value_names_its_field() {
        for (query, field) in [
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=", "page"),
            ("page=4294967296", "page"),
            ("page=1.5", "page"),
            ("size=0", "size"),
            ("size=101", "size"),
            ("size=many", "size"),
            ("minPrice=-1", "minPrice"),
            ("maxPrice=9223372036854775808", "maxPrice"),
            ("minPrice=6&maxPrice=5", "minPrice"),
            ("sort=price", "sort"),
            (&format!("q={}", "x".repeat(101)), "q"),
            (&format!("category={}", "x".repeat(65)), "category"),
        ] {
            let problem = search(query).unwrap_err();
            assert_eq!(problem.code(), Code::ValidationFailed, "{query}");
            assert_eq!(problem.errors()[0].field, field, "{query}");
        }
    }

    #[test]
    fn ids_are_taken_once_each_and_a_hundred_at_most() {
        let read = |query: &str| {
            ids(&RequestContext::for_test(
                "GET",
                &format!("/products/batch?{query}"),
            ))
        };
        assert_eq!(read("ids=3,1,3,2").unwrap(), [3, 1, 2]);
        let list = |count: u32| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(read(&format!("ids={},1", list(100))).unwrap().len(), 100);
        for query in [
            "",
            "ids=",
            "ids=1,",
            "ids=0",
            "ids=%2B1",
            "ids=-1",
            "ids=1%3BDROP",
            "ids=4294967296",
            &format!("ids={}", list(101)),
        ] {
            assert_eq!(read(query).unwrap_err().errors()[0].field, "ids", "{query}");
        }
    }

    #[test]
    fn suggestions_need_something_typed_empty_or_not() {
        let read = |query: &str| {
            suggest(&RequestContext::for_test(
                "GET",
                &format!("/products/suggest?{query}"),
            ))
        };
        assert!(read("q=").unwrap().is_empty());
        assert_eq!(read("").unwrap_err().errors()[0].field, "q");
    }
}
