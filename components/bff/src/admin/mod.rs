//! What an operator sees and does. The order component decides and keeps the audit; here it is checked who asks, and what for.

pub mod payments;
pub mod sagas;
pub mod state_machines;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a path segment as it is: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `name` as one segment of a path, if it can name anything: 1 to 128 characters, none of them a control character, and no step
/// to another folder.
fn segment(name: &str) -> Option<String> {
    let fits = (1..=128).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && name != "."
        && name != "..";
    fits.then(|| utf8_percent_encode(name, ENCODED).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment() {
        for (name, encoded) in [
            ("K20261122-7F3K9Q2MXA", "K20261122-7F3K9Q2MXA"),
            ("a/b?c=d#e", "a%2Fb%3Fc%3Dd%23e"),
            ("two words", "two%20words"),
            ("注文", "%E6%B3%A8%E6%96%87"),
            ("50%", "50%25"),
            ("...", "..."),
        ] {
            assert_eq!(segment(name).as_deref(), Some(encoded));
        }
        assert!(segment(&"名".repeat(128)).is_some());
    }

    #[test]
    fn what_can_name_nothing_is_not_sent_on() {
        for name in ["", ".", "..", "a\nb", "a\0", &"x".repeat(129)] {
            assert_eq!(segment(name), None, "{name:?}");
        }
    }
}
