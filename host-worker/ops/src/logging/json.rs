//! One JSON object a line, without bags inside: what a component logged stands beside what the worker says of it, under one style of key.

use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// The target of lines that components wrote, whose own fields the host packs into one, as JSON.
const GUEST: &str = "guest";
const PACKED: &str = "fields";

/// `{"timestamp":…,"level":…,"target":…,"message":…,…}`, every key in camel case.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlatJson;

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Line {
            members: Map::new(),
            from_guest: metadata.target() == GUEST,
        };
        line.put("timestamp", timestamp);
        line.put("level", metadata.level().as_str());
        line.put("target", metadata.target());
        event.record(&mut line);
        let mut members = line.members;
        // A component's event without a message: its name says it all, once.
        if members.contains_key("event") && members.get("message") == members.get("event") {
            members.shift_remove("message");
        }
        writeln!(writer, "{}", Value::Object(members))
    }
}

struct Line {
    members: Map<String, Value>,
    from_guest: bool,
}

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(camel_case(name), value.into());
    }

    /// Puts a component's own fields in. They cannot replace what the worker says.
    fn unpack(&mut self, fields: &str) {
        if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(fields) {
            for (name, value) in fields {
                self.members.entry(name).or_insert(value);
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string fails only if the value's own formatting does; then what there is will do.
        let _ = write!(text, "{value:?}");
        self.put(field.name(), text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if self.from_guest && field.name() == PACKED {
            self.unpack(value);
        } else {
            self.put(field.name(), value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }
}

/// `request_id` as `requestId`: in Rust the one is usual, in JSON the other.
fn camel_case(name: &str) -> String {
    let mut cased = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        if letter == '_' {
            upper = !cased.is_empty();
        } else {
            cased.push(if upper {
                letter.to_ascii_uppercase()
            } else {
                letter
            });
            upper = false;
        }
    }
    cased
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// The one line that `emit` logs, without its timestamp.
    fn logged(emit: impl FnOnce()) -> Value {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .event_format(FlatJson)
            .with_writer(log.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, emit);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
        line
    }

    #[test]
    fn a_components_fields_stand_beside_the_workers_own() {
        let fields =
            r#"{"event":"saga_parked","sagaId":"S1","recoveries":24,"facts":{"a":[1]},"component":"forged"}"#;
        let line = logged(|| {
            tracing::error!(target: "guest", component = "order", request_id = "r1", fields, "saga_parked");
        });
        assert_eq!(
            line,
            serde_json::json!({
                "level": "ERROR", "target": "guest", "component": "order", "requestId": "r1", "event": "saga_parked", "sagaId": "S1",
                "recoveries": 24, "facts": {"a": [1]},
            })
        );
    }

    #[test]
    fn the_workers_lines_have_the_same_keys() {
        let error = io::Error::other("full");
        let line = logged(|| {
            tracing::warn!(target: "kessai", order_no = %"K-1", %error, ms = 1.5, full = true, left = 3_usize, "not\nsent");
        });
        assert_eq!(
            line,
            serde_json::json!({
                "level": "WARN", "target": "kessai", "message": "not\nsent", "orderNo": "K-1", "error": "full", "ms": 1.5, "full": true,
                "left": 3,
            })
        );
    }

    #[test]
    fn only_components_are_unpacked() {
        let line = logged(|| tracing::info!(target: "kessai", fields = "{\"a\":1}", "x"));
        assert_eq!(line["fields"], "{\"a\":1}");
        assert_eq!(camel_case("__a_long__name_"), "aLongName");
    }
}
