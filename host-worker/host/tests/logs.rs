//! What a component prints is in the log, with its name and its request.

#![allow(clippy::unwrap_used)]

mod support;

use http::Request;
use std::{
    io,
    sync::{Arc, Mutex},
};
use support::Fixture;
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

/// The only test of its file: the subscriber is the thread's, and everything runs on it.
#[tokio::test]
async fn a_printed_json_line_is_an_event_of_its_component_and_request() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let fixture = Fixture::new("").await;
    fixture
        .send(Request::get("/a/echo").header("x-request-id", "first"), "")
        .await;
    fixture
        .send(Request::get("/a/count").header("x-request-id", "second"), "")
        .await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let events: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &serde_json::Value| event["target"] == "guest")
        .collect();
    assert_eq!(events.len(), 2, "{log}");
    for (event, request, action) in [(&events[0], "first", "echo"), (&events[1], "second", "count")] {
        assert_eq!(event["level"], "DEBUG");
        assert_eq!(event["fields"]["component"], "a");
        assert_eq!(event["fields"]["request_id"], request);
        assert_eq!(event["fields"]["message"], "at work");
        assert_eq!(event["fields"]["fields"], format!("{{\"action\":\"{action}\"}}"));
    }
}
