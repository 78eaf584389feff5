//! Amounts as PayPay writes them.

use serde::{Deserialize, Serialize};

use crate::request::{Fields, RequestError};

/// The one currency PayPay settles in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Currency {
    #[serde(rename = "JPY")]
    Jpy,
}

/// `{"amount":1200,"currency":"JPY"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Yen. Source: PayPay OPA, `amount.amount`.
    pub amount: i64,
    pub currency: Currency,
}

impl Money {
    /// An amount of yen.
    pub const fn yen(amount: i64) -> Self {
        Self {
            amount,
            currency: Currency::Jpy,
        }
    }

    /// Reads `{amount,currency}`; any other currency than JPY is refused.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, RequestError> {
        let amount = fields.integer("amount")?;
        match fields.text("currency")? {
            "JPY" => Ok(Self::yen(amount)),
            _ => Err(fields.invalid("currency", "must be JPY")),
        }
    }
}
