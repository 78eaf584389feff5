//! Whose turn it is to do what one worker does for all: the table `rounds` of the database `worker`.

use crate::{Database, Databases, mysql::limited};
use domain::Instant;
use std::time::Duration;

/// What a worker is told that asks for a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The round is theirs.
    Ours,
    /// It is due after so long, as far as anybody knows by now.
    In(Duration),
}

/// When a round is due.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// After the first question, if nobody has ever done it.
    pub first: Duration,
    /// After the last one, at the latest.
    pub every: Duration,
    /// After it was taken, unless whoever took it puts it off.
    pub hold: Duration,
}

/// One worker's part in the rounds.
///
/// # Contract
///
/// Of all workers that ask for a round that is due, one gets it. It has it until the time is over that it last put the round off for; then whoever asks next may have
/// it. That time stands in the database, so it outlives the worker. Clocks are compared: by as much as they differ a round comes early, late, or to two at once, so it
/// must be one that may be done twice.
#[derive(Clone, Debug)]
pub struct Rounds {
    databases: Databases,
    owner: String,
}

/// `$work` on a new connection to either database: a round is asked for about once a minute.
macro_rules! with {
    ($databases:expr, $connection:ident => $work:expr) => {
        limited(async {
            match $databases {
                Databases::Sqlite(data) => {
                    let $connection = &mut Database::Worker.open(data).await?;
                    $work
                }
                Databases::MySql(server) => {
                    let $connection = &mut server.open(Database::Worker).await?;
                    $work
                }
            }
        })
        .await
    };
}

impl Rounds {
    /// Asks nobody yet. `owner` is unlike that of any other process, 64 characters at most.
    pub fn new(databases: Databases, owner: String) -> Rounds {
        Rounds { databases, owner }
    }

    /// Takes a round if it is due.
    ///
    /// # Errors
    /// The database does not answer within 5 s, or is not migrated.
    pub async fn take(&self, round: &str, times: Times, now: Instant) -> Result<Turn, sqlx::Error> {
        let Some((owner, due_at)) = self.read(round).await? else {
            self.make(round, now.plus(times.first), now).await?;
            return Ok(Turn::In(times.first));
        };
        let wait = Instant::from_millis(due_at).since(now);
        // A time further away was written by a clock that was ahead.
        if !wait.is_zero() && wait <= times.every {
            return Ok(Turn::In(wait));
        }
        let sql = "UPDATE rounds SET owner = ?, due_at = ?, updated_at = ? WHERE name = ? AND owner = ? AND due_at = ?";
        let taken = with!(&self.databases, connection => sqlx::query(sql)
            .bind(&self.owner)
            .bind(now.plus(times.hold).millis())
            .bind(now.millis())
            .bind(round)
            .bind(owner)
            .bind(due_at)
            .execute(connection)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(if taken == 1 {
            Turn::Ours
        } else {
            Turn::In(times.hold)
        })
    }

    /// Puts off a round that is ours. `false`: it was taken from us.
    ///
    /// # Errors
    /// The database does not answer within 5 s.
    pub async fn put_off(&self, round: &str, by: Duration, now: Instant) -> Result<bool, sqlx::Error> {
        let sql = "UPDATE rounds SET due_at = ?, updated_at = ? WHERE name = ? AND owner = ?";
        let ours = with!(&self.databases, connection => sqlx::query(sql)
            .bind(now.plus(by).millis())
            .bind(now.millis())
            .bind(round)
            .bind(&self.owner)
            .execute(connection)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(ours == 1)
    }

    /// Who had it last, and when it is due.
    async fn read(&self, round: &str) -> Result<Option<(String, i64)>, sqlx::Error> {
        let sql = "SELECT owner, due_at FROM rounds WHERE name = ?";
        with!(&self.databases, connection => sqlx::query_as(sql).bind(round).fetch_optional(connection).await)
    }

    /// The row, if nobody else was quicker.
    async fn make(&self, round: &str, due_at: Instant, now: Instant) -> Result<(), sqlx::Error> {
        let sql = match &self.databases {
            Databases::Sqlite(_) => {
                "INSERT INTO rounds (name, owner, due_at, updated_at) VALUES (?, '', ?, ?) ON CONFLICT (name) DO NOTHING"
            }
            Databases::MySql(_) => {
                "INSERT INTO rounds (name, owner, due_at, updated_at) VALUES (?, '', ?, ?) ON DUPLICATE KEY UPDATE name = name"
            }
        };
        with!(&self.databases, connection => sqlx::query(sql)
            .bind(round)
            .bind(due_at.millis())
            .bind(now.millis())
            .execute(connection)
            .await
            .map(drop))
    }
}
