//! Sends webhooks with PayPay's policy: an answer within 2.0 s, up to three retries 100 ms apart, then the event is lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::books::{Attempt, Delivery, Outcome, PendingDelivery};
use crate::service::Service;

/// How long an answer is awaited.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The first attempt and three retries.
const MAX_ATTEMPTS: u32 = 4;
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Most webhooks under way at once.
const MAX_UNDER_WAY: usize = 64;
/// How long the sender sleeps at most: a clock that is set forward makes webhooks due without a knock.
const LONGEST_NAP: Duration = Duration::from_secs(1);

/// Sends what is due until `stop` turns true, then finishes what is under way. What was not sent stays in the books.
pub(crate) async fn deliver(
    service: Arc<Service>,
    url: String,
    client: reqwest::Client,
    mut stop: watch::Receiver<bool>,
) {
    let mut under_way = JoinSet::new();
    let mut ids = HashSet::new();
    while !*stop.borrow() {
        let nap = start_due(&service, &url, &client, &mut under_way, &mut ids).await;
        tokio::select! {
            () = service.mail.notified() => {}
            Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                if let Ok(id) = done { ids.remove(&id); }
            }
            () = tokio::time::sleep(nap) => {}
            // An error means that the sandbox itself is gone.
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Starts every webhook that is due and returns how long to sleep.
async fn start_due(
    service: &Arc<Service>,
    url: &str,
    client: &reqwest::Client,
    under_way: &mut JoinSet<i64>,
    ids: &mut HashSet<i64>,
) -> Duration {
    let pending = match service
        .books
        .run(|db| Delivery::pending(db, 2 * MAX_UNDER_WAY as u32))
        .await
    {
        Ok(pending) => pending,
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be read");
            return LONGEST_NAP;
        }
    };
    let now = service.config.clock.millis();
    for delivery in pending
        .into_iter()
        .filter(|delivery| !ids.contains(&delivery.id))
        .collect::<Vec<_>>()
    {
        if delivery.due_at > now {
            let wait = u64::try_from(delivery.due_at - now).unwrap_or(0);
            return Duration::from_millis(wait).min(LONGEST_NAP);
        }
        if ids.len() >= MAX_UNDER_WAY {
            break;
        }
        ids.insert(delivery.id);
        under_way.spawn(send(
            Arc::clone(service),
            url.to_owned(),
            client.clone(),
            delivery,
        ));
    }
    LONGEST_NAP
}

async fn send(service: Arc<Service>, url: String, client: reqwest::Client, delivery: PendingDelivery) -> i64 {
    let mut attempts = Vec::new();
    let mut outcome = Outcome::Lost;
    for number in 1..=MAX_ATTEMPTS {
        if number > 1 {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        let attempt = attempt(&service, &url, &client, &delivery.body, number).await;
        tracing::info!(
            delivery = delivery.id,
            number,
            status = attempt.status,
            error = attempt.error,
            duration_ms = attempt.duration_ms,
            "webhook sent"
        );
        let accepted = attempt.status.is_some_and(|status| (200..300).contains(&status));
        attempts.push(attempt);
        if accepted {
            outcome = Outcome::Delivered;
            break;
        }
    }
    let id = delivery.id;
    if let Err(error) = service
        .books
        .run(move |db| Delivery::settle(db, id, outcome, &attempts))
        .await
    {
        tracing::error!(%error, delivery = id, "a webhook's outcome was not recorded; it will be sent again");
    }
    id
}

async fn attempt(service: &Service, url: &str, client: &reqwest::Client, body: &str, number: u32) -> Attempt {
    let at = service.config.clock.millis();
    let started = Instant::now();
    let sent = client
        .post(url)
        .timeout(ANSWER_LIMIT)
        .header(reqwest::header::CONTENT_TYPE, "application/json")
        .body(body.to_owned())
        .send()
        .await;
    let (status, error) = match sent {
        Ok(answer) => (Some(answer.status().as_u16()), None),
        Err(error) if error.is_timeout() => (None, Some("no answer within 2.0 s".to_owned())),
        Err(error) => (None, Some(in_words(error))),
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Attempt {
        number,
        at,
        status,
        error,
        duration_ms,
    }
}

/// The error and its causes, without the address: its last segment may be the webhook's secret.
fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
