//! A buyer with a session, as a browser would keep it. Every answer is held to `docs/openapi.yaml` on the way.

use crate::{Live, Shop, eventually};
use anyhow::{Context, Result, ensure};
use reqwest::{Method, header};
use serde_json::{Value, json};

/// An answer of the shop's API.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// The body, or `null` if it is not JSON.
    pub json: Value,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The problem's `code`, or an empty text.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

#[derive(Debug)]
pub struct Buyer<'a> {
    shop: &'a Shop,
    cookie: Option<String>,
}

impl<'a> Buyer<'a> {
    /// A visitor who has not logged in.
    pub fn stranger(shop: &'a Shop) -> Buyer<'a> {
        Buyer { shop, cookie: None }
    }

    /// Somebody whose session is [`Self::into_cookie`]'s.
    pub fn with_cookie(shop: &'a Shop, cookie: Option<String>) -> Buyer<'a> {
        Buyer { shop, cookie }
    }

    /// The session, without the borrow of its shop.
    pub fn into_cookie(self) -> Option<String> {
        self.cookie
    }

    pub async fn login(shop: &'a Shop, email: &str) -> Result<Buyer<'a>> {
        let token = shop.token(email).await?;
        let mut buyer = Buyer::stranger(shop);
        let answer = buyer.session(&token).await?;
        ensure!(answer.status == 200, "login: {answer:?}");
        Ok(buyer)
    }

    /// Somebody with the role `admin`.
    pub async fn admin(shop: &'a Shop, email: &str) -> Result<Buyer<'a>> {
        let token = shop.admin_token(email).await?;
        let mut admin = Buyer::stranger(shop);
        let answer = admin.session(&token).await?;
        ensure!(answer.status == 200, "login: {answer:?}");
        Ok(admin)
    }

    /// `POST /auth/session`; keeps the cookie if one is set.
    pub async fn session(&mut self, id_token: &str) -> Result<Answer> {
        let url = format!("{}/auth/session", self.shop.url());
        let body = json!({"idToken": id_token});
        let response = self
            .shop
            .http
            .post(url)
            .header(header::ORIGIN, self.shop.url())
            .json(&body)
            .send()
            .await?;
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            self.cookie = cookie.to_str()?.split(';').next().map(str::to_owned);
        }
        self.answer(&Method::POST, "/auth/session", response).await
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(
            Method::POST,
            path,
            &[(header::CONTENT_TYPE.as_str(), "application/json")],
            Some(body.to_string().into_bytes()),
        )
        .await
    }

    /// Any request, with the session's cookie and a same-origin `Origin` unless `headers` has another.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let mut request = self
            .shop
            .http
            .request(method.clone(), format!("{}{path}", self.shop.url()));
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("origin"))
        {
            request = request.header(header::ORIGIN, self.shop.url());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        self.answer(&method, path, response).await
    }

    /// `POST /api/orders` with `(product, quantity)` lines.
    pub async fn order(&self, lines: &[(u32, i64)], key: &str) -> Result<Answer> {
        let items: Vec<Value> = lines
            .iter()
            .map(|(product, quantity)| json!({"productId": product, "quantity": quantity}))
            .collect();
        self.order_body(&json!({"items": items}), key).await
    }

    pub async fn order_body(&self, body: &Value, key: &str) -> Result<Answer> {
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/json"),
            ("idempotency-key", key),
        ];
        self.send(
            Method::POST,
            "/api/orders",
            &headers,
            Some(body.to_string().into_bytes()),
        )
        .await
    }

    /// Places an order that must succeed, and returns the answer's body.
    pub async fn buy(&self, lines: &[(u32, i64)], key: &str) -> Result<Value> {
        let answer = self.order(lines, key).await?;
        ensure!(answer.status == 201, "order: {} {}", answer.status, answer.json);
        Ok(answer.json)
    }

    pub async fn order_state(&self, order: &Value) -> Result<Value> {
        let order_no = order["orderNo"].as_str().context("no orderNo")?;
        let answer = self.get(&format!("/api/orders/{order_no}")).await?;
        ensure!(
            answer.status == 200,
            "order {order_no}: {} {}",
            answer.status,
            answer.json
        );
        Ok(answer.json)
    }

    /// Waits until the order has this status.
    pub async fn until(&self, order: &Value, status: &str) -> Result<Value> {
        eventually(
            &format!("{} to be {status}", order["orderNo"]),
            async || self.order_state(order).await,
            |seen| seen["status"] == status,
        )
        .await
    }

    pub async fn cancel(&self, order: &Value) -> Result<Answer> {
        let order_no = order["orderNo"].as_str().context("no orderNo")?;
        self.post(&format!("/api/orders/{order_no}/cancel"), &json!({}))
            .await
    }

    /// Pieces of a product that can be ordered now.
    pub async fn stock(&self, product: u32) -> Result<i64> {
        let answer = self.get(&format!("/api/products/{product}")).await?;
        answer.json["stock"]
            .as_i64()
            .with_context(|| format!("product {product}: {answer:?}"))
    }

    /// Opens the WebSocket that the order's answer names.
    pub async fn watch(&self, order: &Value) -> Result<Live> {
        Live::open(order).await
    }

    async fn answer(&self, method: &Method, path: &str, response: reqwest::Response) -> Result<Answer> {
        let status = response.status().as_u16();
        let text = |name: header::HeaderName| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let content_type = text(header::CONTENT_TYPE);
        let has_length = response.headers().contains_key(header::CONTENT_LENGTH);
        let has_id = response.headers().contains_key("x-request-id");
        let bytes = response.bytes().await?.to_vec();
        ensure!(
            has_length || status == 204 || status == 304,
            "{method} {path}: {status} without content-length"
        );
        ensure!(has_id, "{method} {path}: {status} without X-Request-Id");
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        self.shop
            .contract
            .hold(method.as_str(), path, status, &content_type, &json)?;
        Ok(Answer {
            status,
            content_type,
            json,
            bytes,
        })
    }
}
