//! Refunds: `POST /v2/refunds` and `GET /v2/refunds/{merchantRefundId}`. One refund for each payment.

use serde::{Deserialize, Serialize};

use crate::ids::{MerchantRefundId, PaymentId};
use crate::money::Money;
use crate::request::{Fields, RequestError, at_most, object};
use crate::text_enum::text_enum;

/// `POST` here to refund.
pub const PATH: &str = "/v2/refunds";
/// Most characters of a reason. Source: PayPay OPA, `reason`.
pub const MAX_REASON_CHARS: usize = 255;

/// The path of one refund's details.
pub fn path_of(id: &MerchantRefundId) -> String {
    format!("{PATH}/{id}")
}

text_enum! {
    /// A refund's status. Once accepted a refund always ends as `REFUNDED`: PayPay retries until it is.
    pub enum RefundStatus {
        Created = "CREATED",
        Refunded = "REFUNDED",
        /// Between two of PayPay's attempts; never final.
        RefundFailed = "REFUND_FAILED",
    }
}

impl RefundStatus {
    /// Whether the buyer has the money back, or will.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Created | Self::Refunded | Self::RefundFailed)
    }
}

/// The body of `POST /v2/refunds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRefund {
    pub merchant_refund_id: MerchantRefundId,
    /// PayPay's id of the payment.
    pub payment_id: PaymentId,
    /// 1 yen or more, at most what was paid.
    pub amount: Money,
    /// At most [`MAX_REASON_CHARS`] characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub requested_at: i64,
}

impl CreateRefund {
    /// Reads a body as PayPay would.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let value = object(body)?;
        let fields = Fields::root(&value)?;
        let request = Self {
            merchant_refund_id: fields.id("merchantRefundId")?,
            payment_id: fields.id("paymentId")?,
            amount: Money::read(&fields.object("amount")?)?,
            reason: fields.text_or_none("reason")?.map(str::to_owned),
            requested_at: fields.integer("requestedAt")?,
        };
        request.check()?;
        Ok(request)
    }

    /// The limits that types do not carry.
    pub fn check(&self) -> Result<(), RequestError> {
        if self.amount.amount < 1 {
            return Err(RequestError::invalid("amount.amount", "must be 1 or more"));
        }
        at_most("reason", self.reason.as_deref(), MAX_REASON_CHARS)
    }
}

/// `data` of a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    pub status: RefundStatus,
    pub merchant_refund_id: MerchantRefundId,
    pub payment_id: PaymentId,
    pub amount: Money,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<i64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_refund_request_reads_back_and_its_limits_hold() {
        let request = CreateRefund {
            merchant_refund_id: "r-1".parse().unwrap(),
            payment_id: "0123".parse().unwrap(),
            amount: Money::yen(5),
            reason: Some("返品".to_owned()),
            requested_at: 1,
        };
        assert_eq!(
            CreateRefund::parse(&serde_json::to_vec(&request).unwrap()).unwrap(),
            request
        );
        let nothing = CreateRefund {
            amount: Money::yen(0),
            ..request.clone()
        };
        let wordy = CreateRefund {
            reason: Some("x".repeat(256)),
            ..request
        };
        for bad in [nothing, wordy] {
            assert!(CreateRefund::parse(&serde_json::to_vec(&bad).unwrap()).is_err());
        }
    }
}
