//! The JSON that goes over the socket.

use crate::OrderView;
use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};

/// What a browser may say: the bare word, or `{"type":"…"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
pub(crate) enum ClientMessage {
    Ping,
    Status,
}

impl ClientMessage {
    /// `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<ClientMessage> {
        match text.trim() {
            "PING" => Some(ClientMessage::Ping),
            "STATUS" => Some(ClientMessage::Status),
            json => serde_json::from_str(json).ok(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ServerMessage<'a> {
    Snapshot { order: &'a OrderView },
    OrderUpdated { order: &'a OrderView },
    Pong,
    Error { code: &'static str },
}

impl ServerMessage<'_> {
    pub(crate) const UNKNOWN: ServerMessage<'static> = ServerMessage::Error {
        code: "UNKNOWN_MESSAGE",
    };

    pub(crate) fn text(&self) -> Utf8Bytes {
        // Strings, numbers and enums of our own: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_and_its_json_mean_the_same() {
        for (text, meaning) in [
            ("PING", Some(ClientMessage::Ping)),
            ("PING\n", Some(ClientMessage::Ping)),
            (r#"{"type":"PING"}"#, Some(ClientMessage::Ping)),
            ("STATUS", Some(ClientMessage::Status)),
            (r#"{"type":"STATUS","id":7}"#, Some(ClientMessage::Status)),
            ("", None),
            ("ping", None),
            (r#"{"type":"CANCEL"}"#, None),
            ("{", None),
        ] {
            assert_eq!(ClientMessage::parse(text), meaning, "{text}");
        }
    }

    #[test]
    fn server_messages_read_as_documented() {
        assert_eq!(ServerMessage::Pong.text().as_str(), r#"{"type":"PONG"}"#);
        assert_eq!(
            ServerMessage::UNKNOWN.text().as_str(),
            r#"{"type":"ERROR","code":"UNKNOWN_MESSAGE"}"#
        );
    }
}
