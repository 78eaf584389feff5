//! The shop's HTTP API as browsers see it: sessions, checks of what comes in, and the answers of catalog, order and account in one place.

#[cfg(target_family = "wasm")]
mod component;

mod admin;
mod auth;
mod order_component;
mod origin;
mod query;
mod routes;
mod session;
mod settings;
mod shop;
#[cfg(test)]
mod test_store;

pub use routes::route;
