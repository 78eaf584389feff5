//! Creating and deleting codes.
//!
//! PayPay tells a code's address once, in the answer to the request that makes it, and refuses a second request with the same
//! `merchantPaymentId` for ever. So the intent is on disk before the call and the outcome after it, and in between, after a crash or a time-out:
//! - asking again is safe, since PayPay makes at most one code under an id;
//! - if PayPay says "duplicate" to a repeat, the code exists and its address is lost: `in-doubt`, until the caller takes another id. Nobody knows
//!   the lost code's address, so nobody can pay it.

use paypay::codes::{self, Code, CodeType, CreateCode, OrderItem, RedirectType};
use paypay::ids::{CodeId, MerchantPaymentId};
use paypay::money::Money;
use paypay::payments::payment_path;
use paypay::result::ResultCode;
use serde::Serialize;
use store::Database;
use store::barrier::{Prior, Step, Stop, recorded, run_action, run_compensation};

use crate::fault::{Fault, Rejection};
use crate::paypay_api::{Paypay, now_seconds};
use crate::records::{self, CreatedCode};
use crate::wire::Wire;

const CREATE: &str = "create-code";
const DELETE: &str = "delete-code";

/// One line of the order.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Item {
    pub product_id: u32,
    pub name: String,
    pub quantity: u32,
    /// Yen.
    pub unit_price: i64,
}

/// What decides which code is made; hashed into the step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CodeRequest {
    pub order_no: String,
    pub merchant_payment_id: String,
    /// Yen.
    pub amount: i64,
    pub description: String,
    pub items: Vec<Item>,
    pub redirect_url: Option<String>,
}

impl CodeRequest {
    fn to_paypay(&self) -> Result<CreateCode, Fault> {
        let items = self.items.iter().map(|item| OrderItem {
            // PayPay counts; a long product name must not cost the sale.
            name: item.name.chars().take(codes::MAX_ITEM_TEXT_CHARS).collect(),
            category: None,
            quantity: i64::from(item.quantity),
            product_id: Some(item.product_id.to_string()),
            unit_price: Money::yen(item.unit_price),
        });
        let request = CreateCode {
            merchant_payment_id: id(&self.merchant_payment_id)?,
            amount: Money::yen(self.amount),
            code_type: CodeType::OrderQr,
            order_description: Some(self.description.clone()),
            order_items: items.collect(),
            is_authorization: false,
            redirect_url: self.redirect_url.clone(),
            redirect_type: self.redirect_url.as_ref().map(|_| RedirectType::WebLink),
            requested_at: now_seconds(),
        };
        request.check().map_err(Fault::invalid)?;
        Ok(request)
    }
}

/// A text from the caller as an id.
pub(crate) fn id(text: &str) -> Result<MerchantPaymentId, Fault> {
    text.parse()
        .map_err(|error| Fault::invalid(format!("merchant-payment-id {error}")))
}

pub(crate) async fn create<W: Wire>(
    database: Database,
    paypay: &Paypay<W>,
    step: &str,
    request: &CodeRequest,
) -> Result<CreatedCode, Fault> {
    let step = Step::new(step, CREATE, request).map_err(Fault::invalid)?;
    let body = request.to_paypay()?;
    let first = records::intend(&database, step.id(), request).await?;
    if !first && let Some(known) = earlier(&database, &step, request).await? {
        return Ok(known);
    }
    match paypay.post::<Code>(codes::PATH, &body).await {
        Ok(code) => keep(database, paypay, &step, code.into()).await,
        Err(Fault::Rejected(rejection)) if !first && is_duplicate(&rejection) => {
            // Ours, from a try whose answer did not arrive; unless that try is still at work and has recorded it by now.
            match recorded::<CreatedCode, Rejection>(&database, &step).await? {
                Some(known) => Ok(known),
                None => Err(Fault::InDoubt(
                    "an earlier try made the code, and PayPay tells its address only once".to_owned(),
                )),
            }
        }
        Err(Fault::Rejected(rejection)) => refuse(database, &step, request, rejection).await,
        Err(other) => Err(other),
    }
}

/// What an earlier try left: its outcome, or `None` if it only got as far as the intent.
async fn earlier(
    database: &Database,
    step: &Step,
    request: &CodeRequest,
) -> Result<Option<CreatedCode>, Fault> {
    let known = recorded::<CreatedCode, Rejection>(database, step).await?;
    if known.is_none()
        && records::asked_by(database, &request.merchant_payment_id)
            .await?
            .as_deref()
            != Some(step.id())
    {
        let code = ResultCode::DuplicateDynamicQrRequest.to_string();
        let message = "another step has asked for a code under this merchant-payment-id".to_owned();
        return Err(Fault::Rejected(Rejection { code, message }));
    }
    Ok(known)
}

fn is_duplicate(rejection: &Rejection) -> bool {
    rejection.code == ResultCode::DuplicateDynamicQrRequest.as_str()
}

async fn keep<W: Wire>(
    database: Database,
    paypay: &Paypay<W>,
    step: &Step,
    code: CreatedCode,
) -> Result<CreatedCode, Fault> {
    let kept = run_action(database, step, async |tx| {
        records::created(tx, &code).await?;
        Ok::<_, Stop<Rejection>>(code.clone())
    })
    .await
    .map_err(Fault::from);
    if kept == Err(Fault::Canceled) {
        // The compensation came while PayPay was at work. Nobody will hear of this code; disable it all the same.
        let code_id: CodeId = code.code_id.parse().map_err(Fault::invalid)?;
        if let Err(error) = paypay.delete(&codes::path_of(&code_id)).await {
            let fields = serde_json::json!({ "codeId": code.code_id, "error": error.to_string() });
            edge::log::warn(paypay.context(), "canceled_code_not_deleted", fields);
        }
    }
    kept
}

async fn refuse(
    database: Database,
    step: &Step,
    request: &CodeRequest,
    rejection: Rejection,
) -> Result<CreatedCode, Fault> {
    records::rejected(&database, &request.merchant_payment_id).await?;
    Ok(run_action(database, step, async |_| {
        Err::<CreatedCode, _>(Stop::Refused(rejection.clone()))
    })
    .await?)
}

pub(crate) async fn delete<W: Wire>(
    open: impl AsyncFn() -> Result<Database, store::StoreError>,
    paypay: &Paypay<W>,
    step: &str,
    create_step: &str,
    merchant_payment_id: &str,
) -> Result<(), Fault> {
    id(merchant_payment_id)?;
    let step = Step::new(step, DELETE, &(create_step, merchant_payment_id)).map_err(Fault::invalid)?;
    let create = Step::of_unknown_arguments(create_step, CREATE).map_err(Fault::invalid)?;
    // First on disk that no code will come of the creating step from now on, and which one has. What follows may be repeated.
    let made: Option<CreatedCode> = run_compensation(
        open().await?,
        &step,
        &create,
        async |_, prior: Prior<CreatedCode>| {
            Ok::<_, Stop<Rejection>>(match prior {
                Prior::Done(code) => Some(code),
                Prior::Nothing => None,
            })
        },
    )
    .await?;
    let database = open().await?;
    let Some(code) = made else {
        for lost in records::doubtful(&database, create_step).await? {
            void(&database, paypay, &lost).await?;
        }
        return Ok(());
    };
    if records::is_deleted(&database, &code.merchant_payment_id).await? {
        return Ok(());
    }
    let code_id: CodeId = code.code_id.parse().map_err(Fault::invalid)?;
    match paypay.delete(&codes::path_of(&code_id)).await {
        Ok(()) | Err(Fault::NotFound) => Ok(records::deleted(&database, &code.merchant_payment_id).await?),
        Err(other) => Err(other),
    }
}

/// Makes sure that a code which may exist, but whose address nobody knows, cannot be paid: a payment canceled before it is made fails when it is.
async fn void<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    merchant_payment_id: &str,
) -> Result<(), Fault> {
    match paypay.delete(&payment_path(&id(merchant_payment_id)?)).await {
        Ok(()) | Err(Fault::NotFound) => Ok(records::deleted(database, merchant_payment_id).await?),
        Err(other) => Err(other),
    }
}
