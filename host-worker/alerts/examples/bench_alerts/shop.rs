//! The events of a busy shop, as its relay tells them.

use anyhow::Result;
use domain::{
    Instant, OrderNo, OrderStatus, OrderStatusChanged, PaymentStatus, PaymentStatusObserved, Yen, topic,
};
use kessai_relay::{
    Event, EventLog,
    kafka::{KafkaLog, KafkaSettings},
};
use std::{sync::Arc, time::Duration};

/// Between two orders.
const PACE: Duration = Duration::from_millis(5);
/// From the order to its payment.
const THINKING: Duration = Duration::from_secs(9);
/// One order of so many is paid twice.
const FAULTS: u32 = 1_000;
const BATCH: usize = 2_000;

/// What stands in the topics.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    pub count: u64,
    /// Alerts of rule D that they must lead to.
    pub alerts: i64,
}

/// Tells the events of so many orders, in the order of their times.
pub async fn tell(settings: &KafkaSettings, orders: u32) -> Result<Events> {
    let log = KafkaLog::new(settings.clone())?;
    let start = Instant::now().minus(PACE * orders + 2 * THINKING);
    let mut events = Vec::new();
    for number in 0..orders {
        let at = start.plus(PACE * number);
        let order_no = OrderNo::generate(at, u64::from(number));
        events.push(order(
            &order_no,
            at,
            1,
            OrderStatus::Pending,
            PaymentStatus::None,
        )?);
        let at = at.plus(Duration::from_millis(40));
        events.push(order(
            &order_no,
            at,
            2,
            OrderStatus::WaitingPayment,
            PaymentStatus::Created,
        )?);
        let at = at.plus(THINKING);
        events.push(payment(&order_no, at, 1)?);
        if number % FAULTS == 0 {
            events.push(payment(&order_no, at, 2)?);
        }
        let at = at.plus(Duration::from_millis(20));
        events.push(order(
            &order_no,
            at,
            3,
            OrderStatus::Paid,
            PaymentStatus::Completed,
        )?);
    }
    events.sort_by_key(|event| event.created_at().millis());
    let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
    for batch in events.chunks(BATCH) {
        log.append(batch)
            .await
            .map_err(|error| anyhow::anyhow!("{}", error.reason))?;
    }
    Ok(Events {
        count: events.len() as u64,
        alerts: i64::from(orders.div_ceil(FAULTS)),
    })
}

fn order(
    order_no: &OrderNo,
    at: Instant,
    version: u64,
    status: OrderStatus,
    payment_status: PaymentStatus,
) -> Result<Event> {
    let data = OrderStatusChanged {
        order_no: order_no.clone(),
        user_id: "018f5e2a-7c1b-7d3e-9f10-4b2a6c8d0e1f".to_owned(),
        status,
        payment_status,
        amount: Yen::new(3_480)?,
        version,
        fail_code: None,
        expires_at: Some(at.plus(Duration::from_secs(300)).to_string()),
        at: at.to_string(),
    };
    let kind = (topic::ORDERS, OrderStatusChanged::TYPE);
    Ok(event(
        kind,
        format!("{order_no}:v{version}"),
        order_no,
        serde_json::to_string(&data)?,
        at,
    ))
}

fn payment(order_no: &OrderNo, at: Instant, attempt: u32) -> Result<Event> {
    let id = order_no.merchant_payment_id(attempt);
    let data = PaymentStatusObserved {
        order_no: order_no.clone(),
        merchant_payment_id: id.to_string(),
        payment_id: Some(format!("0{attempt}479182736450192837465")),
        status: PaymentStatus::Completed,
        amount: Yen::new(3_480)?,
        source: "webhook".to_owned(),
        at: at.to_string(),
    };
    let kind = (topic::PAYMENTS, PaymentStatusObserved::TYPE);
    Ok(event(
        kind,
        format!("{id}:COMPLETED"),
        order_no,
        serde_json::to_string(&data)?,
        at,
    ))
}

fn event(kind: (&str, &str), id: String, order_no: &OrderNo, data: String, at: Instant) -> Event {
    let mut event = Event::new(0, kind, id, order_no.as_str().to_owned(), data, at);
    event.request_id = Some("018f5e2a-7c1b-7d3e-9f10-4b2a6c8d0e1f".to_owned());
    event.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    event
}
