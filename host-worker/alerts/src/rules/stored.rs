//! A state as it is stored: a byte that names the form, and the state in postcard's encoding, in which fields have their places and no names.

use super::OrderState;

/// The present form. Another order of fields or of a status's values is another form.
const FORM: u8 = 1;

/// A stored state that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredStateError {
    #[error("it is stored in form {0}, which this version does not know")]
    Form(u8),
    #[error("it is empty")]
    Empty,
    #[error(transparent)]
    Postcard(#[from] postcard::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl OrderState {
    pub(crate) fn stored(&self) -> Vec<u8> {
        // What postcard refuses, sequences of unknown length and a full buffer, cannot be here.
        postcard::to_extend(self, vec![FORM]).unwrap_or_default()
    }

    pub(crate) fn from_stored(bytes: &[u8]) -> Result<OrderState, StoredStateError> {
        match bytes {
            [FORM, state @ ..] => Ok(postcard::from_bytes(state)?),
            [other, ..] => Err(StoredStateError::Form(*other)),
            [] => Err(StoredStateError::Empty),
        }
    }

    /// As the first version stored it.
    pub(crate) fn from_document(document: &str) -> Result<OrderState, StoredStateError> {
        Ok(serde_json::from_str(document)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As the first version wrote it: everything that a state can hold.
    const DOCUMENT: &str = r#"{"v":[4,"REFUNDED",3480],"pp":true,"pd":1795309209020,"rf":1795309300000,"fu":1795309400000,
        "p":{"K20261122-7F3K9Q2MXA-1":{"o":[[1795309209000,"s"],[1795309209001,"f"]],"rf":1795309299000,"id":["0147","0148"],"a":3480}},
        "r":["A:K20261122-7F3K9Q2MXA-1"]}"#;
    /// The same in the present form.
    const STORED: &[u8] = b"\x01\x01\x04\x03\xb06\x01\x01\xf8\x96\xa4\x8c\xc0h\x01\xc0\xa4\xaf\x8c\xc0h\x01\x80\xbf\xbb\x8c\xc0h\
        \x01\x16K20261122-7F3K9Q2MXA-1\x02\xd0\x96\xa4\x8c\xc0h\x01\xd2\x96\xa4\x8c\xc0h\x00\x01\xf0\x94\xaf\x8c\xc0h\x02\x040147\x040148\x01\xb06\x01\x18A:K20261122-7F3K9Q2MXA-1";

    #[test]
    fn what_is_stored_by_now_is_read_by_every_later_version() {
        let state = OrderState::from_document(DOCUMENT).unwrap();
        assert_eq!(state.stored(), STORED);
        assert_eq!(OrderState::from_stored(STORED).unwrap(), state);
    }

    #[test]
    fn what_is_not_a_state_says_why() {
        let why = |bytes: &[u8]| OrderState::from_stored(bytes).unwrap_err().to_string();
        assert!(why(&[]).contains("empty"));
        assert!(why(&[7, 1]).contains("form 7"));
        for cut in 1..STORED.len() {
            assert!(OrderState::from_stored(&STORED[..cut]).is_err(), "{cut} bytes");
        }
    }
}
