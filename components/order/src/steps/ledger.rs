//! `account.*`: the buyer's balance.

use super::{argument, compensated, unknown};
use crate::bindings::kessai::account::ledger::{self, LedgerError};
use crate::problems;
use domain::Yen;
use edge::{Code, Problem};
use saga::{ErrorKind, ServiceCall, ServiceError};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    user_id: String,
    order_no: String,
    /// Yen; a credit gives back what its debit took.
    #[serde(default)]
    amount: i64,
}

pub async fn invoke(call: &ServiceCall) -> Result<Value, ServiceError> {
    let step = call.step_id.as_str().to_owned();
    let Argument {
        user_id,
        order_no,
        amount,
    } = argument(call)?;
    let outcome = match call.method.as_str() {
        "debit" => ledger::debit(step, user_id, order_no, amount).await,
        "credit" => ledger::credit(step, compensated(call)?, user_id).await,
        _ => return Err(unknown(call)),
    };
    outcome.map(Value::from).map_err(|error| service_error(&error))
}

pub(super) fn service_error(error: &LedgerError) -> ServiceError {
    match error {
        LedgerError::InsufficientBalance(balance) => {
            ServiceError::business("InsufficientBalance", format!("the balance is {balance} yen"))
        }
        LedgerError::Canceled => ServiceError::business("StepCanceled", "the step was compensated before"),
        LedgerError::Invalid(why) => ServiceError::business("InvalidArgument", why.clone()),
        LedgerError::Unavailable(why) => {
            ServiceError::new(ErrorKind::Timeout, "AccountUnavailable", why.clone())
        }
    }
}

/// How much of `amount` the buyer's balance covers now.
pub async fn spendable(user_id: &str, amount: Yen) -> Result<Yen, Problem> {
    let account = ledger::open(user_id.to_owned())
        .await
        .map_err(|error| match error {
            LedgerError::Unavailable(why) => Problem::new(Code::ServiceUnavailable)
                .with_detail(why)
                .with_retry_after(2),
            other => problems::broken(&service_error(&other)),
        })?;
    Yen::new(account.balance)
        .map(|balance| balance.min(amount))
        .map_err(|error| problems::broken(&error))
}
