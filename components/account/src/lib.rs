//! Buyers' balances. Exports `kessai:account/ledger`; the contract is in `wit/account`. This file turns WIT types into this crate's and
//! back; what happens is in [`ledger`].

mod ledger;

use ledger::{OpenError, Refusal};
use store::barrier::StepError;
use store::{Database, StoreError};

#[allow(unsafe_code, missing_debug_implementations)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/account",
        world: "account",
    });

    use super::Account;
    export!(Account);
}

use bindings::exports::kessai::account::ledger as wit;

struct Account;

async fn database() -> Result<Database, StoreError> {
    Database::open("accounts").await
}

/// The shop's welcome gift in yen, as `spin.toml` or the deployment sets it.
async fn welcome_gift() -> Result<i64, OpenError> {
    let unusable = |reason: String| OpenError::Welcome(reason);
    let text = spin_sdk::variables::get("account_welcome_yen")
        .await
        .map_err(|e| unusable(e.to_string()))?;
    ledger::parse_welcome(&text).map_err(unusable)
}

impl wit::Guest for Account {
    async fn open(user_id: String) -> Result<wit::Account, wit::LedgerError> {
        let account = ledger::open(database().await?, &user_id, welcome_gift).await?;
        Ok(wit::Account {
            balance: account.balance,
            entries: account.entries.into_iter().map(Into::into).collect(),
        })
    }

    async fn debit(
        step: String,
        user_id: String,
        order_no: String,
        amount: i64,
    ) -> Result<i64, wit::LedgerError> {
        Ok(ledger::debit(database().await?, &step, &user_id, &order_no, amount).await?)
    }

    async fn credit(step: String, debit_step: String, user_id: String) -> Result<i64, wit::LedgerError> {
        Ok(ledger::credit(database().await?, &step, &debit_step, &user_id).await?)
    }
}

impl From<ledger::Entry> for wit::Entry {
    fn from(entry: ledger::Entry) -> Self {
        wit::Entry {
            kind: match entry.kind {
                ledger::EntryKind::Welcome => wit::EntryKind::Welcome,
                ledger::EntryKind::Debit => wit::EntryKind::Debit,
                ledger::EntryKind::Credit => wit::EntryKind::Credit,
            },
            amount: entry.amount,
            order_no: entry.order_no,
            at: entry.at,
        }
    }
}

impl From<StoreError> for wit::LedgerError {
    fn from(error: StoreError) -> Self {
        wit::LedgerError::Unavailable(error.to_string())
    }
}

impl From<OpenError> for wit::LedgerError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UserId(_) => wit::LedgerError::Invalid(error.to_string()),
            OpenError::Welcome(_) | OpenError::Store(_) => wit::LedgerError::Unavailable(error.to_string()),
        }
    }
}

impl From<StepError<Refusal>> for wit::LedgerError {
    fn from(error: StepError<Refusal>) -> Self {
        match error {
            StepError::Refused(Refusal::InsufficientBalance(balance)) => {
                wit::LedgerError::InsufficientBalance(balance)
            }
            StepError::Refused(Refusal::Invalid(reason)) => wit::LedgerError::Invalid(reason),
            StepError::Canceled { .. } => wit::LedgerError::Canceled,
            StepError::Reused { .. } | StepError::Invalid(_) => wit::LedgerError::Invalid(error.to_string()),
            StepError::Store(error) => error.into(),
        }
    }
}
