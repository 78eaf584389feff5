//! Two workers of one shop and a real Redis: what one finds, the other's buyers see.

#![allow(clippy::unwrap_used)]

mod support;

use kessai_realtime::{Fanout, RedisServer, ServerError};
use std::sync::{Arc, atomic::Ordering};
use support::*;
use xtask::services::{Kind, Services};

/// The version, whatever kind of message tells it.
async fn version(client: &mut Client) -> u64 {
    json(client).await["order"]["version"].as_u64().unwrap()
}

struct Redis {
    services: Services,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// # Panics
    /// If there is no redis-server: what these tests are about cannot be shown without one.
    fn start() -> Redis {
        let folder = tempfile::tempdir().unwrap();
        let services = Services::start_anew(folder.path(), &[Kind::Redis])
            .unwrap_or_else(|error| panic!("these tests need a Redis server: {error:#}"));
        Redis {
            services,
            _folder: folder,
        }
    }

    fn setting(&self, name: &str) -> String {
        let name = format!("SPIN_VARIABLE_REDIS_{name}");
        let variables = self.services.variables();
        variables
            .into_iter()
            .find_map(|(known, value)| (known == name).then_some(value))
            .unwrap()
    }

    fn server(&self) -> RedisServer {
        RedisServer::new(&self.setting("ADDRESS"), "", &self.setting("PASSWORD"), None).unwrap()
    }

    fn kill(&mut self) {
        self.services.server(Kind::Redis).unwrap().kill().unwrap();
    }

    fn start_again(&mut self) {
        self.services.server(Kind::Redis).unwrap().start().unwrap();
    }

    async fn publish(&self, message: &str) {
        let url = format!(
            "redis://:{}@{}",
            self.setting("PASSWORD"),
            self.setting("ADDRESS")
        );
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let heard: u64 = redis::cmd("PUBLISH")
            .arg("kessai:orders")
            .arg(message)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(heard, 2);
    }
}

/// Two workers with the same orders, each with a buyer who has the snapshot.
struct Shop {
    workers: [Service; 2],
    fanouts: [Fanout; 2],
    buyers: [Client; 2],
}

impl Shop {
    async fn open(redis: &Redis) -> Shop {
        let first = Service::start(|_| {}).await;
        let second = Service::over(Arc::clone(&first.orders), |_| {}).await;
        let fanouts = [&first, &second].map(|worker| Fanout::start(redis.server(), &worker.realtime));
        until(|| fanouts.iter().all(Fanout::is_subscribed)).await;
        let mut buyers = [first.connect().await, second.connect().await];
        for buyer in &mut buyers {
            assert_eq!(version(buyer).await, 1);
        }
        Shop {
            workers: [first, second],
            fanouts,
            buyers,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_sees_what_another_worker_finds_each_version_once() {
    let redis = Redis::start();
    let mut shop = Shop::open(&redis).await;
    let [finder, _] = &shop.workers;
    for number in [5, 3, 5, 4, 6] {
        finder.realtime.publish(view(number));
    }
    for buyer in &mut shop.buyers {
        let mut seen = vec![version(buyer).await];
        while seen.last() != Some(&6) {
            seen.push(version(buyer).await);
        }
        assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
    }
    // What was pushed on the way is the whole state, not only a number.
    finder.realtime.publish(view(10));
    let push = json(&mut shop.buyers[1]).await;
    assert_eq!(
        (&push["type"], &push["order"]["status"], &push["order"]["amount"]),
        (&"ORDER_UPDATED".into(), &"PAID".into(), &1200.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_redis_delays_other_workers_pushes_only_and_loses_none() {
    let mut redis = Redis::start();
    let mut shop = Shop::open(&redis).await;
    redis.kill();
    until(|| !shop.fanouts.iter().any(Fanout::is_subscribed)).await;
    assert!(redis.server().ping().await.is_err());

    // The worker's own buyer does not notice.
    shop.workers[0].publish(2);
    assert_eq!(version(&mut shop.buyers[0]).await, 2);
    // And of this change nobody tells at all, as if whoever found it had died.
    shop.workers[0].orders.put(view(10));

    redis.start_again();
    for buyer in &mut shop.buyers {
        while version(buyer).await != 10 {}
    }
    until(|| shop.fanouts.iter().all(Fanout::is_subscribed)).await;
    shop.workers[1].publish(11);
    assert_eq!(version(&mut shop.buyers[0]).await, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_read_anew_when_a_worker_lost_count_or_cannot_be_understood() {
    let redis = Redis::start();
    let mut shop = Shop::open(&redis).await;
    let orders = Arc::clone(&shop.workers[0].orders);
    for (number, message) in [
        (2, r#"{"type":"RESYNC"}"#),
        (3, "not JSON"),
        (4, r#"{"type":"NEWER"}"#),
    ] {
        // Not at the first try: the orders are away for a moment, too.
        *orders.down.lock().unwrap() = true;
        let refused = orders.refused.load(Ordering::Relaxed);
        orders.put(view(number));
        redis.publish(message).await;
        until(|| orders.refused.load(Ordering::Relaxed) >= refused + 2).await;
        *orders.down.lock().unwrap() = false;
        for buyer in &mut shop.buyers {
            assert_eq!(version(buyer).await, number, "{message}");
        }
    }
}

/// On one thread nothing is sent before the flood is over, so that the last of it is lost for certain.
#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_read_by_the_other_workers() {
    let redis = Redis::start();
    let mut shop = Shop::open(&redis).await;
    const LAST: u64 = 10_000;
    shop.workers[0].orders.put(view(LAST));
    for number in 2..=LAST {
        shop.workers[0].realtime.publish(view(number));
    }
    while version(&mut shop.buyers[1]).await != LAST {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_leaves_hands_on_what_it_knows() {
    let redis = Redis::start();
    let mut shop = Shop::open(&redis).await;
    let [leaving, staying] = shop.fanouts;
    for number in 2..=1000 {
        shop.workers[0].realtime.publish(view(number));
    }
    leaving.finish(PATIENCE).await;
    assert!(staying.is_subscribed());
    while version(&mut shop.buyers[1]).await != 1000 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named_as_the_cause() {
    let redis = Redis::start();
    redis.server().ping().await.unwrap();
    let server = RedisServer::new(&redis.setting("ADDRESS"), "", "wrong", None).unwrap();
    let error = server.ping().await.unwrap_err();
    assert!(
        matches!(&error, ServerError::Redis(_)) && error.to_string().contains("AuthenticationFailed"),
        "{error}"
    );
}
