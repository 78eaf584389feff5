//! Ends the process at a chosen point, as a power cut would: `KESSAI_CRASH_AT=<where>:<n>`.
//!
//! `where` is `before-commit`, `after-commit`, `before-send` or `after-send` (requests that leave the process); `n` counts from 1 over the whole process. Only
//! in debug builds: tests kill the system at every step boundary with it, and a release build has no such switch.

/// Where the process can be made to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    BeforeCommit,
    AfterCommit,
    BeforeSend,
    AfterSend,
}

/// The process passes a point; `what` is the database or the host it is about.
#[cfg(not(debug_assertions))]
pub(crate) fn at(_: Point, _: &str) {}

/// The process passes a point; `what` is the database or the host it is about.
#[cfg(debug_assertions)]
pub(crate) fn at(point: Point, what: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };
    static PLAN: OnceLock<Option<(Point, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    let plan = PLAN.get_or_init(|| std::env::var("KESSAI_CRASH_AT").ok().as_deref().and_then(parse));
    if let Some((planned, count)) = plan
        && *planned == point
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        eprintln!("KESSAI_CRASH_AT: ending at {point:?} number {count}, {what}");
        std::process::abort();
    }
}

#[cfg(debug_assertions)]
fn parse(plan: &str) -> Option<(Point, u64)> {
    let (point, count) = plan.split_once(':')?;
    let point = match point {
        "before-commit" => Point::BeforeCommit,
        "after-commit" => Point::AfterCommit,
        "before-send" => Point::BeforeSend,
        "after-send" => Point::AfterSend,
        _ => return None,
    };
    Some((point, count.parse().ok()?))
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn plans_are_a_point_and_a_count() {
        assert_eq!(parse("before-commit:3"), Some((Point::BeforeCommit, 3)));
        assert_eq!(parse("after-send:1"), Some((Point::AfterSend, 1)));
        for wrong in ["", "before-commit", "before-commit:x", "elsewhere:1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
