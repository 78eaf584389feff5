//! The envelope around every answer of PayPay, and what a result code means for the caller.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;

text_enum! {
    /// `resultInfo.code`.
    pub enum ResultCode {
        Success = "SUCCESS",
        /// 202: done later.
        RequestAccepted = "REQUEST_ACCEPTED",
        /// 202 to a capture above the authorized amount: PayPay asks the buyer first.
        UserConfirmationRequired = "USER_CONFIRMATION_REQUIRED",
        InvalidRequestParams = "INVALID_REQUEST_PARAMS",
        MissingRequestParams = "MISSING_REQUEST_PARAMS",
        /// The state of the payment or code does not allow the call.
        UnacceptableOp = "UNACCEPTABLE_OP",
        /// 401: the contract with PayPay does not cover the call, for example authorizations.
        OpOutOfScope = "OP_OUT_OF_SCOPE",
        /// Wrong key, signature or clock.
        Unauthorized = "UNAUTHORIZED",
        /// The merchant in `X-ASSUME-MERCHANT` is not one of this client.
        OpaClientNotFound = "OPA_CLIENT_NOT_FOUND",
        DynamicQrPaymentNotFound = "DYNAMIC_QR_PAYMENT_NOT_FOUND",
        DynamicQrNotFound = "DYNAMIC_QR_NOT_FOUND",
        /// The `merchantPaymentId` was used before.
        DuplicateDynamicQrRequest = "DUPLICATE_DYNAMIC_QR_REQUEST",
        TransactionNotFound = "TRANSACTION_NOT_FOUND",
        OrderNotReversible = "ORDER_NOT_REVERSIBLE",
        /// A refund above the refundable amount. Source: PayPay's FAQ on refund failures, as the next three.
        InvalidParams = "INVALID_PARAMS",
        /// The payment was refunded before.
        RefundLimitExceeded = "REFUND_LIMIT_EXCEEDED",
        RefundWindowExceed = "REFUND_WINDOW_EXCEED",
        /// The buyer has left PayPay.
        CanceledUser = "CANCELED_USER",
        /// A refund of an unknown `paymentId`.
        ResourceNotFound = "RESOURCE_NOT_FOUND",
        NoSuchRefundOrder = "NO_SUCH_REFUND_ORDER",
        RateLimit = "RATE_LIMIT",
        ServiceError = "SERVICE_ERROR",
        InternalServerError = "INTERNAL_SERVER_ERROR",
        MaintenanceMode = "MAINTENANCE_MODE",
    }
}

/// What a refusal says about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The call had no effect and will be refused again.
    Refused,
    /// PayPay knows no such code, payment or refund.
    NotFound,
    /// No effect; too many calls, try again later.
    Throttled,
    /// No effect; PayPay is not taking calls now.
    Closed,
    /// PayPay took the call and waits for the buyer, who may agree, refuse or let it lapse: the payment's details, or a webhook, will tell. To ask
    /// again changes nothing.
    AwaitsBuyer,
    /// PayPay failed on the way: the call may or may not have taken effect.
    InDoubt,
}

impl ResultCode {
    /// What a failed call means. `http_status` decides for codes this build does not know.
    pub fn meaning(&self, http_status: u16) -> Meaning {
        match self {
            Self::DynamicQrPaymentNotFound
            | Self::DynamicQrNotFound
            | Self::TransactionNotFound
            | Self::ResourceNotFound
            | Self::NoSuchRefundOrder => Meaning::NotFound,
            Self::RateLimit => Meaning::Throttled,
            Self::MaintenanceMode => Meaning::Closed,
            Self::UserConfirmationRequired if http_status < 400 => Meaning::AwaitsBuyer,
            Self::ServiceError | Self::InternalServerError => Meaning::InDoubt,
            _ => match http_status {
                429 => Meaning::Throttled,
                500.. => Meaning::InDoubt,
                // An unknown refusal, or a success without a success code: neither can be trusted to have had no effect.
                ..400 => Meaning::InDoubt,
                _ => Meaning::Refused,
            },
        }
    }

    /// Whether the call did what it was asked to do, or will.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Success | Self::RequestAccepted)
    }
}

/// `resultInfo` of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultInfo {
    pub code: ResultCode,
    #[serde(default)]
    pub message: String,
    /// PayPay's number for the result, for its support.
    #[serde(default)]
    pub code_id: String,
}

/// An answer: `{"resultInfo":{…},"data":{…}|null}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    #[serde(rename = "resultInfo")]
    pub result: ResultInfo,
    pub data: Option<T>,
}

/// Why an answer brings no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// PayPay refused or failed.
    #[error("PayPay answered {status} {}: {} ({})", .info.code, .info.message, .info.code_id)]
    Refused { status: u16, info: ResultInfo },
    /// The answer is not PayPay's envelope, as a proxy's error page would be.
    #[error("PayPay's answer with status {status} cannot be read: {reason}")]
    Unreadable { status: u16, reason: String },
}

impl AnswerError {
    /// What the failure says about the call.
    pub fn meaning(&self) -> Meaning {
        match self {
            Self::Refused { status, info } => info.code.meaning(*status),
            Self::Unreadable { status: 429, .. } => Meaning::Throttled,
            Self::Unreadable { status: 503, .. } => Meaning::Closed,
            Self::Unreadable { .. } => Meaning::InDoubt,
        }
    }
}

/// Reads an answer whose data matters.
pub fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, AnswerError> {
    let unreadable = |reason: String| AnswerError::Unreadable { status, reason };
    let data = read_info(status, body)?;
    serde_json::from_value(data).map_err(|error| unreadable(format!("data: {error}")))
}

/// Reads an answer of which only success matters.
pub fn read_done(status: u16, body: &[u8]) -> Result<(), AnswerError> {
    read_info(status, body).map(drop)
}

fn read_info(status: u16, body: &[u8]) -> Result<serde_json::Value, AnswerError> {
    let envelope: Envelope<serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| AnswerError::Unreadable {
            status,
            reason: error.to_string(),
        })?;
    if (200..300).contains(&status) && envelope.result.code.is_success() {
        Ok(envelope.data.unwrap_or(serde_json::Value::Null))
    } else {
        Err(AnswerError::Refused {
            status,
            info: envelope.result,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn failure(status: u16, body: &str) -> AnswerError {
        read_done(status, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn each_failure_says_whether_the_call_may_have_taken_effect() {
        let body = |code: &str| {
            format!(r#"{{"resultInfo":{{"code":"{code}","message":"m","codeId":"1"}},"data":null}}"#)
        };
        let table = [
            (400, body("DUPLICATE_DYNAMIC_QR_REQUEST"), Meaning::Refused),
            (401, body("UNAUTHORIZED"), Meaning::Refused),
            (404, body("OPA_CLIENT_NOT_FOUND"), Meaning::Refused),
            (404, body("DYNAMIC_QR_PAYMENT_NOT_FOUND"), Meaning::NotFound),
            (400, body("SOMETHING_NEW"), Meaning::Refused),
            (500, body("SOMETHING_NEW"), Meaning::InDoubt),
            (500, body("INTERNAL_SERVER_ERROR"), Meaning::InDoubt),
            (202, body("USER_CONFIRMATION_REQUIRED"), Meaning::AwaitsBuyer),
            (400, body("USER_CONFIRMATION_REQUIRED"), Meaning::Refused),
            (500, body("USER_CONFIRMATION_REQUIRED"), Meaning::InDoubt),
            (200, body("SOMETHING_NEW"), Meaning::InDoubt),
            (500, body("SUCCESS"), Meaning::InDoubt),
            (429, body("RATE_LIMIT"), Meaning::Throttled),
            (503, body("MAINTENANCE_MODE"), Meaning::Closed),
            (502, "<html>bad gateway</html>".to_owned(), Meaning::InDoubt),
            (503, String::new(), Meaning::Closed),
            (200, "{}".to_owned(), Meaning::InDoubt),
        ];
        for (status, body, meaning) in table {
            assert_eq!(failure(status, &body).meaning(), meaning, "{status} {body}");
        }
    }

    #[test]
    fn an_accepted_request_is_a_success_and_may_have_no_data() {
        let body = br#"{"resultInfo":{"code":"REQUEST_ACCEPTED","message":"ok","codeId":"1"},"data":null}"#;
        assert_eq!(read_done(202, body), Ok(()));
        assert!(matches!(
            read::<String>(202, body),
            Err(AnswerError::Unreadable { .. })
        ));
    }
}
