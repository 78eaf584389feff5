//! The results that PayPay's API answers with.
//!
//! Codes, HTTP statuses and numbers are those of the response code lists in PayPay's API documentation and in the READMEs of its SDKs, of which only
//! the latter tell the numbers (`codeId`). Where documentation and READMEs differ, the documentation is followed, with two exceptions for what live
//! answers are known to be: an unknown payment is 404, and the merchant in `X-ASSUME-MERCHANT` is still checked. Messages are the sandbox's own.

use std::fmt::Display;

use paypay::request::RequestError;
use paypay::result::ResultCode;

use crate::books::BooksError;
use crate::life::Refusal;

/// A result: HTTP status, `resultInfo.code` and `resultInfo.codeId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpaResult {
    pub status: u16,
    pub code: &'static str,
    pub number: &'static str,
}

const fn result(status: u16, code: &'static str, number: &'static str) -> OpaResult {
    OpaResult { status, code, number }
}

/// For results whose number PayPay has not published.
const UNPUBLISHED: &str = "08199999";

pub(crate) const DONE: OpaResult = result(200, "SUCCESS", "08100001");
pub(crate) const CREATED: OpaResult = result(201, "SUCCESS", "08100001");
pub(crate) const ACCEPTED: OpaResult = result(202, "REQUEST_ACCEPTED", "08100001");
/// The buyer is asked whether to pay more than was authorized.
pub(crate) const USER_CONFIRMATION: OpaResult = result(202, "USER_CONFIRMATION_REQUIRED", "08300103");

pub(crate) const INVALID_REQUEST: OpaResult = result(400, "INVALID_REQUEST_PARAMS", "08100006");
pub(crate) const MISSING_PARAMS: OpaResult = result(400, "MISSING_REQUEST_PARAMS", "08100024");
pub(crate) const UNAUTHORIZED: OpaResult = result(401, "UNAUTHORIZED", "08100016");
pub(crate) const NO_CLIENT: OpaResult = result(404, "OPA_CLIENT_NOT_FOUND", "08100007");
pub(crate) const RATE_LIMIT: OpaResult = result(429, "RATE_LIMIT", "08100998");
pub(crate) const SERVICE_ERROR: OpaResult = result(500, "SERVICE_ERROR", "08100026");
pub(crate) const INTERNAL_ERROR: OpaResult = result(500, "INTERNAL_SERVER_ERROR", "08101000");
pub(crate) const MAINTENANCE: OpaResult = result(503, "MAINTENANCE_MODE", "08100999");
/// For calls that the sandbox does not have; PayPay's own answer to those is not documented.
pub(crate) const NO_CALL: OpaResult = result(404, "UNACCEPTABLE_OP", UNPUBLISHED);

pub(crate) const DUPLICATE_CODE: OpaResult = result(400, "DUPLICATE_DYNAMIC_QR_REQUEST", "01652073");
pub(crate) const EXPIRY_TOO_FAR: OpaResult = result(400, "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE", "00400061");
pub(crate) const NO_CODE: OpaResult = result(404, "DYNAMIC_QR_NOT_FOUND", "01652072");
pub(crate) const NO_PAYMENT: OpaResult = result(404, "DYNAMIC_QR_PAYMENT_NOT_FOUND", "01652075");

/// Captures, reversals and refunds call an unknown payment so.
pub(crate) const NO_ORDER: OpaResult = result(404, "RESOURCE_NOT_FOUND", "00200001");
pub(crate) const NO_REFUND: OpaResult = result(404, "NO_SUCH_REFUND_ORDER", "00200018");

const NOT_REVERSIBLE: OpaResult = result(400, "ORDER_NOT_REVERSIBLE", "00200044");
const ALREADY_CAPTURED: OpaResult = result(400, "ALREADY_CAPTURED", "00200039");
const NOT_CAPTURABLE: OpaResult = result(400, "ORDER_NOT_CAPTURABLE", "00200035");
const ORDER_EXPIRED: OpaResult = result(400, "ORDER_EXPIRED", "00200043");
const REAUTHORIZATION: OpaResult = result(400, "REAUTHORIZATION_IN_PROGRESS", "00200038");
const NOT_CANCELABLE: OpaResult = result(400, "ORDER_NOT_CANCELABLE", "00200042");
const NOT_REFUNDABLE: OpaResult = result(400, "UNACCEPTABLE_OP", "00200013");
const INVALID_REFUND: OpaResult = result(400, "INVALID_PARAMS", "00200015");
const REFUND_WINDOW: OpaResult = result(400, "REFUND_WINDOW_EXCEED", UNPUBLISHED);
const REFUNDED_BEFORE: OpaResult = result(403, "MERCHANT_MULTIPLE_REFUND_REJECTED", UNPUBLISHED);
const CANCELED_USER: OpaResult = result(400, "CANCELED_USER", "01103027");
const CODE_UNPAYABLE: OpaResult = result(400, "UNACCEPTABLE_OP", UNPUBLISHED);

/// Why PayPay's API refuses a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpaRefusal {
    pub result: OpaResult,
    pub message: String,
}

impl OpaRefusal {
    pub(crate) fn new(result: OpaResult, message: impl Display) -> Self {
        Self {
            result,
            message: message.to_string(),
        }
    }
}

impl From<RequestError> for OpaRefusal {
    fn from(error: RequestError) -> Self {
        let result = match error.result_code() {
            ResultCode::MissingRequestParams => MISSING_PARAMS,
            _ => INVALID_REQUEST,
        };
        Self::new(result, error)
    }
}

impl From<BooksError> for OpaRefusal {
    fn from(error: BooksError) -> Self {
        tracing::error!(%error, "the sandbox failed");
        Self::new(INTERNAL_ERROR, "the sandbox's books failed")
    }
}

impl From<Refusal> for OpaRefusal {
    fn from(refusal: Refusal) -> Self {
        let result = match refusal {
            Refusal::CodeExpired | Refusal::CodeDeleted | Refusal::AlreadyDecided(_) => CODE_UNPAYABLE,
            Refusal::NotCancelable(_) | Refusal::CancelWindowOver => NOT_REVERSIBLE,
            Refusal::AlreadyCaptured => ALREADY_CAPTURED,
            Refusal::AuthorizationExpired => ORDER_EXPIRED,
            Refusal::ReauthorizationInProgress => REAUTHORIZATION,
            Refusal::NotCapturable(_) => NOT_CAPTURABLE,
            Refusal::NotRevertible(_) => NOT_CANCELABLE,
            Refusal::NotRefundable(_) => NOT_REFUNDABLE,
            Refusal::RefundedBefore => REFUNDED_BEFORE,
            Refusal::AboveRefundable(_) => INVALID_REFUND,
            Refusal::RefundWindowOver => REFUND_WINDOW,
            Refusal::BuyerGone => CANCELED_USER,
        };
        Self::new(result, refusal)
    }
}
