//! How long PayPay is waited for, and how often it is asked.
//!
//! | | |
//! |---|---|
//! | all calls and pauses of one function | 4.5 s: the contract's 5 s less what the database takes |
//! | one call that may be repeated | 2 s |
//! | the call that makes a code, which may not | 2.5 s |
//! | the connection alone (`wire`) | 1.2 s |
//! | tries | 3, with pauses of 100 to 200 ms and 200 to 400 ms; after `Retry-After` or, for 429 without it, 1 s, so much longer |
//!
//! PayPay's own documents allow a call up to 30 s. Nobody here waits that long: a buyer sits in front of a checkout, and a webhook must be answered. A call
//! that PayPay was merely slow with is one in doubt, which every caller has to be ready for anyway.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::fault::Fault;
use crate::paypay_api::Paypay;
use crate::wire::Wire;

/// For all that one function does at PayPay.
pub(crate) const FUNCTION_LIMIT: Duration = Duration::from_millis(4_500);
/// For one call that may be repeated. Two that hang still leave the function time to say so.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(2);
/// For the call that makes a code. A code in doubt costs another id and a watch over the lost one, so it gets more time; but the buyer waits for it.
pub(crate) const CREATE_LIMIT: Duration = Duration::from_millis(2_500);
/// With less time than this a call is not begun: most likely it would only leave a doubt behind.
pub(crate) const SHORTEST_CALL: Duration = Duration::from_millis(200);

/// Jitter adds up to as much again, so that many who failed at once do not come back at once.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_times(2)
    .with_jitter();

impl<W: Wire> Paypay<W> {
    /// Makes a call until it ends in a way that another try would not change, or there is no time for one.
    ///
    /// # Contract
    ///
    /// `call` may be repeated at will. What is returned holds for all tries together: after one in doubt, none that "took no effect".
    pub(crate) async fn persist<T>(&self, call: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
        let mut pauses = PAUSES.build();
        let mut doubt = None;
        loop {
            let fault = match call().await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            if let Fault::InDoubt(reason) = &fault {
                doubt = Some(reason.clone());
            }
            let pause = fault
                .worth_repeating_after()
                .and_then(|least| Some(least.saturating_add(pauses.next()?)))
                .filter(|pause| pause.saturating_add(SHORTEST_CALL) <= self.left());
            match pause {
                Some(pause) => self.pause(pause).await,
                None => return Err(fault.after_doubt(doubt)),
            }
        }
    }
}

/// What a try of a call came to. If that is unknown, or if PayPay refused it, perhaps because an earlier try had its effect, `read` says what
/// PayPay believes: `None` if the call has had no effect.
pub(crate) async fn or_read<T>(
    tried: Result<T, Fault>,
    read: impl AsyncFnOnce() -> Result<Option<T>, Fault>,
) -> Result<T, Fault> {
    let fault = match tried {
        Err(fault @ (Fault::InDoubt(_) | Fault::AwaitsBuyer(_) | Fault::Rejected(_))) => fault,
        other => return other,
    };
    match (read().await, fault) {
        (Ok(Some(done)), _) => Ok(done),
        (Ok(None) | Err(Fault::NotFound), fault) => Err(fault),
        // This try had no effect, and nobody knows of the earlier ones.
        (Err(unread), Fault::Rejected(_)) => Err(unread),
        (Err(_), fault) => Err(fault),
    }
}
