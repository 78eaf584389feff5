//! A set of few elements, side by side in memory: orders have one payment, seldom two, and there are many orders.

use serde::{Deserialize, Serialize};

/// Sorted, without repeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Set<T>(Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Set<T> {
        Set(Vec::new())
    }
}

impl<T: Ord> Set<T> {
    pub(super) fn insert(&mut self, element: T) {
        if let Err(place) = self.0.binary_search(&element) {
            self.0.insert(place, element);
        }
    }
}

impl<T> std::ops::Deref for Set<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}
