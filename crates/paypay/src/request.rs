//! Reading a merchant's request body, with PayPay's distinction between what is missing and what is invalid.

use serde_json::{Map, Value};

use crate::result::ResultCode;

/// Why PayPay would not accept a request's body. `field` is a path such as `orderItems[0].unitPrice.amount`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is no JSON object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A required field is absent or null.
    #[error("{field} is missing")]
    Missing { field: String },
    /// A field has the wrong type or a value out of range.
    #[error("{field} {reason}")]
    Invalid { field: String, reason: String },
}

impl RequestError {
    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// The result code PayPay answers with; the HTTP status is 400.
    pub fn result_code(&self) -> ResultCode {
        match self {
            Self::Missing { .. } => ResultCode::MissingRequestParams,
            Self::NotAnObject | Self::Invalid { .. } => ResultCode::InvalidRequestParams,
        }
    }
}

/// The fields of one JSON object and where it sits in the body.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
}

/// The body as a JSON value that is an object.
pub(crate) fn object(body: &[u8]) -> Result<Value, RequestError> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(RequestError::NotAnObject),
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn root(value: &'a Value) -> Result<Self, RequestError> {
        let object = value.as_object().ok_or(RequestError::NotAnObject)?;
        Ok(Self {
            object,
            prefix: String::new(),
        })
    }

    fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }

    pub(crate) fn invalid(&self, name: &str, reason: impl Into<String>) -> RequestError {
        RequestError::invalid(self.path(name), reason)
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str) -> Result<&'a Value, RequestError> {
        self.get(name).ok_or_else(|| RequestError::Missing {
            field: self.path(name),
        })
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, RequestError> {
        self.required(name)?
            .as_str()
            .ok_or_else(|| self.invalid(name, "must be a string"))
    }

    pub(crate) fn text_or_none(&self, name: &str) -> Result<Option<&'a str>, RequestError> {
        self.get(name).map(|_| self.text(name)).transpose()
    }

    pub(crate) fn integer(&self, name: &str) -> Result<i64, RequestError> {
        self.required(name)?
            .as_i64()
            .ok_or_else(|| self.invalid(name, "must be an integer"))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, RequestError> {
        match self.get(name) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.invalid(name, "must be true or false")),
        }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Fields<'a>, RequestError> {
        let object = self
            .required(name)?
            .as_object()
            .ok_or_else(|| self.invalid(name, "must be an object"))?;
        Ok(Fields {
            object,
            prefix: self.path(name),
        })
    }

    /// The objects of a list; absent: none.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Fields<'a>>, RequestError> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let list = value
            .as_array()
            .ok_or_else(|| self.invalid(name, "must be a list"))?;
        list.iter()
            .enumerate()
            .map(|(index, value)| {
                let prefix = format!("{}[{index}]", self.path(name));
                match value.as_object() {
                    Some(object) => Ok(Fields { object, prefix }),
                    None => Err(RequestError::invalid(prefix, "must be an object")),
                }
            })
            .collect()
    }

    pub(crate) fn id<T: std::str::FromStr<Err = crate::ids::IdError>>(
        &self,
        name: &str,
    ) -> Result<T, RequestError> {
        self.text(name)?
            .parse()
            .map_err(|error: crate::ids::IdError| self.invalid(name, error.to_string()))
    }
}

/// Refuses a text of more than `most` characters.
pub(crate) fn at_most(field: &str, text: Option<&str>, most: usize) -> Result<(), RequestError> {
    match text.map(|text| text.chars().count()) {
        Some(chars) if chars > most => Err(RequestError::invalid(
            field,
            format!("has {chars} characters, at most {most} are allowed"),
        )),
        _ => Ok(()),
    }
}
