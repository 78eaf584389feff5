//! What the shop shows and does, put together from catalog, order and account.

pub mod account;
mod cart;
pub mod catalog;
pub mod orders;
mod qr;
