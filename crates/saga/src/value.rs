//! Bounds of the values that an instance keeps, so that it can always be read back.

use serde_json::Value;

use crate::service::{ErrorKind, ServiceError, name};

/// Deepest nesting of a value. With 16 instances inside each other, at three levels of JSON each, this stays under the 128 that are read.
pub(crate) const MAX_DEPTH: usize = 60;

/// Most that an input, a result or all variables of an instance may come to, in bytes of JSON, roughly.
pub(crate) const MAX_SIZE: usize = 4 << 20;

/// # Errors
/// If the value nests too deeply or is too large; `what` says which it is.
pub(crate) fn check<'v>(what: &str, values: impl IntoIterator<Item = &'v Value>) -> Result<(), ServiceError> {
    let mut left = MAX_SIZE;
    let too_large = |problem: String| {
        ServiceError::new(
            ErrorKind::Other,
            name::VALUE_TOO_LARGE,
            format!("{what}: {problem}"),
        )
    };
    for value in values {
        if !measure(value, MAX_DEPTH, &mut left) {
            return Err(too_large(format!(
                "more than {MAX_SIZE} bytes, or {MAX_DEPTH} levels deep"
            )));
        }
    }
    Ok(())
}

/// Takes the value's size off `left`; false as soon as nothing is left, of the size or the depth.
fn measure(value: &Value, depth: usize, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len() + 2,
        _ => 4,
    };
    let Some(rest) = left.checked_sub(own) else {
        return false;
    };
    *left = rest;
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| measure(item, depth - 1, left)),
        Value::Object(entries) => {
            depth > 0
                && entries.iter().all(|(key, value)| {
                    *left = left.saturating_sub(key.len() + 3);
                    measure(value, depth - 1, left)
                })
        }
        _ => true,
    }
}
