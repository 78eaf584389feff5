//! Order changes, pushed to the browsers that watch: `GET /ws/orders?orderNo=…` with a channel token.
//!
//! A connection holds the latest state of one order and nothing else, so a slow reader costs no memory: it gets the newest
//! snapshot when it is ready to read. What is pushed comes from [`Realtime::publish`], which the relay's log feeds, and with a [`Fanout`] from other
//! workers, too.

mod close;
mod connection;
mod fanout;
mod hub;
mod message;
mod orders;
mod redis_server;
mod route;
mod view;

pub use close::CloseCode;
pub use fanout::Fanout;
pub use hub::Hub;
pub use orders::{OpenError, Orders};
pub use redis_server::{RedisServer, RedisTls, ServerError};
pub use route::{Realtime, RealtimeConfig};
pub use view::OrderView;
