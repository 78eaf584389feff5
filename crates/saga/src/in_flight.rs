//! Calls that are made at the same time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::service::ServiceCall;
use crate::step_id::StepId;

/// Calls that have not come back. Their futures are of one type, which is `Send` if the invoker's is.
pub(crate) struct InFlight<F> {
    calls: Vec<Flight<F>>,
}

struct Flight<F> {
    step_id: StepId,
    attempt: u32,
    future: Pin<Box<F>>,
}

impl<T, F: Future<Output = T>> InFlight<F> {
    pub(crate) fn new() -> Self {
        Self { calls: Vec::new() }
    }

    pub(crate) fn has(&self, call: &ServiceCall) -> bool {
        self.calls.iter().any(|flight| flight.is(call))
    }

    pub(crate) fn add(&mut self, step_id: StepId, attempt: u32, call: F) {
        self.calls.push(Flight {
            step_id,
            attempt,
            future: Box::pin(call),
        });
    }

    /// Forgets the calls that are not wanted any more.
    pub(crate) fn keep_only(&mut self, wanted: &[ServiceCall]) {
        let mut listed: Vec<_> = wanted.iter().map(|call| (&call.step_id, call.attempt)).collect();
        listed.sort_unstable();
        self.calls
            .retain(|flight| listed.binary_search(&(&flight.step_id, flight.attempt)).is_ok());
    }

    /// The outcome of the first call that comes back, or nothing if `alarm` goes off before. Never comes if there is neither.
    pub(crate) async fn next(&mut self, alarm: Option<impl Future<Output = ()>>) -> Option<(StepId, T)> {
        let has_alarm = alarm.is_some();
        let mut alarm = pin!(async {
            if let Some(alarm) = alarm {
                alarm.await;
            }
        });
        poll_fn(|context| {
            for index in 0..self.calls.len() {
                if let Poll::Ready(outcome) = self.calls[index].future.as_mut().poll(context) {
                    let flight = self.calls.swap_remove(index);
                    return Poll::Ready(Some((flight.step_id, outcome)));
                }
            }
            if has_alarm && alarm.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }
}

impl<F> Flight<F> {
    fn is(&self, call: &ServiceCall) -> bool {
        self.attempt == call.attempt && self.step_id == call.step_id
    }
}
