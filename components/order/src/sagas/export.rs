//! `kessai:order/sagas`: what the host worker and its command line ask.

use super::operator::{self, Action as Wish, SagaError as Refusal};
use super::{page, registry};
use crate::Component;
use crate::bindings::exports::kessai::order::sagas::{
    Action, CensusLine, Filter, Guest, Registered, SagaError, Started,
};
use crate::records::{self, saga_list};
use domain::Instant;
use edge::RequestContext;
use serde_json::{Map, Value};

impl Guest for Component {
    async fn list(filter: Filter) -> Result<String, SagaError> {
        let wanted = page::Wanted {
            phase: filter.phase,
            machine: filter.machine,
            order_no: filter.order_no,
            older_than: filter.older_than,
            cursor: filter.cursor,
            size: filter.size,
        };
        Ok(page::read(wanted).await?.to_string())
    }

    async fn show(id: String) -> Result<String, SagaError> {
        Ok(operator::show(&id).await?.to_string())
    }

    async fn steer(
        id: String,
        action: Action,
        actor: String,
        reason: Option<String>,
    ) -> Result<String, SagaError> {
        let ctx = RequestContext::internal();
        let saga = operator::steer(&id, action.into(), &actor, reason.as_deref(), &ctx).await?;
        Ok(saga.to_string())
    }

    async fn signal(id: String, event: String, payload: String, actor: String) -> Result<String, SagaError> {
        let payload: Value =
            serde_json::from_str(&payload).map_err(|error| invalid("payload", &error.to_string()))?;
        let ctx = RequestContext::internal();
        let saga = operator::signal(&id, &event, payload, &actor, &ctx).await?;
        Ok(saga.to_string())
    }

    async fn start(
        machine: String,
        business_key: Option<String>,
        params: String,
        actor: String,
    ) -> Result<Started, SagaError> {
        let params: Map<String, Value> =
            serde_json::from_str(&params).map_err(|error| invalid("params", &error.to_string()))?;
        let ctx = RequestContext::internal();
        let (new, saga) = operator::start(&machine, business_key.as_deref(), params, &actor, &ctx).await?;
        Ok(Started {
            saga: saga.to_string(),
            new,
        })
    }

    async fn resume(id: String) -> Result<(), SagaError> {
        Ok(operator::resume(&id, &RequestContext::internal()).await?)
    }

    async fn machines() -> Result<String, SagaError> {
        Ok(registry::list().await?.to_string())
    }

    async fn machine(name: String) -> Result<String, SagaError> {
        Ok(registry::find(&name).await?.to_string())
    }

    async fn register(definition: String, actor: String) -> Result<Registered, SagaError> {
        let definition: Value =
            serde_json::from_str(&definition).map_err(|error| invalid("definition", &error.to_string()))?;
        let (new, machine) = registry::register(&definition, &actor).await?;
        Ok(Registered {
            machine: machine.to_string(),
            new,
        })
    }

    async fn census() -> Result<Vec<CensusLine>, SagaError> {
        let db = records::open().await.map_err(Refusal::from)?;
        let counts = saga_list::census(&db).await.map_err(Refusal::from)?;
        let lines = counts.into_iter().map(|line| CensusLine {
            machine: line.machine,
            phase: line.phase,
            count: line.count,
            oldest: u64::try_from(line.oldest.millis()).unwrap_or(0),
        });
        Ok(lines.collect())
    }

    async fn archive(ended_before: u64, limit: u32) -> Result<u32, SagaError> {
        let before = Instant::from_millis(i64::try_from(ended_before).unwrap_or(i64::MAX));
        let moved = operator::archive(before, limit.clamp(1, 1000)).await?;
        Ok(u32::try_from(moved).unwrap_or(u32::MAX))
    }
}

impl From<Action> for Wish {
    fn from(action: Action) -> Wish {
        match action {
            Action::Forward => Wish::Forward,
            Action::Compensate => Wish::Compensate,
            Action::Skip => Wish::Skip,
            Action::Retry => Wish::Retry,
        }
    }
}

impl From<Refusal> for SagaError {
    fn from(error: Refusal) -> SagaError {
        match error {
            Refusal::NotFound => SagaError::NotFound,
            Refusal::UnknownMachine(name) => invalid("machine", &format!("`{name}` is not registered")),
            Refusal::Invalid(field, why) => SagaError::Invalid((field, why)),
            Refusal::Definition(objections) => {
                let (field, why) = objections.into_iter().next().unwrap_or_default();
                SagaError::Invalid((field, why))
            }
            Refusal::Conflict(why) => SagaError::Conflict(why),
            Refusal::Busy => SagaError::Busy,
            Refusal::Unavailable(why) => SagaError::Unavailable(why),
        }
    }
}

fn invalid(field: &str, why: &str) -> SagaError {
    SagaError::Invalid((field.to_owned(), why.to_owned()))
}
