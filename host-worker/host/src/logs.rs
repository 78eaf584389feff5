//! What a component writes to its standard output and error becomes log events, line by line, with the component's name and the
//! request's id. A line that is a JSON object keeps its fields: `level`, `message` and `requestId` become the event's, the rest goes along.

use crate::guest::{Capabilities, CurrentRequest};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// Bytes of a line that are kept before it is logged unfinished.
const MAX_LINE: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// A line that a component wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestLine<'a> {
    pub component: &'a str,
    pub request_id: &'a str,
    pub level: Level,
    /// The line's `message`, else its `event`, else the line itself.
    pub message: &'a str,
    /// The other members of a line that is a JSON object.
    pub fields: &'a Map<String, Value>,
}

/// Is shown every line.
///
/// # Contract
///
/// `take` is called while the component waits, for one line at a time per instance and for many instances at once. It must not block.
pub trait LogSink: fmt::Debug + Send + Sync {
    fn take(&self, line: &GuestLine<'_>);
}

/// One output stream of an instance.
#[derive(Clone)]
pub(crate) struct GuestLog {
    capabilities: Arc<Capabilities>,
    request: CurrentRequest,
    level: Level,
    /// The line so far, shared by every handle that the guest opens on the stream.
    line: Arc<Mutex<Vec<u8>>>,
}

impl GuestLog {
    pub(crate) fn new(capabilities: Arc<Capabilities>, request: CurrentRequest, level: Level) -> Self {
        Self {
            capabilities,
            request,
            level,
            line: Arc::default(),
        }
    }

    fn take(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if line.ends_with(b"\n") || line.len() >= MAX_LINE {
                self.log(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
    }

    fn log(&self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let line = Line::parse(line, self.level);
        let request = Arc::clone(&self.request.lock().unwrap_or_else(PoisonError::into_inner));
        let component = &*self.capabilities.component;
        // Work that no request asked for has an id of the component's own.
        let request_id = line.request_id.as_deref().unwrap_or(&request.id);
        let (message, fields) = (&line.message, &line.fields);
        if let Some(sink) = &self.capabilities.log_sink {
            sink.take(&GuestLine {
                component,
                request_id,
                level: line.level,
                message,
                fields,
            });
        }
        // The level of an event is fixed where it stands, so there is one for each.
        macro_rules! emit {
            ($emit:ident) => {
                if fields.is_empty() {
                    tracing::$emit!(target: "guest", component, request_id, "{message}")
                } else {
                    let fields = serde_json::to_string(fields).unwrap_or_default();
                    tracing::$emit!(target: "guest", component, request_id, fields, "{message}")
                }
            };
        }
        match line.level {
            Level::Error => emit!(error),
            Level::Warn => emit!(warn),
            Level::Info => emit!(info),
            Level::Debug => emit!(debug),
        }
    }
}

/// A line, taken apart.
#[derive(Debug, PartialEq)]
struct Line {
    level: Level,
    message: String,
    request_id: Option<String>,
    fields: Map<String, Value>,
}

impl Line {
    fn parse(text: &str, level: Level) -> Line {
        let object = text.starts_with('{').then(|| serde_json::from_str(text));
        let Some(Ok(fields)) = object else {
            return Line {
                level,
                message: text.to_owned(),
                request_id: None,
                fields: Map::new(),
            };
        };
        let mut fields: Map<String, Value> = fields;
        let mut text_of = |name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(other) => Some(other.to_string()),
            None => None,
        };
        let level = match text_of("level")
            .map(|level| level.to_ascii_lowercase())
            .as_deref()
        {
            Some("error") => Level::Error,
            Some("warn" | "warning") => Level::Warn,
            Some("info") => Level::Info,
            Some("debug" | "trace") => Level::Debug,
            _ => level,
        };
        let (message, request_id) = (text_of("message"), text_of("requestId"));
        // The log has a clock of its own, and one time on a line is enough.
        text_of("at");
        let event = fields.get("event").and_then(Value::as_str).map(str::to_owned);
        Line {
            level,
            message: message.or(event).unwrap_or_default(),
            request_id,
            fields,
        }
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// Directly: the adapter that would be made of `async_stream` hands each line to a task of its own and lets the guest wait for it.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        GuestLog::take(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE)
    }
}

impl AsyncWrite for GuestLog {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_keeps_its_fields() {
        let line = Line::parse(
            r#"{"at":"now","level":"ERROR","message":"no","requestId":"r1","orderNo":"K-1"}"#,
            Level::Info,
        );
        assert_eq!((line.level, line.message.as_str()), (Level::Error, "no"));
        assert_eq!(line.request_id.as_deref(), Some("r1"));
        assert_eq!(Value::Object(line.fields), serde_json::json!({"orderNo": "K-1"}));
    }

    #[test]
    fn an_event_without_a_message_is_its_own() {
        let line = Line::parse(r#"{"level":"info","event":"session_created"}"#, Level::Info);
        assert_eq!(line.message, "session_created");
        assert_eq!(line.fields["event"], "session_created");
    }

    #[test]
    fn any_other_line_is_the_message() {
        for text in ["plain", "{not json", "[1]"] {
            let line = Line::parse(text, Level::Warn);
            assert_eq!((line.level, line.message.as_str()), (Level::Warn, text));
            assert!(line.fields.is_empty() && line.request_id.is_none());
        }
    }
}
