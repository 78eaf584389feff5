//! One row of the outbox.

use domain::Instant;

/// An event as it was committed. The outbox's columns are a contract between the order component and this crate.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Event {
    /// Its place in the outbox: grows with the order of commits and is never used twice.
    pub seq: i64,
    /// Stable over repeats: what consumers deduplicate by.
    pub id: String,
    pub topic: String,
    /// The order's number. Events with one key stay in order.
    pub key: String,
    #[sqlx(rename = "type")]
    pub kind: String,
    /// JSON.
    pub data: String,
    pub request_id: Option<String>,
    pub traceparent: Option<String>,
    /// Epoch milliseconds, UTC.
    created_at: i64,
}

impl Event {
    /// An event that stands in another table than the outbox. `data` is JSON.
    pub fn new(
        seq: i64,
        (topic, kind): (&str, &str),
        id: String,
        key: String,
        data: String,
        at: Instant,
    ) -> Event {
        Event {
            seq,
            id,
            topic: topic.to_owned(),
            key,
            kind: kind.to_owned(),
            data,
            request_id: None,
            traceparent: None,
            created_at: at.millis(),
        }
    }

    pub fn created_at(&self) -> Instant {
        Instant::from_millis(self.created_at)
    }
}
