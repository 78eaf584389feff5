//! `/admin/**`: the private HTTP side, for `bff`. It has checked that the caller is an administrator and names them.

use super::operator::{self, Action, SagaError};
use super::{page, registry};
use edge::{Answer, Body, Code, Method, Problem, RequestContext, StatusCode, respond};
use serde::Deserialize;
use serde_json::{Map, Value};

const LARGEST_PARAMS: usize = 256 * 1024;
const LARGEST_REASON: usize = 500;

pub async fn dispatch<B: Body>(ctx: &RequestContext, rest: &[&str], body: B) -> Result<Answer, Problem> {
    let (get, post) = ([Method::GET], [Method::POST]);
    match rest {
        ["sagas"] => match *ctx.effective_method() {
            Method::GET => list(ctx).await,
            Method::POST => start(ctx, body).await,
            _ => Err(Problem::method_not_allowed(&[Method::GET, Method::POST])),
        },
        ["sagas", id] => {
            ctx.allow(&get)?;
            respond::json(StatusCode::OK, &operator::show(id).await?)
        }
        ["sagas", id, "events"] => {
            ctx.allow(&post)?;
            signal(ctx, id, body).await
        }
        ["sagas", id, action] => {
            ctx.allow(&post)?;
            let action = Action::from_name(action).ok_or(Code::NotFound)?;
            steer(ctx, id, action, body).await
        }
        ["state-machines"] => match *ctx.effective_method() {
            Method::GET => respond::json(StatusCode::OK, &registry::list().await?),
            Method::POST => {
                let definition: Value = edge::json_body(ctx, body, registry::LARGEST).await?;
                let (new, machine) = registry::register(&definition, actor(ctx)?).await?;
                respond::json(status(new), &machine)
            }
            _ => Err(Problem::method_not_allowed(&[Method::GET, Method::POST])),
        },
        ["state-machines", name] => {
            ctx.allow(&get)?;
            respond::json(StatusCode::OK, &registry::find(name).await?)
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}

async fn list(ctx: &RequestContext) -> Result<Answer, Problem> {
    let text = |name: &str| ctx.query(name).map(str::to_owned);
    let number = |name: &str| -> Result<Option<u32>, Problem> {
        ctx.query(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| Problem::field(name, "must be a whole number"))
            })
            .transpose()
    };
    let wanted = page::Wanted {
        phase: text("phase"),
        machine: text("machine"),
        order_no: text("orderNo"),
        older_than: number("olderThan")?,
        cursor: text("cursor"),
        size: number("size")?.unwrap_or(20),
    };
    respond::json(StatusCode::OK, &page::read(wanted).await?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    machine: String,
    business_key: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

async fn start<B: Body>(ctx: &RequestContext, body: B) -> Result<Answer, Problem> {
    let wish: Start = edge::json_body(ctx, body, LARGEST_PARAMS).await?;
    for (field, text) in [
        ("machine", Some(&wish.machine)),
        ("businessKey", wish.business_key.as_ref()),
    ] {
        if text.is_some_and(|text| text.is_empty() || text.chars().count() > 128) {
            return Err(Problem::field(field, "must be 1 to 128 characters"));
        }
    }
    let key = wish.business_key.as_deref();
    let (new, saga) = operator::start(&wish.machine, key, wish.params, actor(ctx)?, ctx).await?;
    respond::json(status(new), &saga)
}

#[derive(Deserialize, Default)]
struct Steering {
    reason: Option<String>,
}

async fn steer<B: Body>(ctx: &RequestContext, id: &str, action: Action, body: B) -> Result<Answer, Problem> {
    let bytes = edge::bytes_body(ctx, body, 16 * 1024).await?;
    let steering: Steering = if bytes.is_empty() {
        Steering::default()
    } else {
        edge::require_json(ctx)?;
        edge::parse_json(&bytes)?
    };
    if steering
        .reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > LARGEST_REASON)
    {
        return Err(Problem::field("reason", "must be at most 500 characters"));
    }
    let saga = operator::steer(id, action, actor(ctx)?, steering.reason.as_deref(), ctx).await?;
    respond::json(StatusCode::OK, &saga)
}

#[derive(Deserialize)]
struct Signal {
    event: String,
    #[serde(default)]
    payload: Value,
}

async fn signal<B: Body>(ctx: &RequestContext, id: &str, body: B) -> Result<Answer, Problem> {
    let signal: Signal = edge::json_body(ctx, body, LARGEST_PARAMS).await?;
    let saga = operator::signal(id, &signal.event, signal.payload, actor(ctx)?, ctx).await?;
    respond::json(StatusCode::OK, &saga)
}

fn actor(ctx: &RequestContext) -> Result<&str, Problem> {
    ctx.header("x-user-id")
        .filter(|user| !user.is_empty())
        .ok_or_else(|| Problem::field("X-User-Id", "the caller must name the user"))
}

fn status(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { StatusCode::OK }
}

impl From<SagaError> for Problem {
    fn from(error: SagaError) -> Problem {
        match error {
            SagaError::NotFound => Problem::new(Code::SagaNotFound),
            SagaError::UnknownMachine(name) => {
                Problem::new(Code::StateMachineNotFound).with_detail(format!("`{name}` is not registered"))
            }
            SagaError::Invalid(field, why) => Problem::field(field, why),
            SagaError::Definition(objections) => objections
                .into_iter()
                .fold(Problem::new(Code::InvalidDefinition), |problem, (field, why)| {
                    problem.with_error(field, why)
                }),
            SagaError::Conflict(why) => Problem::new(Code::SagaConflict).with_detail(why),
            SagaError::Busy => Problem::new(Code::SagaConflict)
                .with_detail(error.to_string())
                .with_retry_after(1),
            SagaError::Unavailable(why) => Problem::new(Code::ServiceUnavailable)
                .with_detail(why)
                .with_retry_after(2),
        }
    }
}
