//! Topics made, found and missed.

use crate::{reader::read, settings, support::Files};
use domain::topic;
use kessai_relay::{
    RelayConfig,
    kafka::{KafkaError, KafkaLog, Made, create_topics, list_topics},
};
use std::sync::Arc;

#[tokio::test]
async fn topics_are_made_once_and_then_stay_as_they_are() {
    let settings = settings();
    let listed = list_topics(&settings).await.unwrap();
    assert!(listed.iter().all(|topic| topic.layout.is_none()), "{listed:?}");
    for (partitions, expected) in [(3, Made::Created), (5, Made::Existed)] {
        let made = create_topics(&settings, partitions, 1).await.unwrap();
        let names: Vec<&str> = made.iter().map(|(topic, _)| topic.name.as_str()).collect();
        assert_eq!(names, topic::ALL.map(|name| settings.topic(name)));
        for (topic, made) in &made {
            assert_eq!((*made, topic.layout), (expected, Some((3, 1))), "{topic:?}");
        }
    }
    assert_eq!(list_topics(&settings).await.unwrap().len(), 4);
}

#[tokio::test]
async fn more_copies_than_brokers_are_refused_in_words() {
    let error = create_topics(&settings(), 1, 9).await.unwrap_err();
    assert!(matches!(error, KafkaError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("9 copies"), "{error}");
}

#[tokio::test]
async fn a_missing_topic_is_not_made_by_accident() {
    let settings = settings();
    let mut files = Files::new().await;
    files.commit("K:0", "K").await;
    let log = Arc::new(KafkaLog::new(settings.clone()).unwrap());
    assert!(matches!(log.check().await, Err(KafkaError::NoTopic(_))));
    let mut relay = files.relay(log.clone(), RelayConfig::default()).await;
    let error = relay.pump().await.unwrap_err().to_string();
    assert!(error.contains("kessai topics create"), "{error}");
    let listed = list_topics(&settings).await.unwrap();
    assert!(listed.iter().all(|topic| topic.layout.is_none()), "{listed:?}");

    assert_eq!(files.position("kafka").await, 0);

    create_topics(&settings, 1, 1).await.unwrap();
    relay.pump().await.unwrap();
    log.check().await.unwrap();
    assert_eq!(read(&settings, topic::ORDERS).await.len(), 1);
}
