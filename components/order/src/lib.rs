//! Orders, and the saga that drives each of them from the cart to the settled payment.
//!
//! Two ways in: private HTTP for `bff` and `webhook` ([`api`]), and the interface `kessai:order/lifecycle` for the worker
//! ([`lifecycle`]). Both lead to the same place, [`tend`]. The other databases are reached through other components only ([`steps`]).

mod api;
mod basket;
mod channel;
mod checkout;
mod drive;
mod lifecycle;
mod order;
mod payment_events;
mod problems;
mod records;
mod schedule;
mod settings;
mod steps;
mod tend;
mod views;
mod work;

/// Code made from `wit/`.
#[allow(missing_debug_implementations, unsafe_code, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/inventory", "../../wit/account", "../../wit/payment", "../../wit/order"],
        world: "kessai:order/order",
        generate_all,
    });

    use super::lifecycle::Lifecycle;
    export!(Lifecycle);
}

#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> edge::Answer {
    edge::serve(request, api::dispatch).await
}
