//! A payment as PayPay tells it: the fields of "Get payment details" in PayPay's API documentation.

use paypay::money::Money;
use paypay::payments::{Payment, PaymentStatus, Refunds};
use paypay::refunds::RefundStatus;
use serde_json::{Map, Value, json};

use crate::books::{PaymentRecord, RefundRecord};

/// `data` of the details, of a capture's answer too.
pub(crate) fn payment(payment: &PaymentRecord, refund: Option<&RefundRecord>) -> Map<String, Value> {
    let request = &payment.request;
    let common = Payment {
        merchant_payment_id: payment.merchant_payment_id().clone(),
        payment_id: payment.payment_id.clone(),
        status: payment.status.clone(),
        amount: Money::yen(payment.amount),
        accepted_at: payment.accepted_at,
        requested_at: Some(request.requested_at),
        refunds: Refunds {
            data: refund
                .map(|refund| refund.told_as(RefundStatus::Refunded))
                .into_iter()
                .collect(),
        },
    };
    let mut told = match serde_json::to_value(&common) {
        Ok(Value::Object(fields)) => fields,
        // A struct is an object.
        _ => Map::new(),
    };
    let rest = json!({
        "captures": payment.capture.as_ref().map(|capture| json!({"data": [{
            "merchantCaptureId": capture.merchant_capture_id,
            "amount": Money::yen(capture.amount),
            "orderDescription": capture.order_description,
            "requestedAt": capture.requested_at,
            "acceptedAt": capture.accepted_at,
            "expiresAt": capture.accepted_at.is_none().then_some(capture.expires_at),
            "status": if capture.accepted_at.is_some() { "COMPLETED" } else { "USER_REQUESTED" },
        }]})),
        "revert": payment.revert,
        "expiresAt": payment.authorized_until,
        "canceledAt": payment.canceled_at,
        "orderDescription": request.order_description,
        "orderItems": request.order_items,
    });
    if let Value::Object(fields) = rest {
        told.extend(fields);
    }
    if matches!(payment.status, PaymentStatus::Completed | PaymentStatus::Refunded) {
        let paid_with = json!([{"amount": Money::yen(payment.amount), "type": "WALLET"}]);
        told.insert("paymentMethods".to_owned(), paid_with);
    }
    told
}
