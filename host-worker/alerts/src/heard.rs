//! Records, and what they say.

use crate::{
    rules::{self, Event},
    store::DeadLetter,
};
use domain::{AlertRaised, topic};

/// One event as a stream brought it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Without a deployment's prefix.
    pub topic: String,
    pub offset: i64,
    /// `None` if it came without one.
    pub id: Option<String>,
    pub kind: String,
    pub key: String,
    pub data: Vec<u8>,
}

/// A record as its stream holds it; it is read where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    /// One of [`topic::ALL`], or empty.
    pub(crate) topic: &'static str,
    pub(crate) offset: i64,
    /// Empty if it came without one.
    pub(crate) kind: &'a str,
    pub(crate) key: &'a [u8],
    pub(crate) data: &'a [u8],
}

/// A record that was read.
#[derive(Debug)]
pub struct Heard {
    /// One of [`topic::ALL`], or empty.
    pub(crate) topic: &'static str,
    pub(crate) offset: i64,
    pub(crate) says: Says,
}

#[derive(Debug)]
pub(crate) enum Says {
    Event(Event),
    /// One that a component raised itself.
    Alert(Box<AlertRaised>),
    /// Another type, which is nobody's fault.
    Nothing,
    Unreadable(Box<Unreadable>),
}

#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) letter: DeadLetter,
    pub(crate) key: String,
}

impl Raw<'_> {
    /// `id` is asked only about one that cannot be read.
    pub(crate) fn read(&self, id: impl FnOnce() -> Option<String>) -> Heard {
        let says = self.says().unwrap_or_else(|reason| {
            let letter = DeadLetter {
                topic: self.topic.to_owned(),
                offset: self.offset,
                event_id: id(),
                reason,
                data: String::from_utf8_lossy(self.data).into_owned(),
            };
            let key = String::from_utf8_lossy(self.key).into_owned();
            Says::Unreadable(Box::new(Unreadable { letter, key }))
        });
        Heard {
            topic: self.topic,
            offset: self.offset,
            says,
        }
    }

    fn says(&self) -> Result<Says, String> {
        if self.topic == topic::ALERTS {
            let alert = read_alert(self.kind, self.data)?;
            return Ok(alert.map_or(Says::Nothing, |alert| Says::Alert(Box::new(alert))));
        }
        if self.kind.is_empty() {
            return Err("it has no type".to_owned());
        }
        let event = Event::read(self.topic, self.kind, self.key, self.data);
        let event = event.map_err(|malformed| malformed.to_string())?;
        Ok(event.map_or(Says::Nothing, Says::Event))
    }
}

impl Record {
    pub(crate) fn read(&self) -> Heard {
        let plain = topic::ALL.into_iter().find(|plain| *plain == self.topic);
        let raw = Raw {
            topic: plain.unwrap_or_default(),
            offset: self.offset,
            kind: &self.kind,
            key: self.key.as_bytes(),
            data: &self.data,
        };
        raw.read(|| self.id.clone())
    }
}

/// An alert from its topic; `None` for another type.
fn read_alert(kind: &str, data: &[u8]) -> Result<Option<AlertRaised>, String> {
    if kind != AlertRaised::TYPE {
        return Ok(None);
    }
    let alert: AlertRaised =
        serde_json::from_slice(data).map_err(|error| format!("not an AlertRaised: {error}"))?;
    rules::instant(&alert.detected_at).map_err(|malformed| malformed.to_string())?;
    if alert.alert_id.is_empty() || alert.alert_id.chars().count() > 191 {
        return Err("an alert's id has 1 to 191 characters".to_owned());
    }
    Ok(Some(alert))
}

/// Counts an event that cannot be read, once it is kept or told.
pub(crate) fn say_dead(letter: &DeadLetter) {
    metrics::counter!("kessai_alert_dead_letters_total").increment(1);
    tracing::error!(
        component = "alerts",
        topic = letter.topic,
        offset = letter.offset,
        id = letter.event_id,
        reason = letter.reason,
        "an event cannot be read"
    );
}
