//! QR codes: `POST /v2/codes` and `DELETE /v2/codes/{codeId}`.

use serde::{Deserialize, Serialize};

use crate::ids::{CodeId, MerchantPaymentId};
use crate::money::Money;
use crate::request::{Fields, RequestError, at_most, object};

/// `POST` here to create a code.
pub const PATH: &str = "/v2/codes";

/// Most characters of an order's description. Source: PayPay OPA, `orderDescription`.
pub const MAX_DESCRIPTION_CHARS: usize = 255;
/// Most characters of an item's name, category or product id. Source: PayPay OPA, `orderItems`.
pub const MAX_ITEM_TEXT_CHARS: usize = 255;

/// The path of one code.
pub fn path_of(code: &CodeId) -> String {
    format!("{PATH}/{code}")
}

/// The one kind of code that `POST /v2/codes` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeType {
    #[serde(rename = "ORDER_QR")]
    OrderQr,
}

/// How the buyer's phone returns to the merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedirectType {
    WebLink,
    AppDeepLink,
}

/// One line of the order as PayPay's app shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderItem {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Pieces, 1 or more.
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// Yen a piece, 0 or more.
    pub unit_price: Money,
}

/// The body of `POST /v2/codes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCode {
    pub merchant_payment_id: MerchantPaymentId,
    /// 1 yen or more.
    pub amount: Money,
    pub code_type: CodeType,
    /// At most [`MAX_DESCRIPTION_CHARS`] characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order_items: Vec<OrderItem>,
    /// `true`: the buyer's approval only authorizes; the merchant captures or reverts later.
    pub is_authorization: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_type: Option<RedirectType>,
    /// Seconds since 1970.
    pub requested_at: i64,
}

impl CreateCode {
    /// Reads a body as PayPay would.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let value = object(body)?;
        let fields = Fields::root(&value)?;
        let request = Self {
            merchant_payment_id: fields.id("merchantPaymentId")?,
            amount: Money::read(&fields.object("amount")?)?,
            code_type: match fields.text("codeType")? {
                "ORDER_QR" => CodeType::OrderQr,
                _ => return Err(fields.invalid("codeType", "must be ORDER_QR")),
            },
            order_description: fields.text_or_none("orderDescription")?.map(str::to_owned),
            order_items: fields
                .objects("orderItems")?
                .iter()
                .map(read_item)
                .collect::<Result<_, _>>()?,
            is_authorization: fields.flag("isAuthorization")?,
            redirect_url: fields.text_or_none("redirectUrl")?.map(str::to_owned),
            redirect_type: match fields.text_or_none("redirectType")? {
                None => None,
                Some("WEB_LINK") => Some(RedirectType::WebLink),
                Some("APP_DEEP_LINK") => Some(RedirectType::AppDeepLink),
                Some(_) => return Err(fields.invalid("redirectType", "must be WEB_LINK or APP_DEEP_LINK")),
            },
            requested_at: fields.integer("requestedAt")?,
        };
        request.check()?;
        Ok(request)
    }

    /// The limits that types do not carry: amounts, lengths, and that the two redirect fields come together.
    pub fn check(&self) -> Result<(), RequestError> {
        if self.amount.amount < 1 {
            return Err(RequestError::invalid("amount.amount", "must be 1 or more"));
        }
        at_most(
            "orderDescription",
            self.order_description.as_deref(),
            MAX_DESCRIPTION_CHARS,
        )?;
        for (index, item) in self.order_items.iter().enumerate() {
            let field = |name: &str| format!("orderItems[{index}].{name}");
            at_most(&field("name"), Some(&item.name), MAX_ITEM_TEXT_CHARS)?;
            at_most(&field("category"), item.category.as_deref(), MAX_ITEM_TEXT_CHARS)?;
            at_most(
                &field("productId"),
                item.product_id.as_deref(),
                MAX_ITEM_TEXT_CHARS,
            )?;
            if item.quantity < 1 {
                return Err(RequestError::invalid(field("quantity"), "must be 1 or more"));
            }
            if item.unit_price.amount < 0 {
                return Err(RequestError::invalid(
                    field("unitPrice.amount"),
                    "must be 0 or more",
                ));
            }
        }
        match (&self.redirect_url, self.redirect_type) {
            (Some(_), None) => Err(RequestError::Missing {
                field: "redirectType".to_owned(),
            }),
            (None, Some(_)) => Err(RequestError::Missing {
                field: "redirectUrl".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

fn read_item(fields: &Fields<'_>) -> Result<OrderItem, RequestError> {
    Ok(OrderItem {
        name: fields.text("name")?.to_owned(),
        category: fields.text_or_none("category")?.map(str::to_owned),
        quantity: fields.integer("quantity")?,
        product_id: fields.text_or_none("productId")?.map(str::to_owned),
        unit_price: Money::read(&fields.object("unitPrice")?)?,
    })
}

/// `data` of a created code. PayPay echoes the request's fields too; they are not read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    pub code_id: CodeId,
    /// The address in the QR code.
    pub url: String,
    #[serde(default)]
    pub deeplink: String,
    /// Seconds since 1970. An unpaid code stays `CREATED` beyond it.
    pub expiry_date: i64,
    pub merchant_payment_id: MerchantPaymentId,
    pub amount: Money,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::result::ResultCode;

    fn body() -> Value {
        json!({
            "merchantPaymentId": "order-1", "amount": {"amount": 1200, "currency": "JPY"}, "codeType": "ORDER_QR",
            "orderDescription": "お買い物", "isAuthorization": false, "redirectUrl": "http://127.0.0.1/", "redirectType": "WEB_LINK",
            "orderItems": [{"name": "皿", "quantity": 2, "productId": "7", "unitPrice": {"amount": 600, "currency": "JPY"}}],
            "requestedAt": 1_743_139_337, "storeInfo": "an unknown field is no error"
        })
    }

    fn refusal(change: impl FnOnce(&mut Value)) -> (ResultCode, String) {
        let mut body = body();
        change(&mut body);
        let error = CreateCode::parse(body.to_string().as_bytes()).unwrap_err();
        (error.result_code(), error.to_string())
    }

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        let request = CreateCode::parse(body().to_string().as_bytes()).unwrap();
        let again = CreateCode::parse(&serde_json::to_vec(&request).unwrap()).unwrap();
        assert_eq!(request, again);
        assert_eq!(request.order_items[0].unit_price, Money::yen(600));
    }

    #[test]
    fn missing_and_invalid_fields_are_told_apart_and_named() {
        let drop = |pointer: &'static str| {
            refusal(move |body| {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(name);
            })
        };
        let missing = |field: &str| (ResultCode::MissingRequestParams, format!("{field} is missing"));
        assert_eq!(drop("/merchantPaymentId"), missing("merchantPaymentId"));
        assert_eq!(drop("/amount/currency"), missing("amount.currency"));
        assert_eq!(drop("/requestedAt"), missing("requestedAt"));
        assert_eq!(
            drop("/orderItems/0/unitPrice"),
            missing("orderItems[0].unitPrice")
        );
        assert_eq!(drop("/redirectType"), missing("redirectType"));
        for (pointer, value) in [
            ("/amount/amount", json!(0)),
            ("/amount/amount", json!(1.5)),
            ("/amount/amount", json!("1200")),
            ("/amount/currency", json!("USD")),
            ("/codeType", json!("USER_QR")),
            ("/merchantPaymentId", json!("x".repeat(65))),
            ("/orderDescription", json!("あ".repeat(256))),
            ("/orderItems", json!([1])),
            ("/orderItems/0/quantity", json!(0)),
            ("/redirectType", json!("POPUP")),
        ] {
            let (code, _) = refusal(|body| *body.pointer_mut(pointer).unwrap() = value.clone());
            assert_eq!(code, ResultCode::InvalidRequestParams, "{pointer} {value}");
        }
        assert_eq!(CreateCode::parse(b"[]"), Err(RequestError::NotAnObject));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = CreateCode::parse(&bytes);
        }
    }
}
