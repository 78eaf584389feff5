//! `kessai:order/sagas`: what an operator asks of sagas, for the command line and the scheduler.

use super::{CallError, Instances};

pub use super::bindings::exports::kessai::order::sagas::{
    Action, CensusLine, Document, Filter, Registered, SagaError, Started,
};

type Result<T> = std::result::Result<T, CallError<SagaError>>;

/// A client of `kessai:order/sagas`. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Sagas {
    instances: Instances,
}

impl Sagas {
    pub(crate) fn new(instances: Instances) -> Self {
        Self { instances }
    }

    /// A `SagaPage`: what needs somebody first, then the newest.
    pub async fn list(&self, filter: Filter) -> Result<Document> {
        self.instances
            .call(async |accessor, orders| orders.kessai_order_sagas().call_list(accessor, filter).await)
            .await
    }

    /// A `Saga`.
    pub async fn show(&self, id: &str) -> Result<Document> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_sagas()
                    .call_show(accessor, id.to_owned())
                    .await
            })
            .await
    }

    /// Sets a saga going again and runs it for a few seconds. A `Saga`.
    pub async fn steer(
        &self,
        id: &str,
        action: Action,
        actor: &str,
        reason: Option<&str>,
    ) -> Result<Document> {
        self.instances
            .call(async |accessor, orders| {
                let (id, actor, reason) = (id.to_owned(), actor.to_owned(), reason.map(str::to_owned));
                orders
                    .kessai_order_sagas()
                    .call_steer(accessor, id, action, actor, reason)
                    .await
            })
            .await
    }

    /// Tells a saga of the event that it waits for. `payload`: any JSON value. A `Saga`.
    pub async fn signal(&self, id: &str, event: &str, payload: Document, actor: &str) -> Result<Document> {
        self.instances
            .call(async |accessor, orders| {
                let (id, event, actor) = (id.to_owned(), event.to_owned(), actor.to_owned());
                orders
                    .kessai_order_sagas()
                    .call_signal(accessor, id, event, payload, actor)
                    .await
            })
            .await
    }

    /// Starts an instance of a registered machine. `params`: a JSON object.
    pub async fn start(
        &self,
        machine: &str,
        business_key: Option<&str>,
        params: Document,
        actor: &str,
    ) -> Result<Started> {
        self.instances
            .call(async |accessor, orders| {
                let (machine, key, actor) = (
                    machine.to_owned(),
                    business_key.map(str::to_owned),
                    actor.to_owned(),
                );
                orders
                    .kessai_order_sagas()
                    .call_start(accessor, machine, key, params, actor)
                    .await
            })
            .await
    }

    /// Goes on with a saga that was claimed as `saga`.
    pub async fn resume(&self, id: &str) -> Result<()> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_sagas()
                    .call_resume(accessor, id.to_owned())
                    .await
            })
            .await
    }

    /// A `StateMachineList`.
    pub async fn machines(&self) -> Result<Document> {
        self.instances
            .call(async |accessor, orders| orders.kessai_order_sagas().call_machines(accessor).await)
            .await
    }

    /// A `StateMachine`, the newest version.
    pub async fn machine(&self, name: &str) -> Result<Document> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_sagas()
                    .call_machine(accessor, name.to_owned())
                    .await
            })
            .await
    }

    /// Registers a definition, or the next version of one.
    pub async fn register(&self, definition: Document, actor: &str) -> Result<Registered> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_sagas()
                    .call_register(accessor, definition, actor.to_owned())
                    .await
            })
            .await
    }

    /// Counts of everything that is not archived.
    pub async fn census(&self) -> Result<Vec<CensusLine>> {
        self.instances
            .call(async |accessor, orders| orders.kessai_order_sagas().call_census(accessor).await)
            .await
    }

    /// Archives at most `limit`, 1 to 1000, final sagas that ended before `ended_before`, epoch milliseconds. How many it archived.
    pub async fn archive(&self, ended_before: u64, limit: u32) -> Result<u32> {
        self.instances
            .call(async |accessor, orders| {
                orders
                    .kessai_order_sagas()
                    .call_archive(accessor, ended_before, limit)
                    .await
            })
            .await
    }
}
