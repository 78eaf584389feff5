//! Which payments can be an order's at all.

use domain::OrderNo;

/// The most attempts that an order can have made, in digits.
const LONGEST_ATTEMPT: usize = 4;

/// Whether this is an order's number, a dash and the number of an attempt, from 1. Anything else is no order's payment, and a flood of forgeries
/// should not cost a look into the database each.
pub fn may_be_ours(merchant_payment_id: &str) -> bool {
    let Some((order_no, attempt)) = merchant_payment_id.rsplit_once('-') else {
        return false;
    };
    let digits = attempt.bytes().all(|byte| byte.is_ascii_digit());
    let is_attempt = digits && (1..=LONGEST_ATTEMPT).contains(&attempt.len()) && !attempt.starts_with('0');
    is_attempt && order_no.parse::<OrderNo>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Instant;
    use proptest::prelude::*;

    #[test]
    fn other_ids_are_no_orders() {
        for id in [
            "",
            "-1",
            "K20261122-7F3K9Q2MXA",
            "K20261122-7F3K9Q2MXA-",
            "K20261122-7F3K9Q2MXA-0",
            "K20261122-7F3K9Q2MXA-01",
            "K20261122-7F3K9Q2MXA-x",
            "K20261122-7F3K9Q2MXA-12345",
            "K20261122-7F3K9Q2MXU-1",
            "K2026112-7F3K9Q2MXA-1",
            "k20261122-7F3K9Q2MXA-1",
            " K20261122-7F3K9Q2MXA-1",
        ] {
            assert!(!may_be_ours(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn every_id_that_we_give_a_payment_may_be_ours(random: u64, millis in 0i64..4_102_444_800_000, attempt in 1u32..=9_999) {
            let order_no = OrderNo::generate(Instant::from_millis(millis), random);
            prop_assert!(may_be_ours(order_no.merchant_payment_id(attempt).as_str()));
        }
    }
}
