//! `inventory.*`: stock.

use super::{argument, compensated, unknown};
use crate::bindings::kessai::inventory::reservations::{self, Line, ReservationError};
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    order_no: String,
    #[serde(default)]
    lines: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    product_id: u32,
    quantity: u32,
}

pub async fn invoke(call: &ServiceCall) -> Result<Value, ServiceError> {
    let step = call.step_id.as_str().to_owned();
    let Argument { order_no, lines } = argument(call)?;
    let outcome = match call.method.as_str() {
        "reserve" => {
            let lines = lines
                .iter()
                .map(|line| Line {
                    product_id: line.product_id,
                    quantity: line.quantity,
                })
                .collect();
            reservations::reserve(step, order_no, lines).await
        }
        "confirm" => reservations::confirm(step, order_no).await,
        "release" => reservations::release(step, compensated(call)?, order_no).await,
        _ => return Err(unknown(call)),
    };
    outcome
        .map(|()| Value::Null)
        .map_err(|error| service_error(&error))
}

pub(super) fn service_error(error: &ReservationError) -> ServiceError {
    match error {
        ReservationError::OutOfStock(shortages) => {
            let list: Vec<String> = shortages
                .iter()
                .map(|short| {
                    format!(
                        "product {}: {} of {} pieces are available",
                        short.product_id, short.available, short.requested
                    )
                })
                .collect();
            ServiceError::business("OutOfStock", list.join("; "))
        }
        ReservationError::UnknownProduct(ids) => ServiceError::business("UnknownProduct", format!("{ids:?}")),
        ReservationError::Canceled => {
            ServiceError::business("StepCanceled", "the step was compensated before")
        }
        ReservationError::InvalidState(why) => ServiceError::business("InvalidState", why.clone()),
        ReservationError::Unavailable(why) => {
            ServiceError::new(ErrorKind::Timeout, "InventoryUnavailable", why.clone())
        }
    }
}
