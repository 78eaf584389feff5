//! The table `refunds`: at most one for each payment. PayPay knows a refund by merchant, `merchantRefundId` and `paymentId` together, so two payments'
//! refunds may share a name. Source: PayPay's API documentation, "Get refund details".

use paypay::ids::{MerchantRefundId, PaymentId};
use paypay::money::Money;
use paypay::refunds::{CreateRefund, Refund, RefundStatus};
use rusqlite::{Connection, Row, params};

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

    /// The refund of that name: of that payment, or, where none is named, the latest.
    pub(crate) fn named(
        db: &Connection,
        id: &MerchantRefundId,
        payment: Option<&PaymentId>,
    ) -> Result<Option<Self>, BooksError> {
        find(
            db,
            "merchant_refund_id = ?1 AND (?2 IS NULL OR payment_id = ?2)",
            &[&id.as_str(), &payment.map(PaymentId::as_str)],
        )
    }

    pub(crate) fn of_payment(db: &Connection, id: &PaymentId) -> Result<Option<Self>, BooksError> {
        find(db, "payment_id = ?1", &[&id.as_str()])
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

fn find(
    db: &Connection,
    which: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Option<RefundRecord>, BooksError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT * FROM refunds WHERE {which} ORDER BY rowid DESC LIMIT 1"
    ))?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Result<RefundRecord, BooksError> {
    Ok(RefundRecord {
        request: CreateRefund {
            merchant_refund_id: stored(&row.get::<_, String>("merchant_refund_id")?)?,
            payment_id: stored(&row.get::<_, String>("payment_id")?)?,
            amount: Money::yen(row.get("amount")?),
            reason: row.get("reason")?,
            requested_at: row.get("requested_at")?,
        },
        accepted_at: row.get("accepted_at")?,
    })
}
