#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use store::on_each_database;

use super::*;
use crate::testing::{Outcome, Shop};

fn short(product_id: u32, requested: u32, available: u32) -> Shortage {
    Shortage {
        product_id,
        requested,
        available,
    }
}

fn invalid(outcome: &Outcome) -> bool {
    matches!(outcome, Err(StepError::Refused(Refusal::InvalidState(_))))
}

on_each_database! {
fn an_order_goes_from_reserved_to_sold_to_restocked() {
    let shop = Shop::with(&[(1, 5), (2, 3)]);
    shop.reserve("r", "o", &[(2, 1), (1, 2), (2, 1)]).unwrap();
    assert_eq!((shop.stock(1), shop.stock(2)), ((5, 2), (3, 2)));
    shop.confirm("c", "o").unwrap();
    assert_eq!((shop.stock(1), shop.stock(2)), ((3, 0), (1, 0)));
    for step in ["b", "b2"] {
        shop.restock(step, "c", "o").unwrap();
        assert_eq!((shop.stock(1), shop.stock(2)), ((5, 0), (3, 0)));
    }
    assert_eq!(shop.broken_products(), 0);
}

fn every_step_repeated_has_the_effect_of_one() {
    let shop = Shop::with(&[(1, 5)]);
    for _ in 0..2 {
        shop.reserve("r", "o", &[(1, 2)]).unwrap();
        assert_eq!(shop.stock(1), (5, 2));
    }
    for _ in 0..2 {
        shop.confirm("c", "o").unwrap();
        shop.reserve("r", "o", &[(1, 2)]).unwrap();
        assert_eq!(shop.stock(1), (3, 0));
    }
    for _ in 0..2 {
        shop.restock("b", "c", "o").unwrap();
        shop.confirm("c", "o").unwrap();
        assert_eq!(shop.stock(1), (5, 0));
    }
}

fn all_or_nothing_and_every_short_product_is_named() {
    let shop = Shop::with(&[(1, 5), (2, 1), (3, 4), (4, 0)]);
    let lines = [(3, 3), (4, 1), (1, 5), (2, 2)];
    let refused = Err(StepError::Refused(Refusal::OutOfStock(vec![
        short(2, 2, 1),
        short(4, 1, 0),
    ])));
    assert_eq!(shop.reserve("r", "o", &lines), refused);
    assert_eq!(shop.reserve("r", "o", &lines), refused);
    for id in 1..=4 {
        assert_eq!(shop.stock(id).1, 0, "product {id}");
    }
    shop.reserve("r2", "o", &[(1, 1)]).unwrap();
}

fn unknown_products_are_named_before_short_ones() {
    let shop = Shop::with(&[(1, 1)]);
    let outcome = shop.reserve("r", "o", &[(1, 2), (8, 1), (7, 1)]);
    assert_eq!(
        outcome,
        Err(StepError::Refused(Refusal::UnknownProduct(vec![7, 8])))
    );
}

fn a_line_repeated_counts_as_its_sum() {
    let shop = Shop::with(&[(1, 3)]);
    let outcome = shop.reserve("r", "o", &[(1, 2), (1, 2)]);
    assert_eq!(
        outcome,
        Err(StepError::Refused(Refusal::OutOfStock(vec![short(1, 4, 3)])))
    );
}

fn quantities_outside_1_to_99_and_empty_orders_are_refused() {
    let shop = Shop::with(&[(1, 500)]);
    for lines in [
        &[][..],
        &[(1, 0)],
        &[(1, 100)],
        &[(1, u32::MAX)],
        &[(1, 1), (1, 0)],
    ] {
        assert!(invalid(&shop.reserve("r", "o", lines)), "{lines:?}");
    }
    shop.reserve("r", "o", &[(1, 99)]).unwrap();
}

fn a_release_gives_back_and_a_second_one_by_another_step_does_not_give_twice() {
    let shop = Shop::with(&[(1, 5)]);
    shop.reserve("r", "o", &[(1, 2)]).unwrap();
    for step in ["b", "b", "b2"] {
        shop.release(step, "r", "o").unwrap();
        assert_eq!(shop.stock(1), (5, 0));
    }
    assert!(invalid(&shop.confirm("c", "o")));
    shop.reserve("r", "o", &[(1, 2)]).unwrap();
    assert_eq!(shop.stock(1), (5, 0), "the repeated reservation stays released");
}

fn a_release_before_the_reservation_blocks_it() {
    let shop = Shop::with(&[(1, 5)]);
    shop.release("b", "r", "o").unwrap();
    let canceled = Err(StepError::Canceled { step: "r".to_owned() });
    assert_eq!(shop.reserve("r", "o", &[(1, 2)]), canceled);
    assert_eq!(shop.stock(1), (5, 0));
}

fn a_sold_order_is_not_released_nor_an_unsold_one_restocked() {
    let shop = Shop::with(&[(1, 5)]);
    assert!(invalid(&shop.confirm("c0", "o")));
    shop.reserve("r", "o", &[(1, 2)]).unwrap();
    shop.confirm("c", "o").unwrap();
    assert!(invalid(&shop.release("b", "r", "o")));
    assert_eq!(shop.stock(1), (3, 0));
    shop.restock("b2", "c1", "o").unwrap();
    assert_eq!(
        shop.confirm("c1", "o"),
        Err(StepError::Canceled {
            step: "c1".to_owned()
        })
    );
    assert_eq!(
        shop.stock(1),
        (3, 0),
        "c1 never sold anything, so there is nothing to put back"
    );
}

fn a_compensation_with_another_orders_step_touches_neither() {
    let shop = Shop::with(&[(1, 5)]);
    shop.reserve("r1", "o1", &[(1, 2)]).unwrap();
    shop.reserve("r2", "o2", &[(1, 1)]).unwrap();
    assert!(invalid(&shop.release("b", "r1", "o2")));
    assert_eq!(shop.stock(1), (5, 3));
}

fn a_step_id_used_with_other_arguments_is_refused_and_changes_nothing() {
    let shop = Shop::with(&[(1, 5)]);
    shop.reserve("r", "o", &[(1, 2)]).unwrap();
    assert!(matches!(
        shop.reserve("r", "o", &[(1, 3)]),
        Err(StepError::Reused { .. })
    ));
    assert!(matches!(
        shop.reserve("r", "o2", &[(1, 2)]),
        Err(StepError::Reused { .. })
    ));
    assert!(matches!(shop.confirm("r", "o"), Err(StepError::Reused { .. })));
    assert_eq!(shop.stock(1), (5, 2));
    shop.reserve("r", "o", &[(1, 1), (1, 1)]).unwrap();
}

fn one_order_is_reserved_once_whatever_the_step() {
    let shop = Shop::with(&[(1, 5)]);
    shop.reserve("r", "o", &[(1, 2)]).unwrap();
    assert!(invalid(&shop.reserve("r2", "o", &[(1, 1)])));
    assert_eq!(shop.stock(1), (5, 2));
}

fn of_many_buyers_of_the_last_piece_one_gets_it() {
    let shop = Shop::with(&[(1, 1)]);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let shop = &shop;
        let buyers: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || shop.reserve(&format!("r-{n}"), &format!("o-{n}"), &[(1, 1)])))
            .collect();
        buyers.into_iter().map(|buyer| buyer.join().unwrap()).collect()
    });
    let refused = Err(StepError::Refused(Refusal::OutOfStock(vec![short(1, 1, 0)])));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == refused).count(), 7);
    assert_eq!(shop.stock(1), (1, 1));
}

/// Sixteen at once, some of them the same step: they want the last pieces of two products, in either order, and give some back.
fn whoever_comes_at_once_gets_what_there_is_and_no_step_counts_twice() {
    let shop = Shop::with(&[(1, 5), (2, 6)]);
    let outcomes: Vec<(u32, Outcome, Outcome)> = std::thread::scope(|scope| {
        let shop = &shop;
        let buyers: Vec<_> = (0..16)
            .map(|n| {
                scope.spawn(move || {
                    // Two tries of each of eight orders.
                    let order = n % 8;
                    let lines = if order % 2 == 0 { [(1, 1), (2, 1)] } else { [(2, 1), (1, 1)] };
                    let (id, step) = (format!("o-{order}"), |name: &str| format!("{name}-{order}"));
                    let reserved = shop.reserve(&step("r"), &id, &lines);
                    let ended = match order % 4 {
                        0 => shop.release(&step("b"), &step("r"), &id),
                        _ => shop.confirm(&step("c"), &id),
                    };
                    (order, reserved, ended)
                })
            })
            .collect();
        buyers.into_iter().map(|buyer| buyer.join().unwrap()).collect()
    });
    assert_eq!(shop.broken_products(), 0);
    let mut sold = std::collections::BTreeSet::new();
    for (order, reserved, ended) in &outcomes {
        let same = outcomes.iter().filter(|(other, ..)| other == order);
        for (_, other_reserved, other_ended) in same {
            assert_eq!(reserved.is_ok(), other_reserved.is_ok(), "order {order}");
            assert_eq!(ended.is_ok(), other_ended.is_ok(), "order {order}");
        }
        assert!(!matches!(reserved, Err(StepError::Store(_))), "{reserved:?}");
        assert!(!matches!(ended, Err(StepError::Store(_))), "{ended:?}");
        if order % 4 != 0 {
            assert_eq!(reserved.is_ok(), ended.is_ok(), "order {order}");
            if ended.is_ok() {
                sold.insert(order);
            }
        }
    }
    let sold = u32::try_from(sold.len()).unwrap();
    assert_eq!((shop.stock(1), shop.stock(2)), ((5 - sold, 0), (6 - sold, 0)));
    assert!((3..=5).contains(&sold), "{sold}");
}
}

#[derive(Debug, Clone, Copy)]
enum Call {
    Reserve,
    Confirm,
    Release,
    Restock,
}

/// Order `n` wants up to two products, always the same ones; its four steps have fixed ids, so a call seen twice is a repeat.
fn call(shop: &Shop, n: u32, call: Call) -> Outcome {
    let (order, step) = (format!("o-{n}"), |name: &str| format!("o-{n}:{name}"));
    match call {
        Call::Reserve => shop.reserve(&step("reserve"), &order, &[(1 + n % 2, 1 + n % 3), (2, 1)]),
        Call::Confirm => shop.confirm(&step("confirm"), &order),
        Call::Release => shop.release(&step("release"), &step("reserve"), &order),
        Call::Restock => shop.restock(&step("restock"), &step("confirm"), &order),
    }
}

on_each_database! {
/// Whatever arrives, in whatever order, however often: stock adds up, and a step says the same thing for ever.
fn any_interleaving_keeps_the_stock_right_and_outcomes_stable() {
    let any_call = prop::sample::select(vec![Call::Reserve, Call::Reserve, Call::Confirm, Call::Release, Call::Restock]);
    let config = ProptestConfig { cases: 32, ..ProptestConfig::default() };
    proptest!(config, |(calls in prop::collection::vec((0_u32..5, any_call), 1..40))| {
        let shop = Shop::with(&[(1, 4), (2, 5)]);
        let mut first: BTreeMap<(u32, &'static str), Outcome> = BTreeMap::new();
        for (n, which) in calls {
            let outcome = call(&shop, n, which);
            let name = match which {
                Call::Reserve => "reserve",
                Call::Confirm => "confirm",
                Call::Release => "release",
                Call::Restock => "restock",
            };
            prop_assert_eq!(shop.broken_products(), 0, "after {} of order {}", name, n);
            let before = first.entry((n, name)).or_insert_with(|| outcome.clone());
            prop_assert_eq!(&*before, &outcome, "{} of order {}", name, n);
        }
    });
}
}
