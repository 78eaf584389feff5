//! A page of the list: what is asked for, checked, and the answer.

use super::documents;
use super::operator::{self, SagaError};
use crate::records::saga_list::{Filter, Place};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::Instant;
use saga::Phase;
use serde_json::{Value, json};
use std::time::Duration;

/// What somebody wants to see, as they said it.
#[derive(Debug, Default)]
pub struct Wanted {
    pub phase: Option<String>,
    pub machine: Option<String>,
    pub order_no: Option<String>,
    /// Seconds.
    pub older_than: Option<u32>,
    pub cursor: Option<String>,
    pub size: u32,
}

/// A `SagaPage`.
pub async fn read(wanted: Wanted) -> Result<Value, SagaError> {
    let invalid = |field: &str, why: &str| SagaError::Invalid(field.to_owned(), why.to_owned());
    if !(1..=100).contains(&wanted.size) {
        return Err(invalid("size", "a whole number from 1 to 100"));
    }
    if let Some(phase) = &wanted.phase
        && !Phase::ALL.iter().any(|known| known.as_str() == phase)
    {
        return Err(invalid("phase", "must be a saga's phase, for example PARKED"));
    }
    let after = wanted
        .cursor
        .as_deref()
        .map(|cursor| {
            parse_cursor(cursor).ok_or_else(|| invalid("cursor", "not a cursor that an earlier page gave"))
        })
        .transpose()?;
    let filter = Filter {
        phase: wanted.phase,
        machine: wanted.machine,
        order_no: wanted.order_no,
        started_before: wanted
            .older_than
            .map(|seconds| Instant::now().minus(Duration::from_secs(seconds.into()))),
        after,
    };
    // One more than asked for shows whether there is another page.
    let (mut page, counts) = operator::list(&filter, wanted.size + 1).await?;
    let size = usize::try_from(wanted.size).unwrap_or(usize::MAX);
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|last| cursor(&last.place()));
    let items: Vec<Value> = page
        .iter()
        .map(|listed| Value::Object(documents::summary(listed)))
        .collect();
    Ok(json!({ "items": items, "counts": counts, "nextCursor": next }))
}

fn cursor(place: &Place) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!(
        "{}:{}:{}",
        place.urgency,
        place.created_at.millis(),
        place.id
    ))
}

fn parse_cursor(text: &str) -> Option<Place> {
    let decoded = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = decoded.splitn(3, ':');
    Some(Place {
        urgency: parts.next()?.parse().ok()?,
        created_at: Instant::from_millis(parts.next()?.parse().ok()?),
        id: parts.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_is_none() {
        let place = Place {
            urgency: 1,
            created_at: Instant::from_millis(1_700_000_000_000),
            id: "K20261122-7F3K9Q2MXA".to_owned(),
        };
        assert_eq!(parse_cursor(&cursor(&place)), Some(place));
        for text in ["", "x", "MTox", "!!"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }
}
