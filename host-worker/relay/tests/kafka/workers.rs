//! Several workers, one log.

use crate::{
    log, quick,
    reader::{assert_in_order, read},
    support::{Files, Running, eventually},
};
use domain::topic;
use futures::{FutureExt, future::BoxFuture};
use kessai_relay::{AppendError, Event, EventLog, kafka::KafkaLog};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts what one worker hands over. From `dies_after` on, Kafka has the batch and the worker does not live to remember it.
struct Counted {
    kafka: Arc<KafkaLog>,
    appended: AtomicUsize,
    dies_after: usize,
}

impl Counted {
    fn new(kafka: &Arc<KafkaLog>, dies_after: usize) -> Arc<Counted> {
        Arc::new(Counted {
            kafka: Arc::clone(kafka),
            appended: AtomicUsize::new(0),
            dies_after,
        })
    }

    fn appended(&self) -> usize {
        self.appended.load(Ordering::SeqCst)
    }
}

impl EventLog for Counted {
    fn name(&self) -> &str {
        self.kafka.name()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn append<'a>(&'a self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Result<(), AppendError>> {
        async move {
            self.kafka.append(events).await?;
            let appended = self.appended.fetch_add(events.len(), Ordering::SeqCst) + events.len();
            if appended > self.dies_after {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    }
}

async fn commit_all(files: &mut Files, keys: usize, numbers: std::ops::Range<usize>) {
    for number in numbers {
        for key in 0..keys {
            files
                .commit(&format!("K{key}:{number}"), &format!("K{key}"))
                .await;
        }
    }
}

#[tokio::test]
async fn a_worker_that_dies_between_acknowledgement_and_memory_repeats_and_loses_nothing() {
    let mut files = Files::new().await;
    commit_all(&mut files, 20, 0..10).await;
    let (settings, kafka) = log().await;
    let config = kessai_relay::RelayConfig { batch: 30, ..quick() };
    let dying = Counted::new(&kafka, 80);
    let first = Running::start(files.relay(dying.clone(), config.clone()).await);
    eventually("the third batch in Kafka", async || dying.appended() == 90).await;
    assert_eq!(files.position("kafka").await, 60);
    first.kill().await;

    let second = Running::start(files.relay(kafka, config).await);
    eventually("everything in Kafka", async || {
        files.position("kafka").await == 200
    })
    .await;
    second.stop().await;
    let repeats = assert_in_order(&read(&settings, topic::ORDERS).await, 20, 10);
    assert_eq!(repeats, 30);
}

#[tokio::test]
async fn of_two_workers_one_relays_and_nothing_is_doubled() {
    let mut files = Files::new().await;
    let (settings, kafka) = log().await;
    let counts = [Counted::new(&kafka, usize::MAX), Counted::new(&kafka, usize::MAX)];
    let mut workers = Vec::new();
    for count in &counts {
        workers.push(Running::start(files.relay(count.clone(), quick()).await));
    }
    commit_all(&mut files, 10, 0..10).await;
    eventually("the first part", async || files.position("kafka").await == 100).await;
    let by_each = counts.each_ref().map(|count| count.appended());
    assert!(by_each == [100, 0] || by_each == [0, 100], "{by_each:?}");

    // The one at work ends well; the other one goes on without a pause in between.
    let at_work = usize::from(by_each[0] == 0);
    workers.swap_remove(at_work).stop().await;
    commit_all(&mut files, 10, 10..20).await;
    eventually("the second part", async || files.position("kafka").await == 200).await;
    assert_eq!(counts.each_ref().map(|count| count.appended()), [100, 100]);
    workers.remove(0).stop().await;
    assert_eq!(assert_in_order(&read(&settings, topic::ORDERS).await, 10, 20), 0);
}
