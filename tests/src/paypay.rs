//! PayPay's sandbox, as the buyer's phone reaches it, and the hand that makes it fail. It may live on while the shop is dead.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct PayPay {
    http: reqwest::Client,
    /// Without a slash at the end.
    url: String,
}

impl PayPay {
    pub fn at(url: String, http: reqwest::Client) -> PayPay {
        PayPay { http, url }
    }

    /// What the buyer's phone does. `payment_url`: what the order's answer has in `payment.url`.
    pub async fn approve(&self, payment_url: &str) -> Result<Value> {
        self.phone(payment_url, "approve").await
    }

    pub async fn decline(&self, payment_url: &str) -> Result<Value> {
        self.phone(payment_url, "decline").await
    }

    async fn phone(&self, payment_url: &str, button: &str) -> Result<Value> {
        let code = payment_url
            .rsplit('/')
            .next()
            .context("a payment address ends in its code")?;
        let url = format!("{}/sandbox/codes/{code}/{button}", self.url);
        let answer = self.http.post(url).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "{button}: {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Sets the faults, for example `{"webhook":{"drop":1}}`.
    pub async fn faults(&self, faults: Value) -> Result<()> {
        let url = format!("{}/sandbox/faults", self.url);
        let answer = self.http.put(url).json(&faults).send().await?;
        ensure!(
            answer.status().is_success(),
            "faults: {} {}",
            answer.status(),
            answer.text().await?
        );
        Ok(())
    }

    /// What PayPay believes of a payment, with its webhooks.
    pub async fn payment(&self, merchant_payment_id: &str) -> Result<Value> {
        let url = format!("{}/sandbox/payments/{merchant_payment_id}", self.url);
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Whether it answers.
    pub(crate) async fn answers(&self) -> Result<()> {
        let url = format!("{}/sandbox/faults", self.url);
        self.http.get(url).send().await?.error_for_status()?;
        Ok(())
    }
}
