//! `order.*`: what the saga changes in the order itself. It is in memory until the saga is stored, and then in the same transaction.

use super::{argument, unknown};
use crate::order::PaymentCode;
use crate::work::Work;
use domain::{FailCode, Instant};
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Awaited {
    code: Code,
    /// Epoch milliseconds: the shop's own deadline.
    expires_at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    url: String,
    deeplink: String,
    /// Epoch milliseconds: PayPay's.
    expires_at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renewal {
    payment_attempt: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    fail_code: FailCode,
}

pub fn invoke(work: &mut Work, call: &ServiceCall) -> Result<Value, ServiceError> {
    let now = Instant::now();
    let order = &mut work.order;
    match call.method.as_str() {
        // The order was stored together with its saga.
        "create" => Ok(Value::Null),
        "await-payment" => {
            let Awaited { code, expires_at } = argument(call)?;
            // Whichever deadline comes first: after PayPay's the code is dead, after ours the stock is given back.
            let expires_at = expires_at.min(code.expires_at);
            let code = PaymentCode {
                url: code.url,
                deeplink: code.deeplink,
                expires_at: Instant::from_millis(expires_at),
            };
            order.await_payment(code, now).map_err(|error| illegal(&error))?;
            Ok(json!({ "expiresAt": expires_at }))
        }
        "renew-payment" => {
            let attempt = argument::<Renewal>(call)?.payment_attempt + 1;
            order.use_payment_attempt(attempt);
            Ok(json!({ "paymentAttempt": attempt, "merchantPaymentId": order.merchant_payment_id }))
        }
        "give-up" => Ok(json!({ "failCode": argument::<Failed>(call)?.fail_code })),
        "mark-paid" => order
            .mark_paid(now)
            .map(|()| Value::Null)
            .map_err(|error| illegal(&error)),
        "mark-failed" => {
            let code = argument::<Failed>(call)?.fail_code;
            order
                .mark_failed(code, now)
                .map(|()| Value::Null)
                .map_err(|error| illegal(&error))
        }
        _ => Err(unknown(call)),
    }
}

fn illegal(error: &domain::IllegalTransition) -> ServiceError {
    ServiceError::new(ErrorKind::Other, "IllegalTransition", error.to_string())
}
