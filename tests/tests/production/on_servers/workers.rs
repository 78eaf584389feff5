//! Several workers of one shop, on the same servers.

use super::read;
use anyhow::{Context, Result, ensure};
use scenarios::load::Load;
use scenarios::outage::drained;
use scenarios::{Buyer, Live, PATIENCE, Shop, ShopOptions, eventually, shelf};
use std::process::Command;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

const BUYERS: usize = 6;

async fn first() -> Result<Shop> {
    Shop::start(ShopOptions {
        sandbox_apart: true,
        ..ShopOptions::default()
    })
    .await
}

/// Not through [`Shop::kill`], which would need the shop for itself.
fn kill(shop: &Shop) -> Result<()> {
    let pid = shop.pid().context("it does not run")?.to_string();
    ensure!(Command::new("kill").args(["-9", &pid]).status()?.success());
    Ok(())
}

/// The first worker gets every webhook, and has had the leases longest.
#[tokio::test]
async fn of_three_workers_one_is_killed_and_the_others_do_its_work() -> Result<()> {
    let mut one = first().await?;
    let (two, three) = tokio::try_join!(one.beside(), one.beside())?;
    let placed = {
        let mut load = Load::on(&[&one, &two, &three]);
        load.breaks_allowed = true;
        let disturb = async {
            let outcome = async {
                load.more(3 * BUYERS).await?;
                kill(&one)?;
                load.more(5 * BUYERS).await
            };
            let outcome = outcome.await;
            load.stop();
            outcome
        };
        let (ran, disturbed) = tokio::join!(load.run("killed", BUYERS), disturb);
        ran?;
        disturbed?;
        let violations = load.violations.take();
        ensure!(violations.is_empty(), "{violations:#?}");
        let after: usize = load
            .heard
            .borrow()
            .iter()
            .filter(|heard| heard.status.is_none())
            .count();
        ensure!(after > 0, "nobody noticed that a worker was killed");
        load.placed.take()
    };
    // Every webhook was for the one that is gone: what it had not heard, the others ask for.
    drained(&two, &placed).await?;
    // It comes back to work that others have done.
    one.restart().await?;
    drained(&one, &placed).await?;
    Ok(())
}

/// Listens to what workers tell each other, as one of them would.
async fn overhear(shop: &Shop) -> Result<Lines<BufReader<TcpStream>>> {
    let redis = shop.place().servers.redis.as_ref().context("no Redis")?;
    let address = (redis.host_str().context("host")?, redis.port().context("port")?);
    let mut stream = TcpStream::connect(address).await?;
    let password = redis.password().unwrap_or_default();
    let wish = format!("AUTH {password}\r\nSUBSCRIBE kessai:orders\r\n");
    stream.write_all(wish.as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    // The last line of the answer counts the channels.
    while lines.next_line().await?.context("Redis hung up")? != ":1" {}
    Ok(lines)
}

/// PayPay's webhook goes to the first worker, and the buyer is connected to the second.
#[tokio::test]
async fn a_push_reaches_a_buyer_at_another_worker() -> Result<()> {
    let one = first().await?;
    let two = one.beside().await?;
    let buyer = Buyer::login(&two, "elsewhere@example.com").await?;
    let product = shelf::plenty(&buyer, 1).await?[0];
    let order = buyer.buy(&[(product.id, 1)], "elsewhere").await?;
    let url = order["channel"]["url"].as_str().context("channel.url")?;
    ensure!(
        two.url().ends_with(url.split('/').nth(2).context("host")?),
        "{url} is not at the second"
    );
    let mut socket: Live = buyer.watch(&order).await?;
    socket.next().await?;
    let mut overheard = overhear(&one).await?;
    one.approve(order["payment"]["url"].as_str().context("payment.url")?)
        .await?;
    let pushed = socket.until("PAID").await?;
    assert_eq!(pushed["type"], "ORDER_UPDATED", "not a snapshot: {pushed}");
    // Not only because the second reads the outbox, too.
    let order_no = order["orderNo"].as_str().context("orderNo")?;
    let told = async {
        loop {
            let line = overheard.next_line().await?.context("Redis hung up")?;
            if line.contains(order_no) && line.contains("\"PAID\"") {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, told)
        .await
        .context("no worker told the others")??;
    // The session, too, is the same at every worker.
    let there = Buyer::with_cookie(&one, buyer.into_cookie());
    assert_eq!(there.order_state(&order).await?["status"], "PAID");
    one.check_at_rest().await
}

/// Partitions, with what is known of their orders, go from one worker to the other and back.
#[tokio::test]
async fn a_worker_joins_and_leaves_under_load_and_no_event_is_missed() -> Result<()> {
    let one = first().await?;
    let load = Load::on(&[&one]);
    let disturb = async {
        let outcome = async {
            load.more(BUYERS).await?;
            let mut two = one.beside().await?;
            let before = shares(&one).await?;
            eventually(
                "the partitions to be shared out",
                async || shares(&one).await,
                |now| {
                    now.iter()
                        .zip(&before)
                        .filter(|(now, before)| now > before)
                        .count()
                        > 0
                },
            )
            .await?;
            load.more(2 * BUYERS).await?;
            ensure!(two.stop().await? == Some(0), "it did not leave in good order");
            load.more(2 * BUYERS).await
        };
        let outcome = outcome.await;
        load.stop();
        outcome
    };
    let (ran, disturbed) = tokio::join!(load.run("rebalance", BUYERS), disturb);
    ran?;
    disturbed?;
    let violations = load.violations.take();
    ensure!(violations.is_empty(), "{violations:#?}");
    drained(&one, &load.placed.take()).await?;
    // Each order's payment and its PAID are known, whichever worker has read them.
    let unknown = "SELECT order_no FROM orders.orders WHERE order_no NOT IN (SELECT order_no FROM worker.alert_state WHERE next_deadline IS NULL)";
    eventually(
        "every event to be taken in",
        async || read(&one, unknown).await,
        Vec::is_empty,
    )
    .await?;
    let admin = Buyer::admin(&one, "operator@example.com").await?;
    let alerts = admin.get("/api/admin/alerts").await?;
    assert_eq!(alerts.json["items"], serde_json::json!([]), "{}", alerts.json);
    Ok(())
}

/// How often each partition of the alerts was taken over.
async fn shares(shop: &Shop) -> Result<Vec<i64>> {
    let sql = "SELECT epoch FROM worker.alert_offsets ORDER BY topic, part";
    Ok(sqlx::query_scalar(sql)
        .fetch_all(&mut shop.books().await?)
        .await?)
}
