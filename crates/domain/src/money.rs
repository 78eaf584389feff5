//! Money is integer yen; no other currency, no fractions, no silent overflow.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in yen, 0 to [`Yen::MAX`]. Sums and products are checked, so an amount out of range cannot come to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Yen(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("an amount must be from 0 to {max} yen, not {0}", max = Yen::MAX.0)]
    OutOfRange(i64),
    #[error("the sum is more than {max} yen", max = Yen::MAX.0)]
    Overflow,
    #[error("{taken} yen cannot be taken from {from} yen")]
    Negative { from: i64, taken: i64 },
}

impl Yen {
    /// Above any basket: 99 pieces of 50 lines of the dearest product would still fit, and an `i64` sum of all orders too.
    pub const MAX: Yen = Yen(999_999_999);
    pub const ZERO: Yen = Yen(0);

    pub fn new(amount: i64) -> Result<Yen, MoneyError> {
        if (0..=Yen::MAX.0).contains(&amount) {
            Ok(Yen(amount))
        } else {
            Err(MoneyError::OutOfRange(amount))
        }
    }

    pub fn get(self) -> i64 {
        self.0
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn checked_add(self, other: Yen) -> Result<Yen, MoneyError> {
        self.0
            .checked_add(other.0)
            .and_then(|sum| Yen::new(sum).ok())
            .ok_or(MoneyError::Overflow)
    }

    pub fn checked_sub(self, other: Yen) -> Result<Yen, MoneyError> {
        Yen::new(self.0 - other.0).map_err(|_| MoneyError::Negative {
            from: self.0,
            taken: other.0,
        })
    }

    /// The price of `quantity` pieces at `self` each.
    pub fn times(self, quantity: Quantity) -> Result<Yen, MoneyError> {
        self.0
            .checked_mul(i64::from(quantity.get()))
            .and_then(|total| Yen::new(total).ok())
            .ok_or(MoneyError::Overflow)
    }

    pub fn sum(amounts: impl IntoIterator<Item = Yen>) -> Result<Yen, MoneyError> {
        amounts.into_iter().try_fold(Yen::ZERO, Yen::checked_add)
    }
}

impl TryFrom<i64> for Yen {
    type Error = MoneyError;
    fn try_from(amount: i64) -> Result<Yen, MoneyError> {
        Yen::new(amount)
    }
}

impl From<Yen> for i64 {
    fn from(yen: Yen) -> i64 {
        yen.0
    }
}

impl fmt::Display for Yen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} JPY", self.0)
    }
}

/// Pieces of one product in one order, 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity must be from 1 to 99, not {0}")]
pub struct QuantityError(pub i64);

impl Quantity {
    pub const MAX: u32 = 99;

    pub fn new(pieces: i64) -> Result<Quantity, QuantityError> {
        u32::try_from(pieces)
            .ok()
            .filter(|pieces| (1..=Quantity::MAX).contains(pieces))
            .map(Quantity)
            .ok_or(QuantityError(pieces))
    }

    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;
    fn try_from(pieces: i64) -> Result<Quantity, QuantityError> {
        Quantity::new(pieces)
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> i64 {
        i64::from(quantity.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_outside_the_range_are_refused() {
        assert_eq!(Yen::new(-1), Err(MoneyError::OutOfRange(-1)));
        assert_eq!(
            Yen::new(Yen::MAX.get() + 1),
            Err(MoneyError::OutOfRange(1_000_000_000))
        );
        assert!(serde_json::from_str::<Yen>("-5").is_err());
        assert!(serde_json::from_str::<Yen>("1.5").is_err());
    }

    #[test]
    fn quantities_run_from_one_to_ninety_nine() {
        for (pieces, valid) in [
            (i64::MIN, false),
            (-1, false),
            (0, false),
            (1, true),
            (99, true),
            (100, false),
        ] {
            assert_eq!(Quantity::new(pieces).is_ok(), valid, "{pieces}");
        }
    }

    proptest! {
        #[test]
        fn what_is_added_can_be_taken_away(a in 0..=Yen::MAX.get(), b in 0..=Yen::MAX.get()) {
            let (a, b) = (Yen::new(a).unwrap(), Yen::new(b).unwrap());
            match a.checked_add(b) {
                Ok(sum) => prop_assert_eq!(sum.checked_sub(b), Ok(a)),
                Err(error) => { prop_assert_eq!(error, MoneyError::Overflow); prop_assert!(a.get() + b.get() > Yen::MAX.get()); }
            }
        }

        #[test]
        fn a_line_costs_as_much_as_its_pieces_one_by_one(price in 0i64..100_000, pieces in 1i64..=99) {
            let price = Yen::new(price).unwrap();
            let one_by_one = Yen::sum((0..pieces).map(|_| price)).unwrap();
            prop_assert_eq!(price.times(Quantity::new(pieces).unwrap()).unwrap(), one_by_one);
        }

        #[test]
        fn no_arithmetic_leaves_the_range(a in 0..=Yen::MAX.get(), pieces in 1i64..=99) {
            if let Ok(total) = Yen::new(a).unwrap().times(Quantity::new(pieces).unwrap()) {
                prop_assert!(total <= Yen::MAX);
            }
        }
    }
}
