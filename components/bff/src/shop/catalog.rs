//! Products and categories: public, the same for everybody, and checked by the catalog itself.

use edge::outbound::Call;
use edge::{Answer, Code, Problem, RequestContext, StatusCode, header, respond};
use form_urlencoded::Serializer;
use sha2::{Digest as _, Sha256};

use crate::settings;

/// Stock changes with every order, so a browser asks again soon. Within that time the answer may be shown once more.
const FRESH: &str = "public, max-age=2";

pub async fn categories(ctx: &RequestContext) -> Result<Answer, Problem> {
    fetch(ctx, "/categories", &[]).await
}

pub async fn products(ctx: &RequestContext) -> Result<Answer, Problem> {
    fetch(ctx, "/products", &["category", "page", "size"]).await
}

pub async fn search(ctx: &RequestContext) -> Result<Answer, Problem> {
    fetch(
        ctx,
        "/products/search",
        &["q", "category", "minPrice", "maxPrice", "sort", "page", "size"],
    )
    .await
}

pub async fn suggest(ctx: &RequestContext) -> Result<Answer, Problem> {
    fetch(ctx, "/products/suggest", &["q"]).await
}

pub async fn batch(ctx: &RequestContext) -> Result<Answer, Problem> {
    fetch(ctx, "/products/batch", &["ids"]).await
}

pub async fn product(ctx: &RequestContext, id: &str) -> Result<Answer, Problem> {
    fetch(ctx, &format!("/products/{}", product_id(id)?), &[]).await
}

/// A product id, in the one way of writing it. What is none names no product.
fn product_id(text: &str) -> Result<u32, Problem> {
    let id: Option<u32> = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    };
    id.filter(|id| *id > 0 && !text.starts_with('0'))
        .ok_or_else(|| Code::ProductNotFound.into())
}

async fn fetch(ctx: &RequestContext, path: &str, parameters: &[&str]) -> Result<Answer, Problem> {
    let url = format!(
        "{}{path}{}",
        settings::catalog_url().await?,
        query(ctx, parameters)
    );
    let reply = Call::get(url).send(ctx).await?;
    if !reply.status.is_success() {
        return Err(reply.problem());
    }
    let tag = entity_tag(&reply.body);
    let answer = if ctx
        .header(header::IF_NONE_MATCH.as_str())
        .is_some_and(|tags| names(tags, &tag))
    {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        respond::json_text(reply.status, reply.body)
    };
    let answer = respond::with_header(answer, header::CACHE_CONTROL, FRESH)?;
    respond::with_header(answer, header::ETAG, &tag)
}

/// The parameters that the catalog knows, and no others.
fn query(ctx: &RequestContext, parameters: &[&str]) -> String {
    let mut query = Serializer::new(String::new());
    for name in parameters {
        if let Some(value) = ctx.query(name) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() {
        query
    } else {
        format!("?{query}")
    }
}

fn entity_tag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether `If-None-Match` names this tag. Weakness does not matter to this comparison (RFC 9110, 13.1.2).
fn names(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_product_id_is_a_number_in_its_one_writing() {
        assert_eq!(product_id("42").unwrap(), 42);
        for text in ["", "0", "-1", "+1", "1.0", "042", "abc", "4294967296", "1 ", "１"] {
            assert_eq!(
                product_id(text).unwrap_err().code(),
                Code::ProductNotFound,
                "{text}"
            );
        }
    }

    #[test]
    fn only_known_parameters_are_sent_on_and_none_can_add_another() {
        let ctx = RequestContext::for_test("GET", "/api/products?category=a%26page%3D9&page=2&secret=x");
        assert_eq!(
            query(&ctx, &["category", "page", "size"]),
            "?category=a%26page%3D9&page=2"
        );
        assert_eq!(query(&ctx, &[]), "");
    }

    #[test]
    fn a_tag_is_recognised_among_others() {
        let tag = entity_tag(b"{}");
        for tags in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            assert!(names(&tags, &tag), "{tags}");
        }
        for tags in ["", "\"x\"", tag.trim_matches('"')] {
            assert!(!names(tags, &tag), "{tags}");
        }
        assert_ne!(entity_tag(b"{}"), entity_tag(b"{ }"));
    }
}
