//! One JSON object a line on standard output, which the host collects. Audit lines go the same way: they are events too.

use serde_json::{Map, Value};

use crate::RequestContext;

/// Something that is meant to happen.
pub fn info(ctx: &RequestContext, event: &str, fields: Value) {
    println!("{}", line("info", ctx, event, fields));
}

/// Something that somebody should know about, but that was dealt with.
pub fn warn(ctx: &RequestContext, event: &str, fields: Value) {
    println!("{}", line("warn", ctx, event, fields));
}

/// Something that should not happen.
pub fn error(ctx: &RequestContext, event: &str, fields: Value) {
    println!("{}", line("error", ctx, event, fields));
}

/// `fields` is a JSON object; its members stand beside the standard ones and cannot replace them. Null members are left out.
fn line(level: &str, ctx: &RequestContext, event: &str, fields: Value) -> Value {
    let mut line = Map::new();
    line.insert("at".to_owned(), jiff::Timestamp::now().to_string().into());
    line.insert("level".to_owned(), level.into());
    line.insert("event".to_owned(), event.into());
    line.insert("requestId".to_owned(), ctx.request_id.as_str().into());
    line.insert("traceId".to_owned(), ctx.trace.trace_id().into());
    match fields {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !value.is_null() {
                    line.entry(name).or_insert(value);
                }
            }
        }
        Value::Null => {}
        other => {
            line.insert("value".to_owned(), other);
        }
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_names_the_event_and_the_request() {
        let ctx = RequestContext::for_test("GET", "/x");
        let line = line(
            "info",
            &ctx,
            "session_created",
            json!({"userId": "u1", "requestId": "forged", "absent": null}),
        );
        assert_eq!(line["level"], "info");
        assert_eq!(line["event"], "session_created");
        assert_eq!(line["userId"], "u1");
        assert_eq!(line["requestId"], "test-request");
        assert!(line.get("absent").is_none());
        assert!(!line.to_string().contains('\n'));
    }

    #[test]
    fn a_line_break_in_a_value_cannot_forge_a_second_line() {
        let ctx = RequestContext::for_test("GET", "/x");
        assert!(
            !line("info", &ctx, "x", json!({"text": "a\n{\"event\":\"forged\"}"}))
                .to_string()
                .contains('\n')
        );
    }
}
