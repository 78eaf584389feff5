//! The time that components see. In a process of its own: it has one clock for all of it.

#![allow(clippy::unwrap_used)]

mod support;

use domain::clock;
use std::time::Duration;
use support::Fixture;

/// Milliseconds since 1970, by a component.
async fn seen(fixture: &Fixture) -> u64 {
    fixture.get("/a/clock").await.json().as_u64().unwrap()
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap()
}

#[tokio::test]
async fn a_component_sees_the_corrected_clock() {
    let fixture = Fixture::new("").await;
    for correction in [0, 60_000, -60_000] {
        clock::correct(correction);
        let machine = || {
            millis(clock::this_machine())
                .checked_add_signed(correction)
                .unwrap()
        };
        let before = machine();
        let seen = seen(&fixture).await;
        assert!(
            (before..=machine()).contains(&seen),
            "{correction}: {seen} is not after {before}"
        );
    }
}
