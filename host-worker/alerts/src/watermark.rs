//! Until when everything has been heard.
//!
//! A deadline of event time may only fire once every event that could have explained it has been read. If the streams are read to their end at some instant, everything that was
//! told until then is known, and the clock decides. While they are not (a restart, a replay, a burst), the newest events read decide: a stream
//! brings events nearly in the order of their times, except for clocks that differ and transactions that take their time: `disorder`. The slowest of the streams
//! counts, since a payment's event is explained by an order's and the other way round. The grace periods of the rules are for what is on its way into the streams.

use domain::Instant;
use std::{collections::BTreeMap, time::Duration};

#[derive(Clone, Debug)]
pub struct Watermark {
    /// The newest event time of each stream; `None`: nothing read yet.
    newest: BTreeMap<String, Option<Instant>>,
    /// All streams come as one, in the order of commits.
    is_merged: bool,
    disorder: Duration,
}

impl Watermark {
    /// For events of all kinds in one stream.
    pub fn merged(disorder: Duration) -> Watermark {
        Watermark {
            is_merged: true,
            ..Watermark::new(&[""], disorder)
        }
    }

    /// For streams that are read side by side.
    pub fn new(streams: &[&str], disorder: Duration) -> Watermark {
        Watermark {
            newest: streams
                .iter()
                .map(|stream| ((*stream).to_owned(), None))
                .collect(),
            is_merged: false,
            disorder,
        }
    }

    /// An event of one of the streams; others do not count.
    pub fn saw(&mut self, stream: &str, at: Instant) {
        let stream = if self.is_merged { "" } else { stream };
        if let Some(newest) = self.newest.get_mut(stream) {
            *newest = Some(newest.map_or(at, |newest| newest.max(at)));
        }
    }

    /// Never after `now`: an event from a clock that is ahead must not let time pass faster.
    pub fn complete_until(&self, caught_up: Option<Instant>, now: Instant) -> Option<Instant> {
        let read = || {
            let slowest = self.newest.values().copied().min().flatten()?;
            Some(slowest.minus(self.disorder))
        };
        caught_up.or_else(read).map(|until| until.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn the_slowest_stream_counts_less_the_disorder_until_all_is_read() {
        let mut watermark = Watermark::new(&["orders", "payments"], Duration::from_millis(90));
        assert_eq!(watermark.complete_until(None, at(1_000)), None);
        watermark.saw("orders", at(500));
        watermark.saw("alerts", at(900));
        assert_eq!(
            watermark.complete_until(None, at(1_000)),
            None,
            "payments are not heard of yet"
        );
        watermark.saw("payments", at(300));
        watermark.saw("payments", at(200));
        assert_eq!(watermark.complete_until(None, at(1_000)), Some(at(210)));
        assert_eq!(watermark.complete_until(Some(at(950)), at(1_000)), Some(at(950)));
        for stream in ["orders", "payments"] {
            watermark.saw(stream, at(9_000));
        }
        assert_eq!(
            watermark.complete_until(None, at(1_000)),
            Some(at(1_000)),
            "a clock that is ahead"
        );
    }
}
