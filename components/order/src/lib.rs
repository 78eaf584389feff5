//! Orders, and the saga that drives each of them from the cart to the settled payment.
//!
//! Two ways in: private HTTP for `bff` and `webhook` ([`api`]), and the interface `kessai:order/lifecycle` for the worker
//! ([`lifecycle`]). Both lead to the same place, [`tend`]. The other databases are reached through other components only ([`steps`]).
//! [`sagas`] runs state machines that are not an order's, and lets an operator see and steer all of them.

mod api;
mod basket;
mod channel;
mod checkout;
mod drive;
mod lifecycle;
mod mismatch;
mod order;
mod parking;
mod payment_events;
mod payments;
mod problems;
#[cfg(test)]
mod races;
mod reconcile;
mod records;
mod sagas;
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

    use super::Component;
    export!(Component);
}

/// What exports the interfaces: `lifecycle` in [`lifecycle`], `sagas` in [`sagas`].
#[derive(Debug)]
struct Component;

#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> edge::Answer {
    edge::serve(request, api::dispatch).await
}
