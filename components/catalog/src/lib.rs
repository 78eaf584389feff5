//! What the shop sells: products, categories, search and suggestions. Private HTTP for `bff` and `order` ([`api`]).
//!
//! Names and prices are in the database `catalog`; how many pieces are left is asked of the inventory component, which is composed into this one
//! ([`stock`]).

mod api;
mod categories;
mod filter;
mod products;
mod stock;
#[cfg(test)]
mod testing;
mod words;

/// Code made from `wit/inventory`.
#[allow(missing_debug_implementations, unsafe_code, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({
        inline: "package kessai:catalog@0.1.0; world catalog { import kessai:inventory/stock@0.1.0; }",
        path: "../../wit/inventory",
        world: "kessai:catalog/catalog@0.1.0",
        generate_all,
    });
}

#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> edge::Answer {
    edge::serve(request, api::dispatch).await
}
