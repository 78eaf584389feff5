//! Codes, and what is told of their payments.

use paypay::codes::{Code, CreateCode};
use paypay::ids::{CodeId, MerchantPaymentId};
use paypay::money::Money;
use paypay::payments::PaymentStatus;
use rand::Rng;
use serde_json::{Map, Value};

use super::{Service, no_payment};
use crate::books::{CodeState, PaymentRecord};
use crate::opa::{self, OpaRefusal};
use crate::told;

impl Service {
    /// `authorization_expiry`: epoch seconds until which the merchant wants an authorization to last.
    pub(crate) async fn create_code(
        &self,
        request: CreateCode,
        authorization_expiry: Option<i64>,
    ) -> Result<Code, OpaRefusal> {
        let now = self.config.clock.seconds();
        let latest = now + self.config.authorization_seconds;
        if request.is_authorization && authorization_expiry.is_some_and(|expiry| expiry > latest) {
            return Err(OpaRefusal::new(
                opa::EXPIRY_TOO_FAR,
                "authorizationExpiry is beyond what this merchant is granted",
            ));
        }
        let code_id: CodeId = format!("04-{}", random_text(16))
            .parse()
            .map_err(|error| OpaRefusal::new(opa::INTERNAL_ERROR, format!("{error}")))?;
        let url = format!(
            "{}/sandbox/pay/{code_id}",
            self.config.public_url.trim_end_matches('/')
        );
        let record = PaymentRecord {
            deeplink: format!("paypay://payment?link_key={}", escaped(&url)),
            code_id,
            payment_id: None,
            url,
            amount: request.amount.amount,
            status: PaymentStatus::Created,
            expires_at: now + i64::try_from(self.config.code_ttl.as_secs()).unwrap_or(i64::MAX / 2),
            deleted: false,
            cancel_requested: false,
            accepted_at: None,
            completed_at: None,
            canceled_at: None,
            authorization_expiry,
            authorized_until: None,
            capture: None,
            revert: None,
            created_at: now,
            request,
        };
        let code = Code {
            code_id: record.code_id.clone(),
            url: record.url.clone(),
            deeplink: record.deeplink.clone(),
            expiry_date: record.expires_at,
            merchant_payment_id: record.merchant_payment_id().clone(),
            amount: Money::yen(record.amount),
        };
        if self.books.run(move |db| record.insert(db)).await? {
            Ok(code)
        } else {
            let message = "this merchantPaymentId was used before";
            Err(OpaRefusal::new(opa::DUPLICATE_CODE, message))
        }
    }

    /// Disables a code; a payment that was made with it stays. May be repeated.
    pub(crate) async fn delete_code(&self, id: CodeId) -> Result<(), OpaRefusal> {
        let found = self
            .books
            .run(move |db| {
                let Some(mut payment) = PaymentRecord::of_code(db, &id)? else {
                    return Ok(false);
                };
                payment.deleted = true;
                payment.update(db)?;
                Ok(true)
            })
            .await?;
        if found {
            Ok(())
        } else {
            Err(OpaRefusal::new(opa::NO_CODE, "no such code"))
        }
    }

    pub(crate) async fn details(&self, id: MerchantPaymentId) -> Result<Map<String, Value>, OpaRefusal> {
        let forget = self.faults.of(id.as_str()).forget_dead_codes;
        let dossier = self.dossier(id).await?.ok_or_else(no_payment)?;
        let code = dossier.payment.code_state(self.config.clock.seconds());
        if forget && matches!(code, CodeState::Deleted | CodeState::Expired) {
            return Err(no_payment());
        }
        Ok(told::payment(&dossier.payment, dossier.refund.as_ref()))
    }
}

fn random_text(chars: usize) -> String {
    rand::rng()
        .sample_iter(rand::distr::Alphanumeric)
        .take(chars)
        .map(char::from)
        .collect()
}

/// Percent-encoded for a query's value.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
