//! How orders and their payments are named.

use crate::Instant;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// An order's number: `K`, the day in UTC, and 10 random characters, for example `K20261122-7F3K9Q2MXA`. It can be read aloud: no `I`, `L`,
/// `O` or `U`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderNo(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an order number")]
pub struct InvalidOrderNo(String);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_CHARACTERS: usize = 10;
const DATE_DIGITS: usize = 8;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The day in UTC.
fn date(at: Instant) -> String {
    let digits = at.to_string();
    let digits = digits.chars().filter(char::is_ascii_digit);
    digits.take(DATE_DIGITS).collect()
}

impl OrderNo {
    /// A new number from 50 of the given random bits.
    pub fn generate(now: Instant, random: u64) -> OrderNo {
        let mut name = format!("K{}-", date(now));
        for position in 0..RANDOM_CHARACTERS {
            let index = usize::try_from((random >> (5 * position)) & 31).unwrap_or(0);
            name.push(char::from(ALPHABET[index]));
        }
        OrderNo(name)
    }

    /// A text that sorts behind the numbers of all orders placed until `at`, and before those of the second day after.
    pub fn bound(at: Instant) -> String {
        format!("K{}", date(at.plus(DAY)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id under which PayPay is asked for a code the `attempt`-th time, from 1. PayPay refuses to see an id twice for ever.
    pub fn merchant_payment_id(&self, attempt: u32) -> MerchantPaymentId {
        MerchantPaymentId(format!("{}-{attempt}", self.0))
    }
}

impl FromStr for OrderNo {
    type Err = InvalidOrderNo;
    fn from_str(text: &str) -> Result<OrderNo, InvalidOrderNo> {
        let invalid = || InvalidOrderNo(text.chars().take(40).collect());
        let (date, random) = text
            .strip_prefix('K')
            .and_then(|rest| rest.split_once('-'))
            .ok_or_else(invalid)?;
        let date_is_right = date.len() == DATE_DIGITS && date.bytes().all(|byte| byte.is_ascii_digit());
        let random_is_right =
            random.len() == RANDOM_CHARACTERS && random.bytes().all(|byte| ALPHABET.contains(&byte));
        if date_is_right && random_is_right {
            Ok(OrderNo(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for OrderNo {
    type Error = InvalidOrderNo;
    fn try_from(text: String) -> Result<OrderNo, InvalidOrderNo> {
        text.parse()
    }
}

impl From<OrderNo> for String {
    fn from(order_no: OrderNo) -> String {
        order_no.0
    }
}

impl fmt::Display for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What PayPay calls `merchantPaymentId`: at most 64 characters, never used twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MerchantPaymentId(String);

impl MerchantPaymentId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MerchantPaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_generated_number_parses_and_fits_paypay(random: u64, seconds in 0i64..4_000_000_000) {
            let order_no = OrderNo::generate(Instant::from_millis(seconds * 1_000), random);
            prop_assert_eq!(order_no.as_str().parse::<OrderNo>().unwrap(), order_no.clone());
            prop_assert!(order_no.merchant_payment_id(u32::MAX).as_str().len() <= 64);
        }

        #[test]
        fn a_bound_parts_what_was_placed_until_then_from_two_days_later(random: u64, seconds in 0i64..4_000_000_000) {
            let at = Instant::from_millis(seconds * 1_000);
            let bound = OrderNo::bound(at);
            prop_assert!(OrderNo::generate(at, random).as_str() < bound.as_str());
            prop_assert!(OrderNo::generate(at.plus(2 * DAY), random).as_str() > bound.as_str());
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = text.parse::<OrderNo>();
        }
    }

    #[test]
    fn foreign_numbers_are_refused() {
        for text in [
            "",
            "K",
            "K20261122",
            "K20261122-",
            "K20261122-7F3K9Q2MX",
            "K20261122-7F3K9Q2MXO",
            "K2026112a-7F3K9Q2MXA",
            "k20261122-7F3K9Q2MXA",
            "K20261122-7F3K9Q2MXA/..",
        ] {
            assert!(text.parse::<OrderNo>().is_err(), "{text}");
        }
    }
}
