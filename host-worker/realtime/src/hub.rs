//! Which orders are watched, and the newest state known of each.

use crate::{OrderView, message::ServerMessage};
use axum::extract::ws::Utf8Bytes;
use domain::OrderNo;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// A state of an order, with the push that tells of it: serialised once, however many browsers watch.
#[derive(Debug)]
pub(crate) struct Latest {
    pub(crate) view: OrderView,
    pub(crate) push: Utf8Bytes,
}

type Slot = Option<Arc<Latest>>;

/// The orders that somebody watches.
///
/// # Contract
///
/// The state kept of an order only ever moves to a higher version, in whatever order versions are published. A watcher sees
/// every order's newest state, not each state in between.
#[derive(Debug, Default)]
pub struct Hub {
    orders: Mutex<HashMap<OrderNo, watch::Sender<Slot>>>,
}

impl Hub {
    /// Tells those who watch the order, if anybody does. A version not above the one known is ignored.
    pub fn publish(&self, view: OrderView) {
        let orders = self.lock();
        let Some(slot) = orders.get(&view.order_no) else {
            return;
        };
        slot.send_if_modified(|latest| {
            if latest
                .as_ref()
                .is_some_and(|latest| latest.view.version >= view.version)
            {
                return false;
            }
            let push = ServerMessage::OrderUpdated { order: &view }.text();
            *latest = Some(Arc::new(Latest { view, push }));
            true
        });
    }

    /// Whether a browser is connected for this order.
    pub fn is_watched(&self, order_no: &OrderNo) -> bool {
        self.lock().contains_key(order_no)
    }

    /// Every order that somebody watches, in no particular order.
    pub fn watched(&self) -> Vec<OrderNo> {
        self.lock().keys().cloned().collect()
    }

    pub(crate) fn watch(self: &Arc<Hub>, order_no: OrderNo) -> Watcher {
        let receiver = self
            .lock()
            .entry(order_no.clone())
            .or_insert_with(|| watch::Sender::new(None))
            .subscribe();
        Watcher {
            hub: Arc::clone(self),
            order_no,
            receiver: Some(receiver),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderNo, watch::Sender<Slot>>> {
        // Nothing between lock and unlock leaves the map half-changed.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's hold on an order. The order counts as watched until the last one is dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    hub: Arc<Hub>,
    order_no: OrderNo,
    /// Taken only by `drop`.
    receiver: Option<watch::Receiver<Slot>>,
}

impl Watcher {
    /// Waits for a state that `latest` has not returned yet. May be dropped and called again.
    pub(crate) async fn changed(&mut self) {
        let still_there = match &mut self.receiver {
            Some(receiver) => receiver.changed().await.is_ok(),
            None => false,
        };
        // The sender lives as long as this watcher does, so this is only reached if that is ever broken: then sleep, not spin.
        if !still_there {
            std::future::pending::<()>().await;
        }
    }

    /// The newest state; marks it as seen.
    pub(crate) fn latest(&mut self) -> Option<Arc<Latest>> {
        self.receiver
            .as_mut()
            .and_then(|receiver| receiver.borrow_and_update().clone())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut orders = self.hub.lock();
        // Dropped under the lock, so that of two watchers that leave at once the second one sees that nobody is left.
        self.receiver = None;
        if orders
            .get(&self.order_no)
            .is_some_and(|slot| slot.receiver_count() == 0)
        {
            orders.remove(&self.order_no);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::{OrderStatus, PaymentStatus, Yen};

    pub(crate) const ORDER: &str = "K20261122-7F3K9Q2MXA";

    pub(crate) fn view(version: u64) -> OrderView {
        OrderView {
            order_no: ORDER.parse().unwrap(),
            status: OrderStatus::WaitingPayment,
            payment_status: PaymentStatus::Created,
            amount: Yen::new(1200).unwrap(),
            version,
            updated_at: "2026-11-22T01:00:00.000Z".into(),
            fail_code: None,
            expires_at: None,
        }
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one() {
        let hub = Arc::new(Hub::default());
        let mut watcher = hub.watch(ORDER.parse().unwrap());
        for version in [2, 5, 3, 5, 4] {
            hub.publish(view(version));
        }
        assert_eq!(watcher.latest().unwrap().view.version, 5);
    }

    #[test]
    fn an_order_is_watched_until_its_last_watcher_leaves() {
        let hub = Arc::new(Hub::default());
        let order_no: OrderNo = ORDER.parse().unwrap();
        let first = hub.watch(order_no.clone());
        let second = hub.watch(order_no.clone());
        assert_eq!(hub.watched(), std::slice::from_ref(&order_no));
        drop(first);
        assert!(hub.is_watched(&order_no));
        drop(second);
        assert!(!hub.is_watched(&order_no));
        hub.publish(view(1));
        assert!(
            !hub.is_watched(&order_no),
            "a push must not bring an order back that nobody watches"
        );
    }

    #[test]
    fn watchers_that_leave_at_once_leave_nothing_behind() {
        let hub = Arc::new(Hub::default());
        for _ in 0..200 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    let watcher = hub.watch(ORDER.parse().unwrap());
                    scope.spawn(move || drop(watcher));
                }
            });
            assert!(hub.watched().is_empty());
        }
    }
}
