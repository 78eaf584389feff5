use domain::Instant;

/// The time of day. Sleeping goes through tokio, whose own clock a test can stop.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Instant;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}
