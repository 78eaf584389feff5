//! JSON in which no key comes twice: of two states of one name the first would be lost without a word.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A text's JSON, and where a key came twice first: the keys, and indices in brackets, that lead there.
///
/// # Errors
/// If the text is not JSON, or nests deeper than 128 levels.
pub(super) fn parse(text: &str) -> Result<(Value, Option<Vec<String>>), serde_json::Error> {
    let (path, repeated) = (RefCell::default(), RefCell::default());
    let reading = Reading {
        path: &path,
        repeated: &repeated,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = reading.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, repeated.into_inner()))
}

#[derive(Clone, Copy)]
struct Reading<'p> {
    path: &'p RefCell<Vec<String>>,
    repeated: &'p RefCell<Option<Vec<String>>>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            self.path.borrow_mut().push(format!("[{}]", list.len()));
            let item = items.next_element_seed(self)?;
            self.path.borrow_mut().pop();
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.path.borrow_mut().push(key.clone());
            if object.contains_key(&key) && self.repeated.borrow().is_none() {
                *self.repeated.borrow_mut() = Some(self.path.borrow().clone());
            }
            let value = entries.next_value_seed(self)?;
            self.path.borrow_mut().pop();
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
