//! Why the server ends a connection.

use crate::OpenError;
use axum::extract::ws::{CloseFrame, Message};

/// WebSocket close codes; 4000 and up are the project's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The worker is going away. Connect again: another one, or the next one, answers.
    GoingAway,
    /// The client sent more than 1 KiB in one message.
    TooBig,
    /// Too many connections, or the orders cannot be read now. Connect again later.
    Overloaded,
    /// The channel token is missing, wrong or expired. Ask for a fresh one.
    Unauthorized,
    /// There is no such order. Do not try again.
    NoSuchOrder,
}

impl CloseCode {
    pub const fn code(self) -> u16 {
        match self {
            CloseCode::GoingAway => 1001,
            CloseCode::TooBig => 1009,
            CloseCode::Overloaded => 1013,
            CloseCode::Unauthorized => 4401,
            CloseCode::NoSuchOrder => 4404,
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            CloseCode::GoingAway => "going away",
            CloseCode::TooBig => "message too big",
            CloseCode::Overloaded => "try again later",
            CloseCode::Unauthorized => "channel token wrong or expired",
            CloseCode::NoSuchOrder => "no such order",
        }
    }

    pub(crate) fn message(self) -> Message {
        Message::Close(Some(CloseFrame {
            code: self.code(),
            reason: self.reason().into(),
        }))
    }
}

impl From<&OpenError> for CloseCode {
    fn from(error: &OpenError) -> CloseCode {
        match error {
            OpenError::NotFound => CloseCode::NoSuchOrder,
            OpenError::Unauthorized => CloseCode::Unauthorized,
            OpenError::Unavailable(_) => CloseCode::Overloaded,
        }
    }
}
