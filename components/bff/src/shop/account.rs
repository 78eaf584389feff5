//! The buyer's balance, from the account component that is composed into this one.

use domain::Instant;
use edge::{Answer, Code, Problem, RequestContext, StatusCode, log, respond};
use serde::Serialize;
use serde_json::json;

use crate::session::Session;

/// Code made from `wit/account`.
#[allow(missing_debug_implementations, unsafe_code, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({
        inline: "package kessai:bff@0.1.0; world bff { import kessai:account/ledger@0.1.0; }",
        path: "../../wit/account",
        world: "kessai:bff/bff@0.1.0",
        generate_all,
    });
}

use bindings::kessai::account::ledger::{self, EntryKind, LedgerError};

/// An account as the API shows it. Money is yen.
#[derive(Debug, Serialize)]
struct AccountView {
    balance: i64,
    currency: &'static str,
    entries: Vec<EntryView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    kind: &'static str,
    amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_no: Option<String>,
    at: String,
}

/// Balance and entries; the account is opened when it is first looked at.
pub async fn show(ctx: &RequestContext, session: &Session) -> Result<Answer, Problem> {
    let account = ledger::open(session.user_id.clone())
        .await
        .map_err(|error| problem(ctx, &error))?;
    respond::json(StatusCode::OK, &view(account))
}

fn view(account: ledger::Account) -> AccountView {
    let entries = account.entries.into_iter().map(|entry| EntryView {
        kind: match entry.kind {
            EntryKind::Welcome => "WELCOME",
            EntryKind::Debit => "DEBIT",
            EntryKind::Credit => "CREDIT",
        },
        amount: entry.amount,
        order_no: entry.order_no,
        at: Instant::from_millis(i64::try_from(entry.at).unwrap_or(i64::MAX)).to_string(),
    });
    AccountView {
        balance: account.balance,
        currency: "JPY",
        entries: entries.collect(),
    }
}

fn problem(ctx: &RequestContext, error: &LedgerError) -> Problem {
    log::error(ctx, "account_not_read", json!({"error": format!("{error:?}")}));
    match error {
        LedgerError::Unavailable(_) => Problem::new(Code::ServiceUnavailable).with_retry_after(1),
        // Opening an account takes no amount and no step, so none of these can be its answer.
        LedgerError::InsufficientBalance(_) | LedgerError::Canceled | LedgerError::Invalid(_) => {
            Problem::new(Code::Internal)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_account_is_shown_with_signed_amounts_and_instants() {
        let entry = |kind, amount, order_no: Option<&str>| ledger::Entry {
            kind,
            amount,
            order_no: order_no.map(str::to_owned),
            at: 1_795_309_200_000,
        };
        let account = ledger::Account {
            balance: 2_000,
            entries: vec![
                entry(EntryKind::Debit, -1_000, Some("K20261122-7F3K9Q2MXA")),
                entry(EntryKind::Welcome, 3_000, None),
            ],
        };
        assert_eq!(
            serde_json::to_value(view(account)).unwrap(),
            json!({"balance": 2000, "currency": "JPY", "entries": [
                {"kind": "DEBIT", "amount": -1000, "orderNo": "K20261122-7F3K9Q2MXA", "at": "2026-11-22T01:00:00.000Z"},
                {"kind": "WELCOME", "amount": 3000, "at": "2026-11-22T01:00:00.000Z"},
            ]})
        );
    }

    #[test]
    fn a_ledger_that_does_not_answer_is_a_503() {
        let ctx = RequestContext::for_test("GET", "/api/account");
        assert_eq!(
            problem(&ctx, &LedgerError::Unavailable("disk".to_owned())).code(),
            Code::ServiceUnavailable
        );
    }
}
