//! The header `Retry-After`: how long PayPay, or a proxy before it, wants to be left alone. It comes with 429 and 503, if at all.
//!
//! Source: RFC 9110, 10.2.3. PayPay's documents promise no such header, so its absence is normal.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

/// Reads whole seconds, or an HTTP date seen from `now` (seconds since 1970); a date in the past is no wait at all.
///
/// `None`: anything else, the two obsolete forms of a date among it.
pub fn parse(value: &str, now: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than 64 bits hold are for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = DateTimeParser::new().parse_timestamp(value).ok()?.as_second();
    Some(Duration::from_secs(
        u64::try_from(at.saturating_sub(now)).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use jiff::fmt::rfc2822::DateTimePrinter;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_the_rest_is_not() {
        let now = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
        let table = [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:00 GMT", Some(23)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("+5", None),
            ("soon", None),
            ("1994-11-06T08:50:00Z", None),
        ];
        for (value, seconds) in table {
            assert_eq!(parse(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_date_is_as_far_away_as_it_says(now in 0_i64..4_000_000_000, wait in 0_i64..1_000_000) {
            let date = Timestamp::from_second(now + wait).unwrap();
            let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
            prop_assert_eq!(parse(&date, now), Some(Duration::from_secs(wait.unsigned_abs())));
        }

        #[test]
        fn parsing_never_panics(value in any::<String>(), now in any::<i64>()) {
            let _ = parse(&value, now);
        }
    }
}
