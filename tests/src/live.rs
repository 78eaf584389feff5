//! A buyer's WebSocket.

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

#[derive(Debug)]
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came next over the socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    Message(Value),
    /// The close code, if the server gave one.
    Closed(Option<u16>),
}

impl Live {
    /// Opens the channel of a placed order, with its token as the sub-protocol.
    pub async fn open(order: &Value) -> Result<Live> {
        let channel = &order["channel"];
        let url = channel["url"].as_str().context("no channel.url")?;
        let order_no = order["orderNo"].as_str().context("no orderNo")?;
        Live::open_with(
            url,
            order_no,
            channel["token"].as_str().context("no channel.token")?,
        )
        .await
    }

    pub async fn open_with(url: &str, order_no: &str, token: &str) -> Result<Live> {
        let mut request = format!("{url}?orderNo={order_no}").into_client_request()?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            format!("kessai.channel, {token}").parse()?,
        );
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Live { socket })
    }

    pub async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    pub async fn next(&mut self) -> Result<Incoming> {
        let waiting = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(Incoming::Message(serde_json::from_str(&text)?));
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Ok(Incoming::Closed(frame.map(|frame| frame.code.into())));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => bail!(error),
                    None => return Ok(Incoming::Closed(None)),
                }
            }
        };
        tokio::time::timeout(crate::PATIENCE, waiting)
            .await
            .context("nothing came over the WebSocket")?
    }

    /// Reads on until a message has the order in this status; earlier messages must have growing versions.
    pub async fn until(&mut self, status: &str) -> Result<Value> {
        let mut version = 0;
        loop {
            let Incoming::Message(message) = self.next().await? else {
                bail!("closed before {status}")
            };
            let order = &message["order"];
            let this = order["version"].as_u64().unwrap_or(0);
            if message["type"] == "ORDER_UPDATED" && this <= version {
                bail!("version {this} came after {version}");
            }
            version = version.max(this);
            if order["status"] == status {
                return Ok(message);
            }
        }
    }
}
