//! Creating and deleting codes.
//!
//! PayPay tells a code's address once, in the answer to the request that makes it, and refuses a second request with the same
//! `merchantPaymentId` for ever (source: PayPay OPA, `POST /v2/codes`). So the intent is on disk before each request and the outcome after it, and the
//! number of requests that may have taken effect in between:
//! - asking again with the same step is safe, since PayPay makes at most one code under an id; but the gateway never does so by itself;
//! - if PayPay refuses a repeat while an earlier request is open, the code may exist and its address is lost: `in-doubt`, until the caller takes another
//!   id. Nobody knows the lost code's address, so nobody can pay it, and its compensation cancels whatever it may be;
//! - a request that is known to have made nothing (no connection, 429, maintenance) leaves nothing to compensate, so a checkout that fails because
//!   PayPay is down does not have to wait for PayPay in order to be undone.

use paypay::codes::{self, Code, CodeType, CreateCode, OrderItem, RedirectType};
use paypay::ids::{CodeId, MerchantPaymentId};
use paypay::money::Money;
use paypay::payments::PaymentStatus;
use paypay::result::ResultCode;
use serde::Serialize;
use store::Database;
use store::barrier::{Prior, Step, Stop, recorded, run_action, run_compensation};

use crate::fault::{Fault, Rejection};
use crate::patience::or_read;
use crate::payments;
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
    /// The buyer's approval only sets the amount aside. Left out of the hash if not, so that steps recorded before there was a choice keep theirs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_authorization: bool,
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
            is_authorization: self.is_authorization,
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
    let id = request.merchant_payment_id.as_str();
    let (database, intended) = records::intend(database, step.id(), request).await?;
    if !intended {
        if let Some(known) = earlier(&database, &step, request).await? {
            return Ok(known);
        }
        if !records::intend_again(&database, step.id(), id).await? {
            // Another try has ended in between.
            return earlier(&database, &step, request)
                .await?
                .ok_or_else(|| Fault::Storage(format!("the record of {id} is gone")));
        }
    }
    match paypay.create::<Code>(codes::PATH, &body).await {
        Ok(code) => keep(database, paypay, &step, code.into()).await,
        Err(Fault::InDoubt(reason)) => Err(Fault::InDoubt(reason)),
        Err(fault) => {
            let nothing_made = records::without_effect(&database, id).await?;
            match fault {
                Fault::Rejected(rejection) if nothing_made => {
                    refuse(database, &step, request, rejection).await
                }
                Fault::Rejected(rejection) => lost(&database, &step, &rejection).await,
                other => Err(other),
            }
        }
    }
}

/// PayPay refused a repeat, most likely as a duplicate: an earlier try may have made the code. It may still be at work, too, and have recorded it by now.
async fn lost(database: &Database, step: &Step, rejection: &Rejection) -> Result<CreatedCode, Fault> {
    recorded::<CreatedCode, Rejection>(database, step)
        .await?
        .ok_or_else(|| {
            Fault::InDoubt(format!(
                "an earlier try may have made the code, whose address PayPay tells only once; this one was refused: {} ({})",
                rejection.code, rejection.message
            ))
        })
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
        return Err(Fault::refused(
            ResultCode::DuplicateDynamicQrRequest,
            "another step has asked for a code under this merchant-payment-id",
        ));
    }
    Ok(known)
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
        let path = codes::path_of(&code_id);
        if let Err(error) = paypay.persist(async || paypay.delete(&path).await).await {
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
    disable(&database, paypay, &code).await
}

async fn disable<W: Wire>(database: &Database, paypay: &Paypay<W>, code: &CreatedCode) -> Result<(), Fault> {
    let payment = id(&code.merchant_payment_id)?;
    let code_id: CodeId = code.code_id.parse().map_err(Fault::invalid)?;
    let path = codes::path_of(&code_id);
    // Details do not tell whether a code was deleted, but a code that was used is as good as deleted.
    let used = async || {
        let seen = payments::look(database, paypay, &payment).await?;
        let unknown = matches!(seen.status, PaymentStatus::Created | PaymentStatus::Unknown(_));
        Ok((!unknown).then_some(()))
    };
    match paypay
        .persist(async || or_read(paypay.delete(&path).await, used).await)
        .await
    {
        Ok(()) | Err(Fault::NotFound) => Ok(records::deleted(database, payment.as_str()).await?),
        Err(other) => Err(other),
    }
}

/// Makes sure that a code which may exist, but whose address nobody knows, cannot be paid: a payment canceled before it is made fails when it is.
async fn void<W: Wire>(
    database: &Database,
    paypay: &Paypay<W>,
    merchant_payment_id: &str,
) -> Result<(), Fault> {
    match payments::call_off(database, paypay, &id(merchant_payment_id)?).await {
        Ok(()) | Err(Fault::NotFound) => Ok(records::deleted(database, merchant_payment_id).await?),
        Err(other) => Err(other),
    }
}
