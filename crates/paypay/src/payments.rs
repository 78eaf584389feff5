//! Payments: details, cancel, and capture or reversal of an authorization.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{MerchantCaptureId, MerchantPaymentId, MerchantRevertId, PaymentId};
use crate::money::Money;
use crate::refunds::Refund;
use crate::request::{Fields, RequestError, at_most, object};
use crate::text_enum::text_enum;

/// `POST` here to capture an authorization.
pub const CAPTURE_PATH: &str = "/v2/payments/capture";
/// `POST` here to give an authorization back.
pub const REVERT_PATH: &str = "/v2/payments/preauthorize/revert";

/// `GET` for the details of a payment by code.
pub fn code_payment_path(id: &MerchantPaymentId) -> String {
    format!("/v2/codes/payments/{id}")
}

/// `GET` for details, `DELETE` to cancel.
pub fn payment_path(id: &MerchantPaymentId) -> String {
    format!("/v2/payments/{id}")
}

text_enum! {
    /// A payment's status.
    pub enum PaymentStatus {
        /// The code was issued and is not paid. An expired code stays so for ever.
        Created = "CREATED",
        Authorized = "AUTHORIZED",
        Reauthorizing = "REAUTHORIZING",
        Completed = "COMPLETED",
        Refunded = "REFUNDED",
        Failed = "FAILED",
        Canceled = "CANCELED",
        /// An authorization that ran out; never an unpaid code.
        Expired = "EXPIRED",
    }
}

/// `data` of payment details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub merchant_payment_id: MerchantPaymentId,
    /// Absent until the buyer has acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    pub status: PaymentStatus,
    pub amount: Money,
    /// Seconds since 1970; absent until PayPay has accepted the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<i64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<i64>,
    /// `{"data":[…]}`; null or absent: none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub refunds: Refunds,
}

/// The refunds in a payment's details.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunds {
    #[serde(default)]
    pub data: Vec<Refund>,
}

/// `data` of payment details as an authorization has it: with what was captured of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuthorizedPayment {
    #[serde(flatten)]
    pub payment: Payment,
    /// `{"data":[…]}`; null or absent: none, or not told.
    #[serde(default, deserialize_with = "null_is_default")]
    pub captures: Captures,
}

/// The captures in a payment's details. PayPay takes one for each authorization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Captures {
    #[serde(default)]
    pub data: Vec<Captured>,
}

/// One capture in a payment's details.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Captured {
    pub merchant_capture_id: MerchantCaptureId,
    pub amount: Money,
}

impl AuthorizedPayment {
    /// Yen taken under `id`; `None`: nothing was. Where the details do not list captures, the completed payment's own amount.
    pub fn captured(&self, id: &MerchantCaptureId) -> Option<i64> {
        if !matches!(
            self.payment.status,
            PaymentStatus::Completed | PaymentStatus::Refunded
        ) {
            return None;
        }
        if self.captures.data.is_empty() {
            return Some(self.payment.amount.amount);
        }
        let ours = self
            .captures
            .data
            .iter()
            .find(|capture| capture.merchant_capture_id == *id)?;
        Some(ours.amount.amount)
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// The body of `POST /v2/payments/capture`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    pub merchant_payment_id: MerchantPaymentId,
    pub merchant_capture_id: MerchantCaptureId,
    /// 1 yen or more, at most what was authorized.
    pub amount: Money,
    pub order_description: String,
    /// Seconds since 1970.
    pub requested_at: i64,
}

impl Capture {
    /// Reads a body as PayPay would.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let value = object(body)?;
        let fields = Fields::root(&value)?;
        let request = Self {
            merchant_payment_id: fields.id("merchantPaymentId")?,
            merchant_capture_id: fields.id("merchantCaptureId")?,
            amount: Money::read(&fields.object("amount")?)?,
            order_description: fields.text("orderDescription")?.to_owned(),
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
        at_most(
            "orderDescription",
            Some(&self.order_description),
            crate::codes::MAX_DESCRIPTION_CHARS,
        )
    }
}

/// The body of `POST /v2/payments/preauthorize/revert`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revert {
    pub merchant_revert_id: MerchantRevertId,
    pub payment_id: PaymentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub requested_at: i64,
}

impl Revert {
    /// Reads a body as PayPay would.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let value = object(body)?;
        let fields = Fields::root(&value)?;
        let request = Self {
            merchant_revert_id: fields.id("merchantRevertId")?,
            payment_id: fields.id("paymentId")?,
            reason: fields.text_or_none("reason")?.map(str::to_owned),
            requested_at: fields.integer("requestedAt")?,
        };
        at_most(
            "reason",
            request.reason.as_deref(),
            crate::refunds::MAX_REASON_CHARS,
        )?;
        Ok(request)
    }
}

/// `data` of a reversal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reverted {
    pub status: PaymentStatus,
    pub payment_id: PaymentId,
    /// Seconds since 1970.
    pub accepted_at: i64,
    /// Seconds since 1970.
    pub requested_at: i64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn details_of_an_unpaid_code_need_no_payment_id_and_a_new_status_is_kept() {
        let payment: Payment = serde_json::from_str(
            r#"{"status":"SUSPENDED","merchantPaymentId":"m","amount":{"amount":5,"currency":"JPY"},"refunds":null,"assumeMerchant":"x"}"#,
        )
        .unwrap();
        assert_eq!(payment.payment_id, None);
        assert_eq!(payment.status, PaymentStatus::Unknown("SUSPENDED".to_owned()));
        assert_eq!(payment.refunds, Refunds::default());
        let body = serde_json::to_string(&payment).unwrap();
        assert_eq!(serde_json::from_str::<Payment>(&body).unwrap(), payment);
    }

    #[test]
    fn what_was_captured_is_read_from_the_list_if_there_is_one() {
        let read = |status: &str, captures: &str| {
            let body = format!(
                r#"{{"status":"{status}","merchantPaymentId":"m","amount":{{"amount":500,"currency":"JPY"}},"captures":{captures}}}"#
            );
            let payment: AuthorizedPayment = serde_json::from_str(&body).unwrap();
            payment.captured(&"c".parse().unwrap())
        };
        let list = |id: &str| {
            format!(
                r#"{{"data":[{{"merchantCaptureId":"{id}","amount":{{"amount":80,"currency":"JPY"}},"status":"COMPLETED"}}]}}"#
            )
        };
        assert_eq!(read("COMPLETED", &list("c")), Some(80));
        assert_eq!(read("COMPLETED", &list("x")), None, "somebody else's capture");
        assert_eq!(read("COMPLETED", "null"), Some(500));
        assert_eq!(read("COMPLETED", "{}"), Some(500));
        assert_eq!(
            read("AUTHORIZED", &list("c")),
            None,
            "asked for and not taken yet"
        );
    }

    #[test]
    fn captures_and_reversals_name_what_they_lack() {
        let missing = |error: RequestError| matches!(error, RequestError::Missing { .. });
        assert!(missing(
            Capture::parse(br#"{"merchantPaymentId":"m"}"#).unwrap_err()
        ));
        assert!(missing(
            Revert::parse(br#"{"merchantRevertId":"m"}"#).unwrap_err()
        ));
        let zero = br#"{"merchantPaymentId":"m","merchantCaptureId":"c","amount":{"amount":0,"currency":"JPY"},"orderDescription":"","requestedAt":1}"#;
        assert!(matches!(Capture::parse(zero), Err(RequestError::Invalid { .. })));
    }
}
