//! The table `refunds`: at most one for each payment.

use paypay::ids::{MerchantRefundId, PaymentId};
use paypay::money::Money;
use paypay::refunds::{CreateRefund, Refund, RefundStatus};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{BooksError, stored};

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefundRecord {
    pub request: CreateRefund,
    /// Epoch seconds.
    pub accepted_at: i64,
}

impl RefundRecord {
    pub(crate) fn insert(&self, db: &Connection) -> Result<(), BooksError> {
        let CreateRefund {
            merchant_refund_id,
            payment_id,
            amount,
            reason,
            requested_at,
        } = &self.request;
        db.execute(
            "INSERT INTO refunds (merchant_refund_id, payment_id, amount, reason, requested_at, accepted_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                merchant_refund_id.as_str(),
                payment_id.as_str(),
                amount.amount,
                reason,
                requested_at,
                self.accepted_at
            ],
        )?;
        Ok(())
    }

    pub(crate) fn of_merchant(db: &Connection, id: &MerchantRefundId) -> Result<Option<Self>, BooksError> {
        find(db, "merchant_refund_id", id.as_str())
    }

    pub(crate) fn of_payment(db: &Connection, id: &PaymentId) -> Result<Option<Self>, BooksError> {
        find(db, "payment_id", id.as_str())
    }

    /// The refund as PayPay tells it.
    pub(crate) fn told_as(&self, status: RefundStatus) -> Refund {
        let request = self.request.clone();
        Refund {
            status,
            merchant_refund_id: request.merchant_refund_id,
            payment_id: request.payment_id,
            amount: request.amount,
            accepted_at: Some(self.accepted_at),
            requested_at: Some(request.requested_at),
            reason: request.reason,
        }
    }
}

fn find(db: &Connection, column: &str, value: &str) -> Result<Option<RefundRecord>, BooksError> {
    type Raw = (String, String, i64, Option<String>, i64, i64);
    let read = |row: &Row<'_>| -> rusqlite::Result<Raw> {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
        ))
    };
    let sql = format!(
        "SELECT merchant_refund_id, payment_id, amount, reason, requested_at, accepted_at FROM refunds WHERE {column} = ?1"
    );
    let raw = db.prepare_cached(&sql)?.query_row([value], read).optional()?;
    raw.map(
        |(merchant_refund_id, payment_id, amount, reason, requested_at, accepted_at)| {
            Ok(RefundRecord {
                request: CreateRefund {
                    merchant_refund_id: stored(&merchant_refund_id)?,
                    payment_id: stored(&payment_id)?,
                    amount: Money::yen(amount),
                    reason,
                    requested_at,
                },
                accepted_at,
            })
        },
    )
    .transpose()
}
