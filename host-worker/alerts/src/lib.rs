//! Consistency rules over the order and payment events.
