//! The loop with orders in memory, and with tokio's clock stopped: it moves only when everybody sleeps, so a test of an hour takes no time
//! and every instant is exact.

#![allow(clippy::unwrap_used)]

use domain::{Instant, OrderNo};
use futures::{FutureExt, future::BoxFuture};
use kessai_schedule::{Claim, Clock, Due, Kind, Orders, ScheduleConfig, Scheduler, WorkError};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

/// Tokio's clock as a time of day, from epoch second 1000.
struct Stopped(time::Instant);

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::from_millis(1_000_000).plus(self.0.elapsed())
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Done {
    order: u64,
    /// `None`: a saga.
    kind: Option<Kind>,
    watched: bool,
    at: Duration,
}

#[derive(Default)]
struct State {
    due: BTreeMap<u64, (Instant, Option<Kind>)>,
    done: Vec<Done>,
    claims: usize,
    failing_claims: usize,
    running: usize,
    most_running: usize,
}

struct InMemory {
    clock: Arc<Stopped>,
    state: Mutex<State>,
    changed: tokio::sync::Notify,
    takes: Duration,
}

fn order(number: u64) -> OrderNo {
    OrderNo::generate(Instant::from_millis(0), number)
}

impl InMemory {
    fn new(takes: Duration) -> Arc<InMemory> {
        Arc::new(InMemory {
            clock: Arc::new(Stopped(time::Instant::now())),
            state: Mutex::default(),
            changed: tokio::sync::Notify::new(),
            takes,
        })
    }

    fn due(&self, number: u64, kind: impl Into<Option<Kind>>, after: Duration) {
        let at = self.clock.now().plus(after);
        self.state.lock().unwrap().due.insert(number, (at, kind.into()));
    }

    async fn until_done(&self, count: usize) -> Vec<Done> {
        loop {
            let changed = self.changed.notified();
            let done = self.state.lock().unwrap().done.clone();
            if done.len() >= count {
                return done;
            }
            changed.await;
        }
    }

    async fn work(&self, order_no: &OrderNo, kind: Kind, watched: bool) -> Result<(), WorkError> {
        let number = (0..1000).find(|number| order(*number) == *order_no).unwrap();
        self.work_on(number, Some(kind), watched).await
    }

    async fn work_on(&self, number: u64, kind: Option<Kind>, watched: bool) -> Result<(), WorkError> {
        {
            let mut state = self.state.lock().unwrap();
            state.running += 1;
            state.most_running = state.most_running.max(state.running);
        }
        time::sleep(self.takes).await;
        let mut state = self.state.lock().unwrap();
        state.running -= 1;
        state.done.push(Done {
            order: number,
            kind,
            watched,
            at: self.clock.0.elapsed(),
        });
        drop(state);
        self.changed.notify_waiters();
        match number {
            666 => panic!("told to"),
            500 => Err(WorkError::Unavailable("told to".into())),
            _ => Ok(()),
        }
    }
}

impl Orders for InMemory {
    fn claim_due<'a>(
        &'a self,
        _: &'a str,
        _: Duration,
        limit: u32,
    ) -> BoxFuture<'a, Result<Claim, WorkError>> {
        async move {
            let mut state = self.state.lock().unwrap();
            state.claims += 1;
            if state.failing_claims > 0 {
                state.failing_claims -= 1;
                return Err(WorkError::Unavailable("told to".into()));
            }
            let now = self.clock.now();
            let ready: Vec<u64> = state
                .due
                .iter()
                .filter(|(_, (at, _))| *at <= now)
                .map(|(number, _)| *number)
                .take(limit as usize)
                .collect();
            let work = ready
                .iter()
                .map(|number| match state.due.remove(number).unwrap().1 {
                    Some(kind) => Due::Order {
                        order_no: order(*number),
                        kind,
                    },
                    None => Due::Saga(format!("saga-{number}")),
                })
                .collect();
            Ok(Claim {
                work,
                next_due_at: state.due.values().map(|(at, _)| *at).min(),
            })
        }
        .boxed()
    }

    fn resume_saga<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        self.work(order_no, Kind::Resume, false).boxed()
    }

    fn poll_payment<'a>(
        &'a self,
        order_no: &'a OrderNo,
        watched: bool,
    ) -> BoxFuture<'a, Result<(), WorkError>> {
        self.work(order_no, Kind::Poll, watched).boxed()
    }

    fn expire<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        self.work(order_no, Kind::Expire, false).boxed()
    }

    fn apply_inbox<'a>(&'a self, order_no: &'a OrderNo) -> BoxFuture<'a, Result<(), WorkError>> {
        self.work(order_no, Kind::Inbox, false).boxed()
    }

    fn continue_saga<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), WorkError>> {
        let number = id.strip_prefix("saga-").unwrap().parse().unwrap();
        self.work_on(number, None, false).boxed()
    }
}

struct Running {
    commits: watch::Sender<u64>,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

fn start(orders: &Arc<InMemory>, config: ScheduleConfig) -> Running {
    let watched = Arc::new(|order_no: &OrderNo| *order_no == order(2));
    let scheduler = Scheduler::new(orders.clone(), watched, orders.clock.clone(), config);
    let (commits, receiver) = watch::channel(0);
    let stop = CancellationToken::new();
    let handle = tokio::spawn(scheduler.run(receiver, stop.clone()));
    Running {
        commits,
        stop,
        handle,
    }
}

/// Nothing but a commit or a known instant wakes the loop.
fn patient() -> ScheduleConfig {
    ScheduleConfig {
        longest_sleep: Duration::from_secs(3600),
        ..ScheduleConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_work_is_done_when_it_is_due_and_not_before() {
    let orders = InMemory::new(Duration::ZERO);
    orders.due(1, Kind::Poll, Duration::from_secs(2));
    orders.due(2, Kind::Poll, Duration::from_secs(4));
    orders.due(3, Kind::Expire, Duration::from_secs(300));
    orders.due(4, Kind::Inbox, Duration::ZERO);
    orders.due(5, Kind::Resume, Duration::from_secs(1));
    orders.due(6, None, Duration::from_secs(3));
    let _running = start(&orders, patient());
    let done = orders.until_done(6).await;
    let expect = |order, kind: Kind, watched, seconds| Done {
        order,
        kind: Some(kind),
        watched,
        at: Duration::from_secs(seconds),
    };
    assert_eq!(
        done,
        [
            expect(4, Kind::Inbox, false, 0),
            expect(5, Kind::Resume, false, 1),
            expect(1, Kind::Poll, false, 2),
            Done {
                order: 6,
                kind: None,
                watched: false,
                at: Duration::from_secs(3),
            },
            expect(2, Kind::Poll, true, 4),
            expect(3, Kind::Expire, false, 300),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_the_loop_and_without_one_it_looks_every_second() {
    let orders = InMemory::new(Duration::ZERO);
    let running = start(&orders, patient());
    time::sleep(Duration::from_secs(10)).await;
    orders.due(1, Kind::Inbox, Duration::ZERO);
    running.commits.send(1).unwrap();
    assert_eq!(orders.until_done(1).await[0].at, Duration::from_secs(10));
    running.stop.cancel();
    running.handle.await.unwrap();

    let running = start(&orders, ScheduleConfig::default());
    time::sleep(Duration::from_millis(10)).await;
    orders.due(2, Kind::Inbox, Duration::ZERO);
    let done = orders.until_done(2).await;
    assert_eq!(done[1].at, Duration::from_secs(11));
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn no_more_orders_are_worked_on_at_once_than_allowed_and_all_get_their_turn() {
    let orders = InMemory::new(Duration::from_secs(1));
    for number in 0..40 {
        orders.due(number, Kind::Poll, Duration::ZERO);
    }
    let _running = start(
        &orders,
        ScheduleConfig {
            concurrency: 4,
            ..patient()
        },
    );
    let done = orders.until_done(40).await;
    assert_eq!(orders.state.lock().unwrap().most_running, 4);
    // Four at a time, one second each, and no idling in between.
    assert_eq!(done.last().unwrap().at, Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn work_that_fails_or_panics_stops_nothing_else() {
    let orders = InMemory::new(Duration::ZERO);
    for number in [500, 666, 7] {
        orders.due(number, Kind::Poll, Duration::ZERO);
    }
    orders.due(8, Kind::Poll, Duration::from_secs(5));
    let running = start(&orders, patient());
    let done = orders.until_done(4).await;
    assert_eq!(done.last().unwrap().order, 8);
    running.stop.cancel();
    running.handle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_that_outlives_its_lease_is_given_up_and_its_place_is_free_again() {
    let orders = InMemory::new(Duration::from_secs(60));
    orders.due(1, Kind::Poll, Duration::ZERO);
    let config = ScheduleConfig {
        concurrency: 1,
        lease: Duration::from_secs(15),
        ..patient()
    };
    let running = start(&orders, config);
    time::sleep(Duration::from_secs(15)).await;
    running.stop.cancel();
    running.handle.await.unwrap();
    assert!(orders.clock.0.elapsed() < Duration::from_secs(20));
    assert!(orders.state.lock().unwrap().done.is_empty());
}

#[tokio::test(start_paused = true)]
async fn claims_that_fail_are_repeated_less_and_less_often_until_one_succeeds() {
    let orders = InMemory::new(Duration::ZERO);
    orders.state.lock().unwrap().failing_claims = 12;
    orders.due(1, Kind::Poll, Duration::ZERO);
    let running = start(&orders, patient());
    // Commits do not hurry a claim that fails.
    for tick in 0..100 {
        running.commits.send(tick).unwrap();
        time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        orders.state.lock().unwrap().claims <= 6,
        "{} claims in a second",
        orders.state.lock().unwrap().claims
    );
    orders.until_done(1).await;
    assert_eq!(orders.state.lock().unwrap().claims, 13);
}

#[tokio::test(start_paused = true)]
async fn many_commits_do_not_make_the_loop_spin() {
    let orders = InMemory::new(Duration::ZERO);
    let running = start(&orders, ScheduleConfig::default());
    for tick in 0..1000 {
        running.commits.send(tick).unwrap();
        time::sleep(Duration::from_millis(1)).await;
    }
    let claims = orders.state.lock().unwrap().claims;
    assert!((10..=21).contains(&claims), "{claims} claims in a second");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_work_in_hand_and_takes_no_more() {
    let orders = InMemory::new(Duration::from_secs(3));
    orders.due(1, Kind::Poll, Duration::ZERO);
    orders.due(2, Kind::Poll, Duration::from_secs(2));
    let running = start(&orders, patient());
    time::sleep(Duration::from_secs(1)).await;
    running.stop.cancel();
    running.handle.await.unwrap();
    let state = orders.state.lock().unwrap();
    assert_eq!(state.done.len(), 1);
    assert!(state.due.contains_key(&2));
}
