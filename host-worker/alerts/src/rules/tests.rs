#![allow(clippy::unwrap_used)]
use super::*;
use domain::{Instant, OrderNo, OrderStatus as O, PaymentStatus as P};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Both grace periods of the tests.
const GRACE: i64 = 120_000;
const START: i64 = 1_795_309_200_000;
const FOREVER: i64 = i64::MAX / 2;

fn order_no() -> OrderNo {
    "K20261122-7F3K9Q2MXA".parse().unwrap()
}

fn event(after: i64, fact: Fact) -> Event {
    Event {
        order_no: order_no(),
        at: Instant::from_millis(START + after),
        fact,
    }
}

fn order(after: i64, version: u64, status: O, payment_status: P) -> Event {
    let amount = Yen::new(1_200).unwrap();
    event(
        after,
        Fact::Order {
            status,
            payment_status,
            version,
            amount,
        },
    )
}

fn payment(after: i64, attempt: u32, status: P) -> Event {
    let merchant_payment_id = order_no().merchant_payment_id(attempt).to_string();
    let payment_id = (status == P::Completed).then(|| format!("P{attempt}"));
    let amount = Yen::new(1_200).unwrap();
    event(
        after,
        Fact::Payment {
            merchant_payment_id,
            payment_id,
            status,
            amount,
        },
    )
}

fn refund(after: i64, attempt: u32) -> Event {
    let merchant_payment_id = order_no().merchant_payment_id(attempt).to_string();
    event(
        after,
        Fact::Refund {
            merchant_payment_id,
            amount: Yen::new(1_200).unwrap(),
        },
    )
}

fn observe(state: &mut OrderState, event: Event) {
    state.observe(event.at, event.fact);
}

fn placed() -> Vec<Event> {
    vec![
        order(0, 1, O::Pending, P::None),
        order(40, 2, O::WaitingPayment, P::Created),
    ]
}

fn with(mut events: Vec<Event>, more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    events.extend(more);
    events
}

fn bought() -> Vec<Event> {
    with(
        placed(),
        [
            payment(9_000, 1, P::Completed),
            order(9_020, 3, O::Paid, P::Completed),
        ],
    )
}

/// Lives of orders as the order component tells them when nothing is wrong.
fn correct_lives() -> Vec<(&'static str, Vec<Event>)> {
    vec![
        ("only placed", placed()),
        ("bought", bought()),
        (
            "paid from the balance",
            vec![order(0, 1, O::Pending, P::None), order(30, 2, O::Paid, P::None)],
        ),
        (
            "paid from the balance and given back",
            vec![
                order(0, 1, O::Pending, P::None),
                order(30, 2, O::Paid, P::None),
                order(90_000, 3, O::Refunded, P::None),
            ],
        ),
        (
            "out of stock",
            vec![order(0, 1, O::Pending, P::None), order(20, 2, O::Failed, P::None)],
        ),
        (
            "expired",
            with(
                placed(),
                [
                    payment(300_000, 1, P::Expired),
                    order(300_050, 3, O::Failed, P::Expired),
                ],
            ),
        ),
        (
            "canceled, the code not seen again",
            with(placed(), [order(5_000, 3, O::Failed, P::Created)]),
        ),
        (
            "declined",
            with(
                placed(),
                [
                    payment(8_000, 1, P::Failed),
                    order(8_030, 3, O::Failed, P::Failed),
                ],
            ),
        ),
        (
            "authorized first, and another clock",
            with(
                placed(),
                [
                    payment(8_000, 1, P::Authorized),
                    payment(9_000, 1, P::Completed),
                    order(9_000 - 60_000, 3, O::Paid, P::Completed),
                ],
            ),
        ),
        (
            "the second code paid, the first run out",
            with(
                placed(),
                [
                    payment(9_000, 2, P::Completed),
                    order(9_020, 3, O::Paid, P::Completed),
                    payment(300_000, 1, P::Expired),
                ],
            ),
        ),
        (
            "given back much later",
            with(
                bought(),
                [
                    order(600_000_000, 4, O::Paid, P::Refunded),
                    refund(600_000_000, 1),
                    order(600_000_100, 5, O::Refunded, P::Refunded),
                    payment(600_100_000, 1, P::Canceled),
                ],
            ),
        ),
        (
            "paid, stock lost, given back",
            with(
                placed(),
                [
                    payment(9_000, 1, P::Completed),
                    order(9_500, 3, O::WaitingPayment, P::Refunded),
                    refund(9_500, 1),
                    order(9_600, 4, O::Failed, P::Refunded),
                ],
            ),
        ),
    ]
}

/// A fault, the rule that it breaks, and the fact that the alert is about.
fn faults() -> Vec<(&'static str, Rule, Vec<Event>)> {
    let only = |keep: fn(&Event) -> bool| bought().into_iter().filter(keep).collect::<Vec<_>>();
    vec![
        (
            "the update was dropped",
            Rule::A,
            with(placed(), [payment(9_000, 1, P::Completed)]),
        ),
        (
            "nothing but the success was heard of",
            Rule::A,
            vec![payment(9_000, 1, P::Completed)],
        ),
        (
            "the update came too late",
            Rule::A,
            with(
                placed(),
                [
                    payment(9_000, 1, P::Completed),
                    order(9_000 + GRACE + 1, 3, O::Paid, P::Completed),
                ],
            ),
        ),
        (
            "failed knowing of its payment, and not given back",
            Rule::A,
            with(
                placed(),
                [
                    payment(9_000, 1, P::Completed),
                    order(9_100, 3, O::Failed, P::Completed),
                ],
            ),
        ),
        (
            "paid without a payment",
            Rule::B,
            only(|event| !matches!(event.fact, Fact::Payment { .. })),
        ),
        (
            "paid after a failure only",
            Rule::B,
            with(
                placed(),
                [payment(9_000, 1, P::Failed), order(9_020, 3, O::Paid, P::Created)],
            ),
        ),
        (
            "taken back by PayPay",
            Rule::B,
            with(bought(), [payment(50_000_000, 1, P::Canceled)]),
        ),
        (
            "paid late and given back",
            Rule::C,
            with(
                placed(),
                [
                    order(300_050, 3, O::Failed, P::Expired),
                    payment(310_000, 1, P::Completed),
                    order(310_100, 4, O::Failed, P::Refunded),
                    refund(310_100, 1),
                ],
            ),
        ),
        (
            "paid late, and the clocks differ",
            Rule::C,
            with(
                placed(),
                [
                    order(300_050, 3, O::Failed, P::Expired),
                    payment(250_000, 1, P::Completed),
                ],
            ),
        ),
        (
            "a code that had failed was paid, known by its refund",
            Rule::C,
            with(placed(), [order(5_000, 3, O::Failed, P::None), refund(9_000, 1)]),
        ),
        (
            "paid twice",
            Rule::D,
            with(bought(), [payment(20_000, 2, P::Completed)]),
        ),
        (
            "paid twice, the first given back",
            Rule::D,
            with(bought(), [refund(20_000, 2)]),
        ),
    ]
}

type Raised = Vec<(Rule, String)>;

/// Takes the events in as they come: `(arrival, event)` by the clock, `due` at each arrival and each deadline. Then for ever.
fn live(mut arrivals: Vec<(i64, Event)>) -> Raised {
    let config = Config::default();
    arrivals.sort_by_key(|(at, _)| *at);
    let (mut state, mut raised) = (OrderState::default(), Vec::new());
    let mut look = |state: &mut OrderState, until: i64| {
        while let Some(deadline) = state.next_deadline(&config).filter(|at| at.millis() <= until) {
            let found = state.due(deadline, &config);
            assert!(!found.is_empty(), "a deadline at which nothing is due");
            raised.extend(
                found
                    .into_iter()
                    .map(|finding| (finding.rule, finding.alert_id(&order_no()))),
            );
        }
    };
    for (at, event) in arrivals {
        look(&mut state, at - 1);
        observe(&mut state, event.clone());
        // As the processor keeps it.
        state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        look(&mut state, at);
    }
    look(&mut state, FOREVER);
    raised
}

/// Takes everything in before anything counts, as a replay does.
fn replayed(events: &[Event]) -> BTreeSet<(Rule, String)> {
    let mut state = OrderState::default();
    for event in events {
        observe(&mut state, event.clone());
    }
    let found = state.due(Instant::from_millis(FOREVER), &Config::default());
    found
        .into_iter()
        .map(|finding| (finding.rule, finding.alert_id(&order_no())))
        .collect()
}

fn on_time(events: &[Event]) -> Vec<(i64, Event)> {
    events
        .iter()
        .map(|event| (event.at.millis(), event.clone()))
        .collect()
}

/// Arrivals of the events, each at least once, by the chosen delays.
fn disturbed(events: &[Event], delays: &[(usize, i64)]) -> Vec<(i64, Event)> {
    let mut arrivals: Vec<(i64, Event)> = delays
        .iter()
        .map(|(which, delay)| {
            let event = &events[which % events.len()];
            (event.at.millis() + delay, event.clone())
        })
        .collect();
    for (position, event) in events.iter().enumerate() {
        let delay = delays.get(position).map_or(0, |(_, delay)| *delay);
        arrivals.push((event.at.millis() + delay, event.clone()));
    }
    arrivals
}

#[test]
fn nothing_is_raised_about_an_order_that_goes_right() {
    for (name, events) in correct_lives() {
        assert_eq!(live(on_time(&events)), [], "{name}");
        assert_eq!(replayed(&events), BTreeSet::new(), "{name}");
    }
}

#[test]
fn each_fault_raises_its_rule_once() {
    for (name, rule, events) in faults() {
        let raised = live(on_time(&events));
        assert_eq!(
            raised.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(),
            [rule],
            "{name}"
        );
    }
}

#[test]
fn an_alert_counts_from_its_deadline_and_not_before() {
    let config = Config::default();
    let mut state = OrderState::default();
    for event in with(placed(), [payment(9_000, 1, P::Completed)]) {
        observe(&mut state, event.clone());
    }
    let limit = START + 9_000 + GRACE;
    assert_eq!(state.next_deadline(&config), Some(Instant::from_millis(limit)));
    assert_eq!(state.due(Instant::from_millis(limit - 1), &config), []);
    let found = state.due(Instant::from_millis(limit), &config);
    assert_eq!(found.len(), 1);
    assert!(found[0].critical);
    assert_eq!(
        found[0].facts["payments"][0]["merchantPaymentId"],
        "K20261122-7F3K9Q2MXA-1"
    );
    assert_eq!(state.next_deadline(&config), None);
    assert_eq!(state.due(Instant::from_millis(FOREVER), &config), []);
}

#[test]
fn small_money_is_a_warning_where_a_threshold_is_set() {
    let mut state = OrderState::default();
    observe(&mut state, payment(0, 1, P::Completed));
    let config = Config {
        critical_from: Yen::new(1_201).unwrap(),
        ..Config::default()
    };
    assert!(!state.due(Instant::from_millis(FOREVER), &config)[0].critical);
}

#[test]
fn ids_differ_by_rule_order_and_fact() {
    let mut ids = BTreeSet::new();
    for (_, _, events) in faults() {
        ids.extend(replayed(&events));
    }
    let mut state = OrderState::default();
    for attempt in 1..=3 {
        observe(&mut state, payment(0, attempt, P::Completed));
    }
    let found = state.due(Instant::from_millis(FOREVER), &Config::default());
    let of_three: BTreeSet<String> = found
        .iter()
        .map(|finding| finding.alert_id(&order_no()))
        .collect();
    assert_eq!(of_three.len(), 5, "three without their order, two too many");
    assert!(of_three.iter().all(|id| id.len() == 34));
}

proptest! {
    /// What comes within half the grace period is on time: the order itself may take the other half.
    #[test]
    fn disorder_repeats_and_delays_within_the_grace_raise_nothing(
        which in 0usize..12,
        delays in proptest::collection::vec((0usize..8, 0i64..=GRACE / 2), 0..16),
    ) {
        let (name, events) = correct_lives().swap_remove(which);
        prop_assert_eq!(live(disturbed(&events, &delays)), [], "{}", name);
    }

    #[test]
    fn a_disturbed_fault_raises_its_rule_once_and_a_replay_raises_the_same(
        which in 0usize..12,
        delays in proptest::collection::vec((0usize..8, 0i64..=GRACE / 2), 0..16),
    ) {
        let (name, rule, events) = faults().swap_remove(which);
        let arrivals = disturbed(&events, &delays);
        let raised = live(arrivals.clone());
        prop_assert_eq!(raised.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), [rule], "{}", name);
        let again: Vec<Event> = arrivals.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(replayed(&again), raised.into_iter().collect(), "{}", name);
    }

    /// Nonsense too: what was raised does not depend on the order in which a replay brings it, and nothing is raised twice.
    #[test]
    fn any_events_in_any_order_give_the_same_alerts(
        chosen in proptest::collection::vec((0i64..400_000, 0usize..12, 1u32..4), 1..20),
        order_seed in proptest::collection::vec(any::<u16>(), 20),
    ) {
        let events: Vec<Event> = chosen.iter().enumerate().map(|(index, (at, kind, attempt))| match kind {
            0..=4 => order(*at, index as u64, O::ALL[*kind], P::ALL[(*at % 9) as usize]),
            5 => refund(*at, *attempt),
            _ => payment(*at, *attempt, P::ALL[kind - 4]),
        }).collect();
        let mut shuffled: Vec<(u16, Event)> = order_seed.into_iter().zip(events.clone()).collect();
        shuffled.sort_by_key(|(place, _)| *place);
        let shuffled: Vec<Event> = shuffled.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(replayed(&events), replayed(&shuffled));
        let mut state = OrderState::default();
        events.iter().for_each(|event| observe(&mut state, event.clone()));
        prop_assert_eq!(OrderState::from_stored(&state.stored()).unwrap(), state);
        let raised = live(on_time(&events));
        let distinct: BTreeSet<_> = raised.iter().cloned().collect();
        prop_assert_eq!(distinct.len(), raised.len());
        // Facts that come on time leave nothing for a replay to find besides, nor to miss.
        prop_assert_eq!(distinct, replayed(&events));
    }
}
