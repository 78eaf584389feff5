//! Consistency rules over the order and payment events.
//!
//! [`rules`] decides, without I/O; what is known of each order, how far each stream was read and what was raised stand in the worker's database and are
//! committed together.

pub mod rules;
