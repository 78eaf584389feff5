//! Stock and its reservations. Exports `kessai:inventory/reservations` and `kessai:inventory/stock`; the contract is in
//! `wit/inventory`. This file turns WIT types into this crate's and back; what happens is in [`reservations`] and [`stock`].

mod reservations;
mod stock;
#[cfg(test)]
mod testing;

use reservations::{Line, Refusal};
use store::barrier::StepError;
use store::{Database, StoreError};

#[allow(unsafe_code, missing_debug_implementations)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/inventory",
        world: "inventory",
    });

    use super::Inventory;
    export!(Inventory);
}

use bindings::exports::kessai::inventory::reservations as wit;
use bindings::exports::kessai::inventory::stock as wit_stock;

struct Inventory;

async fn database() -> Result<Database, StoreError> {
    Database::open("inventory").await
}

impl wit::Guest for Inventory {
    async fn reserve(
        step: String,
        order_no: String,
        lines: Vec<wit::Line>,
    ) -> Result<(), wit::ReservationError> {
        let lines: Vec<_> = lines
            .into_iter()
            .map(|line| Line {
                product_id: line.product_id,
                quantity: line.quantity,
            })
            .collect();
        Ok(reservations::reserve(database().await?, &step, &order_no, &lines).await?)
    }

    async fn confirm(step: String, order_no: String) -> Result<(), wit::ReservationError> {
        Ok(reservations::confirm(database().await?, &step, &order_no).await?)
    }

    async fn release(
        step: String,
        reserve_step: String,
        order_no: String,
    ) -> Result<(), wit::ReservationError> {
        Ok(reservations::release(database().await?, &step, &reserve_step, &order_no).await?)
    }

    async fn restock(
        step: String,
        confirm_step: String,
        order_no: String,
    ) -> Result<(), wit::ReservationError> {
        Ok(reservations::restock(database().await?, &step, &confirm_step, &order_no).await?)
    }
}

impl wit_stock::Guest for Inventory {
    async fn levels(product_ids: Vec<u32>) -> Result<Vec<wit_stock::Level>, String> {
        let database = database().await.map_err(|error| error.to_string())?;
        let levels = stock::levels(&database, product_ids)
            .await
            .map_err(|error| error.to_string())?;
        Ok(levels
            .into_iter()
            .map(|level| wit_stock::Level {
                product_id: level.product_id,
                available: level.available,
            })
            .collect())
    }
}

impl From<StoreError> for wit::ReservationError {
    fn from(error: StoreError) -> Self {
        wit::ReservationError::Unavailable(error.to_string())
    }
}

impl From<StepError<Refusal>> for wit::ReservationError {
    fn from(error: StepError<Refusal>) -> Self {
        match error {
            StepError::Refused(Refusal::OutOfStock(shortages)) => wit::ReservationError::OutOfStock(
                shortages
                    .into_iter()
                    .map(|short| wit::Shortage {
                        product_id: short.product_id,
                        requested: short.requested,
                        available: short.available,
                    })
                    .collect(),
            ),
            StepError::Refused(Refusal::UnknownProduct(ids)) => wit::ReservationError::UnknownProduct(ids),
            StepError::Refused(Refusal::InvalidState(reason)) => wit::ReservationError::InvalidState(reason),
            StepError::Canceled { .. } => wit::ReservationError::Canceled,
            StepError::Reused { .. } | StepError::Invalid(_) => {
                wit::ReservationError::InvalidState(error.to_string())
            }
            StepError::Store(error) => error.into(),
        }
    }
}
