//! Identifiers that travel in PayPay's paths and bodies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most characters in any identifier. Source: PayPay OPA, `merchantPaymentId`.
pub const MAX_ID_CHARS: usize = 64;

/// Why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Longer than [`MAX_ID_CHARS`].
    #[error("has {0} characters, at most {MAX_ID_CHARS} are allowed")]
    TooLong(usize),
    /// A character that would need escaping in a path, which signer and checker might do differently; or the path words `.` and `..`.
    #[error("may hold only letters, digits and - _ . ~")]
    Character,
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    let chars = text.chars().count();
    if chars > MAX_ID_CHARS {
        return Err(IdError::TooLong(chars));
    }
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'));
    if !plain || text == "." || text == ".." {
        return Err(IdError::Character);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier's text: 1 to [`MAX_ID_CHARS`] unreserved URI characters.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The merchant's name for a payment; can never be used for a second code.
    MerchantPaymentId
);
id!(
    /// The merchant's name for a refund.
    MerchantRefundId
);
id!(
    /// The merchant's name for a capture.
    MerchantCaptureId
);
id!(
    /// The merchant's name for the reversal of an authorization.
    MerchantRevertId
);
id!(
    /// PayPay's name for a payment, known once the buyer has acted.
    PaymentId
);
id!(
    /// PayPay's name for a code.
    CodeId
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_holds_only_what_needs_no_escaping_in_a_path() {
        for good in ["a", "order-1_2.3~4", &"x".repeat(64)] {
            assert_eq!(good.parse::<MerchantPaymentId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "a%2F",
            "a?b",
            "決済",
            "a\n",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<MerchantPaymentId>().is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<CodeId>("\"a/b\"").is_err());
    }
}
