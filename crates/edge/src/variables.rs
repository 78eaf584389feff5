//! The component's settings, as `spin.toml` gives them to it.

use std::str::FromStr;

use crate::{Code, Problem};

/// A setting is missing or not usable; the message names it, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the variable `{name}` is not set for this component in spin.toml: {reason}")]
    Missing { name: String, reason: String },
    #[error("the variable `{name}` is not {expected}")]
    Invalid { name: String, expected: &'static str },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::new(Code::Internal).with_detail(error.to_string())
    }
}

/// The variable's value; it may be empty.
pub async fn get(name: &str) -> Result<String, Error> {
    spin_sdk::variables::get(name)
        .await
        .map_err(|error| Error::Missing {
            name: name.to_owned(),
            reason: error.to_string(),
        })
}

/// An address without the slash at its end.
pub async fn base_url(name: &str) -> Result<String, Error> {
    let value = get(name).await?;
    if value
        .parse::<http::Uri>()
        .is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some())
    {
        Ok(value.trim_end_matches('/').to_owned())
    } else {
        Err(Error::Invalid {
            name: name.to_owned(),
            expected: "an address such as http://127.0.0.1:3000",
        })
    }
}

/// `true` or `false`.
pub async fn boolean(name: &str) -> Result<bool, Error> {
    parse(name, &get(name).await?, "`true` or `false`")
}

/// A whole number.
pub async fn integer<T: FromStr>(name: &str) -> Result<T, Error> {
    parse(name, &get(name).await?, "a whole number in its range")
}

fn parse<T: FromStr>(name: &str, value: &str, expected: &'static str) -> Result<T, Error> {
    value.trim().parse().map_err(|_| Error::Invalid {
        name: name.to_owned(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_unusable_value_is_reported_by_name_and_not_shown() {
        assert_eq!(parse::<bool>("auth_cookie_secure", "true", "x"), Ok(true));
        let error = parse::<u32>("payment_ttl_seconds", "s3cret", "a whole number")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("payment_ttl_seconds") && !error.contains("s3cret"),
            "{error}"
        );
    }
}
