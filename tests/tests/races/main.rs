//! Events that overtake each other. In each scenario the order of events is forced by a gate between the shop and PayPay, never by a pause.

mod ending;
mod gate;
mod late;
mod stage;
mod twice;
mod unasked;
