//! Events that cannot be read, told to those who look after them.

use super::{KafkaAlertsError, message::Told, producer::Producer};
use crate::{heard::Unreadable, store::DeadLetter};
use domain::{EventRejected, Instant, topic};

/// What a value is cut to.
const CHARACTERS: usize = 16 * 1024;

/// `partition`: of their topic, where they came from.
pub(super) async fn tell(
    producer: &mut Producer,
    partition: i32,
    unreadable: &[&Unreadable],
) -> Result<(), KafkaAlertsError> {
    let told: Vec<Told> = unreadable
        .iter()
        .map(|unreadable| event(producer, partition, &unreadable.letter, unreadable.key.clone()))
        .collect();
    producer.send(&told).await
}

fn event(producer: &Producer, partition: i32, letter: &DeadLetter, key: String) -> Told {
    let at = Instant::now().to_string();
    let rejected = EventRejected {
        topic: producer.settings().topic(&letter.topic),
        partition: i64::from(partition),
        offset: letter.offset,
        event_id: letter.event_id.clone(),
        reason: letter.reason.clone(),
        data: letter.data.chars().take(CHARACTERS).collect(),
        at: at.clone(),
    };
    Told {
        topic: producer.settings().topic(topic::DEAD_LETTERS),
        kind: EventRejected::TYPE,
        // The same when it is told again.
        id: format!("{}/{partition}/{}", rejected.topic, letter.offset),
        key,
        // A struct of strings and numbers has no way to fail.
        data: serde_json::to_string(&rejected).unwrap_or_default(),
        time: at,
    }
}
