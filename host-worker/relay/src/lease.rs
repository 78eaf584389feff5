//! Who of several workers feeds a log that they share: the table `relay_leases` of the database `worker`.

use crate::{
    Source,
    link::{Link, with},
};
use domain::Instant;
use std::time::Duration;
use tokio::time;

/// A lease is renewed so often within its length, and looked at as often by those who wait for it.
const BEATS: u32 = 4;

/// Which take-over of a lease somebody goes by; a later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub(crate) i64);

/// One worker's way to the right to feed one log.
///
/// # Contract
///
/// A holder that goes on renewing keeps it; one that is gone loses it to a waiting worker after the length of the lease, and one that
/// lets go at once. No clocks are compared, so they may differ. For a short while two workers may believe that they have it: whoever stores under an
/// old [`Fence`] is told then.
#[derive(Debug)]
pub struct Lease {
    link: Link,
    log: String,
    owner: String,
    length: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    owner: String,
    fence: i64,
    beat: i64,
}

impl Lease {
    /// Opens the database; it must exist and be migrated. `owner` is unlike that of any other process.
    pub async fn open(
        worker: impl Into<Source>,
        log: &str,
        owner: &str,
        length: Duration,
    ) -> Result<Lease, sqlx::Error> {
        let link = Link::open(&worker.into(), |file| file.busy_timeout(length / BEATS)).await?;
        Ok(Lease {
            link,
            log: log.to_owned(),
            owner: owner.to_owned(),
            length,
        })
    }

    /// Waits until nobody has the lease, and takes it.
    pub async fn take(&mut self) -> Result<Fence, sqlx::Error> {
        let mut seen: Option<(Row, time::Instant)> = None;
        loop {
            match self.read().await? {
                None => self.make().await?,
                Some(row) => {
                    let since = match &seen {
                        Some((before, since)) if *before == row => *since,
                        _ => time::Instant::now(),
                    };
                    // Our own: taken by a call that was dropped before it could say so.
                    let is_free =
                        row.owner.is_empty() || row.owner == self.owner || since.elapsed() >= self.length;
                    if is_free && let Some(fence) = self.take_from(&row).await? {
                        return Ok(fence);
                    }
                    seen = Some((row, since));
                    time::sleep(self.length / BEATS).await;
                }
            }
        }
    }

    /// Renews until somebody else has the lease, or may have it because it could not be renewed in time.
    pub async fn keep(&mut self, fence: Fence) {
        let mut renewed = time::Instant::now();
        loop {
            time::sleep(self.length / BEATS).await;
            let began = time::Instant::now();
            match time::timeout(self.length / BEATS, self.renew(fence)).await {
                Ok(Ok(true)) => renewed = began,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => {
                    tracing::warn!(component = "relay", log = self.log, %error, "the lease is not renewed")
                }
                Err(_) => tracing::warn!(
                    component = "relay",
                    log = self.log,
                    "the lease is not renewed in time"
                ),
            }
            if renewed.elapsed() >= self.length / BEATS * (BEATS - 1) {
                return;
            }
        }
    }

    /// Lets the next one have it at once.
    pub async fn release(&mut self, fence: Fence) -> Result<(), sqlx::Error> {
        with!(self.link, connection => sqlx::query(
            "UPDATE relay_leases SET owner = '', updated_at = ? WHERE log = ? AND owner = ? AND fence = ?",
        )
        .bind(Instant::now().millis())
        .bind(&self.log)
        .bind(&self.owner)
        .bind(fence.0)
        .execute(connection)
        .await
        .map(drop))
    }

    async fn read(&mut self) -> Result<Option<Row>, sqlx::Error> {
        with!(self.link, connection => {
            sqlx::query_as("SELECT owner, fence, beat FROM relay_leases WHERE log = ?")
                .bind(&self.log)
                .fetch_optional(connection)
                .await
        })
    }

    /// The row, free for whoever comes first.
    async fn make(&mut self) -> Result<(), sqlx::Error> {
        let sql = self.link.text(
            "INSERT INTO relay_leases (log, owner, fence, beat, updated_at) VALUES (?, '', 1, 0, ?)
             ON CONFLICT (log) DO NOTHING",
            "INSERT INTO relay_leases (log, owner, fence, beat, updated_at) VALUES (?, '', 1, 0, ?)
             ON DUPLICATE KEY UPDATE log = log",
        );
        with!(self.link, connection => sqlx::query(sql)
            .bind(&self.log)
            .bind(Instant::now().millis())
            .execute(connection)
            .await
            .map(drop))
    }

    /// `None`: somebody was quicker.
    async fn take_from(&mut self, row: &Row) -> Result<Option<Fence>, sqlx::Error> {
        let fence = row.fence + 1;
        let taken = with!(self.link, connection => sqlx::query(
            "UPDATE relay_leases SET owner = ?, fence = ?, beat = ?, updated_at = ?
             WHERE log = ? AND owner = ? AND fence = ? AND beat = ?",
        )
        .bind(&self.owner)
        .bind(fence)
        .bind(row.beat + 1)
        .bind(Instant::now().millis())
        .bind(&self.log)
        .bind(&row.owner)
        .bind(row.fence)
        .bind(row.beat)
        .execute(connection)
        .await
        .map(|done| done.rows_affected()))?;
        Ok((taken == 1).then_some(Fence(fence)))
    }

    async fn renew(&mut self, fence: Fence) -> Result<bool, sqlx::Error> {
        let renewed = with!(self.link, connection => sqlx::query(
            "UPDATE relay_leases SET beat = beat + 1, updated_at = ? WHERE log = ? AND owner = ? AND fence = ?",
        )
        .bind(Instant::now().millis())
        .bind(&self.log)
        .bind(&self.owner)
        .bind(fence.0)
        .execute(connection)
        .await
        .map(|done| done.rows_affected()))?;
        Ok(renewed == 1)
    }
}
