//! Which payment a call is about, so that it meets that payment's faults.

use axum::http::{Method, Uri};
use paypay::ids::{CodeId, MerchantRefundId, PaymentId};
use serde_json::Value;

use crate::books::{BooksError, PaymentRecord, RefundRecord};
use crate::service::Service;

/// How a call names its payment.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Merchants(String),
    Code(String),
    Payment(String),
    Refund(String),
}

fn name(method: &Method, path: &str, body: &[u8]) -> Option<Name> {
    let field = |field: &str| {
        let body: Value = serde_json::from_slice(body).ok()?;
        Some(body.get(field)?.as_str()?.to_owned())
    };
    let own = |text: &str| text.to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        (&Method::POST, ["v2", "codes"] | ["v2", "payments", "capture"]) => {
            field("merchantPaymentId").map(Name::Merchants)
        }
        (&Method::POST, ["v2", "refunds"] | ["v2", "payments", "preauthorize", "revert"]) => {
            field("paymentId").map(Name::Payment)
        }
        (_, ["v2", "codes", "payments", id] | ["v2", "payments", id]) => Some(Name::Merchants(own(id))),
        (_, ["v2", "codes", id]) => Some(Name::Code(own(id))),
        (_, ["v2", "refunds", id]) => Some(Name::Refund(own(id))),
        _ => None,
    }
}

/// The `merchantPaymentId` of the payment that a call is about, which may not exist yet. `None`: the call names none that anybody knows.
pub(super) async fn of(
    service: &Service,
    method: &Method,
    uri: &Uri,
    body: &[u8],
) -> Result<Option<String>, BooksError> {
    let Some(name) = name(method, uri.path(), body) else {
        return Ok(None);
    };
    if let Name::Merchants(id) = name {
        return Ok(Some(id));
    }
    let payment = service
        .books
        .run(move |db| match name {
            Name::Merchants(_) => Ok(None),
            Name::Code(id) => match id.parse::<CodeId>() {
                Ok(id) => PaymentRecord::of_code(db, &id),
                Err(_) => Ok(None),
            },
            Name::Payment(id) => match id.parse::<PaymentId>() {
                Ok(id) => PaymentRecord::of_payment(db, &id),
                Err(_) => Ok(None),
            },
            Name::Refund(id) => match id.parse::<MerchantRefundId>() {
                Ok(id) => match RefundRecord::named(db, &id, None)? {
                    Some(refund) => PaymentRecord::of_payment(db, &refund.request.payment_id),
                    None => Ok(None),
                },
                Err(_) => Ok(None),
            },
        })
        .await?;
    Ok(payment.map(|payment| payment.merchant_payment_id().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_names_its_payment() {
        let merchants = |id: &str| Some(Name::Merchants(id.to_owned()));
        let payment = Some(Name::Payment("p".to_owned()));
        for (method, path, expected) in [
            (Method::POST, "/v2/codes", merchants("m")),
            (Method::GET, "/v2/codes/payments/x", merchants("x")),
            (Method::DELETE, "/v2/codes/c", Some(Name::Code("c".to_owned()))),
            (Method::GET, "/v2/payments/x", merchants("x")),
            (Method::DELETE, "/v2/payments/x", merchants("x")),
            (Method::POST, "/v2/payments/capture", merchants("m")),
            (Method::POST, "/v2/payments/preauthorize/revert", payment),
            (Method::POST, "/v2/refunds/", Some(Name::Payment("p".to_owned()))),
            (Method::GET, "/v2/refunds/r", Some(Name::Refund("r".to_owned()))),
            (Method::GET, "/v2/wallet/check_balance", None),
        ] {
            let body = br#"{"merchantPaymentId":"m","paymentId":"p"}"#;
            assert_eq!(name(&method, path, body), expected, "{method} {path}");
        }
        assert_eq!(name(&Method::POST, "/v2/codes", b"not JSON"), None);
    }
}
