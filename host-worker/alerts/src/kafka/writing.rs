//! A batch on its way into the database, while the next one is worked out.

use crate::{
    processor::Prepared,
    store::{Commit, Store, StoreError},
};
use domain::Instant;
use tokio::task::JoinHandle;

/// A partition's part of a batch.
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) prepared: Prepared,
}

/// What is committed together.
pub(super) struct Batch {
    pub(super) parts: Vec<Part>,
    pub(super) at: Instant,
}

pub(super) enum Outcome {
    Written(Batch),
    /// Nothing of it is in the database. It can be tried again.
    Failed(Batch, StoreError),
    /// The task that wrote it is gone.
    Broken(String),
}

/// One transaction under way.
pub(super) struct Writing(JoinHandle<Outcome>);

impl Writing {
    pub(super) fn begin(store: &Store, mut batch: Batch) -> Writing {
        let store = store.clone();
        Writing(tokio::spawn(async move {
            let commits = batch.parts.iter_mut();
            let commits: Vec<Commit> = commits
                .map(|part| std::mem::take(&mut part.prepared.commit))
                .collect();
            let outcome = store.commit(&commits, batch.at).await;
            for (part, commit) in batch.parts.iter_mut().zip(commits) {
                part.prepared.commit = commit;
            }
            match outcome {
                Ok(_) => Outcome::Written(batch),
                Err(error) => Outcome::Failed(batch, error),
            }
        }))
    }

    /// Waits for the end of what is under way; for ever if nothing is. Whoever stops waiting loses nothing.
    pub(super) async fn end(writing: &mut Option<Writing>) -> Outcome {
        let Some(Writing(task)) = writing else {
            return std::future::pending().await;
        };
        let outcome = task
            .await
            .unwrap_or_else(|error| Outcome::Broken(error.to_string()));
        *writing = None;
        outcome
    }
}
