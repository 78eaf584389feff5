//! What a component writes to its standard output and error becomes log events, line by line, with the component's name and the
//! request's id. A line that is a JSON object keeps its fields: `level` and `message` become the event's, the rest goes along.

use crate::guest::CurrentRequest;
use serde_json::{Map, Value};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Bytes of a line that are kept before it is logged unfinished.
const MAX_LINE: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// One output stream of an instance.
#[derive(Clone)]
pub(crate) struct GuestLog {
    component: Arc<str>,
    request: CurrentRequest,
    level: Level,
    /// The line so far, shared by every handle that the guest opens on the stream.
    line: Arc<Mutex<Vec<u8>>>,
}

impl GuestLog {
    pub(crate) fn new(component: Arc<str>, request: CurrentRequest, level: Level) -> Self {
        Self {
            component,
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
        let (level, message, fields) = parse(line, self.level);
        let request = Arc::clone(&self.request.lock().unwrap_or_else(PoisonError::into_inner));
        let (component, request_id) = (&*self.component, request.id.as_str());
        // The level of an event is fixed where it stands, so there is one for each.
        macro_rules! emit {
            ($emit:ident) => {
                match fields {
                    Some(fields) => tracing::$emit!(target: "guest", component, request_id, fields = %fields, "{message}"),
                    None => tracing::$emit!(target: "guest", component, request_id, "{message}"),
                }
            };
        }
        match level {
            Level::Error => emit!(error),
            Level::Warn => emit!(warn),
            Level::Info => emit!(info),
            Level::Debug => emit!(debug),
        }
    }
}

/// Level, message and further fields of a line.
fn parse(line: &str, level: Level) -> (Level, String, Option<Value>) {
    let plain = || (level, line.to_owned(), None);
    if !line.starts_with('{') {
        return plain();
    }
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(line) else {
        return plain();
    };
    let level = match fields
        .remove("level")
        .as_ref()
        .and_then(Value::as_str)
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("error") => Level::Error,
        Some("warn" | "warning") => Level::Warn,
        Some("info") => Level::Info,
        Some("debug" | "trace") => Level::Debug,
        _ => level,
    };
    let message = match fields.remove("message") {
        Some(Value::String(message)) => message,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    (
        level,
        message,
        (!fields.is_empty()).then_some(Value::Object(fields)),
    )
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
        let (level, message, fields) =
            parse(r#"{"level":"ERROR","message":"no","orderNo":"K-1"}"#, Level::Info);
        assert_eq!((level, message.as_str()), (Level::Error, "no"));
        assert_eq!(fields, Some(serde_json::json!({"orderNo": "K-1"})));
    }

    #[test]
    fn any_other_line_is_the_message() {
        for line in ["plain", "{not json", "[1]"] {
            assert_eq!(parse(line, Level::Warn), (Level::Warn, line.to_owned(), None));
        }
    }
}
