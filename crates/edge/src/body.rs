use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use crate::{Code, Problem, RequestContext, header};

/// A request's body, whoever runs the component: the host's stream, or bytes in a test.
pub trait Body: http_body::Body<Data = Bytes, Error: std::fmt::Display> {}
impl<B: http_body::Body<Data = Bytes, Error: std::fmt::Display>> Body for B {}

/// Reads the whole body, if it is at most `limit` bytes.
///
/// # Errors
/// `BODY_TOO_LARGE` (without reading it, when its length is declared); `VALIDATION_FAILED` when it breaks off.
pub async fn bytes_body<B: Body>(ctx: &RequestContext, body: B, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge).with_detail(format!("at most {limit} bytes"));
    if declared_length(ctx).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::ValidationFailed).with_detail(format!("the body broke off: {error}"))
        })?;
        if let Ok(chunk) = frame.into_data() {
            if whole.len() + chunk.remaining() > limit {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
        }
    }
    Ok(whole.freeze())
}

/// Reads a JSON body of at most `limit` bytes.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`, `BODY_TOO_LARGE`, `MALFORMED_JSON` with line and column, or `VALIDATION_FAILED` that names the
/// field which is missing or of the wrong type.
pub async fn json_body<T: DeserializeOwned, B: Body>(
    ctx: &RequestContext,
    body: B,
    limit: usize,
) -> Result<T, Problem> {
    require_json(ctx)?;
    parse_json(&bytes_body(ctx, body, limit).await?)
}

/// Goes on only if the body is declared as `application/json`.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`
pub fn require_json(ctx: &RequestContext) -> Result<(), Problem> {
    let essence = ctx
        .header(header::CONTENT_TYPE.as_str())
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Problem::new(Code::UnsupportedMediaType)),
    }
}

fn declared_length(ctx: &RequestContext) -> Option<u64> {
    ctx.header(header::CONTENT_LENGTH.as_str())?.parse().ok()
}

/// Reads a body that is there already as JSON.
///
/// # Errors
/// `MALFORMED_JSON` with line and column, or `VALIDATION_FAILED` that names the field which is missing or of the wrong type.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            Problem::field(field_name(&field, &cause), cause.to_string())
        } else {
            malformed(&cause)
        }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson).with_detail(error.to_string())
}

/// serde reports a missing field at the object that lacks it; the caller wants to know the field itself.
fn field_name(path: &str, cause: &serde_json::Error) -> String {
    let message = cause.to_string();
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    match (path, missing) {
        (".", Some(field)) => field.to_owned(),
        (path, Some(field)) => format!("{path}.{field}"),
        (".", None) => "body".to_owned(),
        (path, None) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::executor::block_on;
    use http_body_util::Full;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Cart {
        items: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Line {
        product_id: u32,
        quantity: i64,
    }

    fn read(content_type: &str, body: &'static str, limit: usize) -> Result<Cart, Problem> {
        let ctx = RequestContext::for_test("POST", "/x").with_header("content-type", content_type);
        block_on(json_body(
            &ctx,
            Full::new(Bytes::from_static(body.as_bytes())),
            limit,
        ))
    }

    #[test]
    fn json_is_read_whatever_the_charset_and_case() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            let cart = read(content_type, r#"{"items":[{"productId":1,"quantity":2}]}"#, 1024).unwrap();
            assert_eq!((cart.items[0].product_id, cart.items[0].quantity), (1, 2));
        }
    }

    #[test]
    fn other_content_types_are_refused() {
        for content_type in [
            "text/plain",
            "application/jsonp",
            "application/x-www-form-urlencoded",
            "",
        ] {
            assert_eq!(
                read(content_type, "{}", 1024).unwrap_err().code(),
                Code::UnsupportedMediaType
            );
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused_declared_or_not() {
        assert_eq!(
            read("application/json", "[1,2,3,4,5,6]", 8).unwrap_err().code(),
            Code::BodyTooLarge
        );
        let ctx = RequestContext::for_test("POST", "/x").with_header("content-length", "9");
        assert_eq!(
            block_on(bytes_body(&ctx, Full::new(Bytes::new()), 8))
                .unwrap_err()
                .code(),
            Code::BodyTooLarge
        );
        assert_eq!(
            block_on(bytes_body(&ctx, Full::new(Bytes::from_static(b"123456789")), 9))
                .unwrap()
                .len(),
            9
        );
    }

    #[test]
    fn malformed_json_says_where() {
        for (body, place) in [
            ("{\"items\":\n [}", "line 2 column 3"),
            ("", "line 1 column 0"),
            ("{\"items\":[]} x", "line 1 column 14"),
        ] {
            let problem = read("application/json", body, 1024).unwrap_err();
            assert_eq!(problem.code(), Code::MalformedJson);
            assert!(problem.detail().unwrap().contains(place), "{problem}");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (body, field) in [
            ("{}", "items"),
            ("[]", "body"),
            (r#"{"items":{}}"#, "items"),
            (r#"{"items":[{"productId":1}]}"#, "items[0].quantity"),
            (
                r#"{"items":[{"productId":-1,"quantity":1}]}"#,
                "items[0].productId",
            ),
            (
                r#"{"items":[{"productId":1,"quantity":1.5}]}"#,
                "items[0].quantity",
            ),
        ] {
            let problem = read("application/json", body, 1024).unwrap_err();
            assert_eq!(problem.code(), Code::ValidationFailed, "{body}: {problem}");
            assert_eq!(problem.errors()[0].field, field, "{body}");
        }
    }
}
