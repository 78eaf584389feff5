//! Whose turn it is, over files and on a real MariaDB.

#![allow(clippy::unwrap_used)]

// A server for these tests is the same as one for the host's.
#[allow(dead_code)]
#[path = "../../host/tests/support/servers/mariadb.rs"]
mod mariadb;
#[allow(dead_code)]
#[path = "../../host/tests/support/servers/process.rs"]
mod process;

use domain::Instant;
use kessai_ops::{
    Databases, Rounds, Times, Turn,
    mysql::{MySqlServer, MySqlSettings},
};
use mariadb::MariaDb;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const TIMES: Times = Times {
    first: Duration::from_secs(600),
    every: HOUR,
    hold: Duration::from_secs(60),
};

fn after(seconds: i64) -> Instant {
    Instant::from_millis(1_000_000_000_000 + seconds * 1_000)
}

/// What is true wherever the table is. The seconds are the test's own: nobody waits.
async fn one_worker_at_a_time_has_a_round(databases: Databases) {
    databases.migrate(|_| ()).await.unwrap();
    let [a, b] = ["a", "b"].map(|owner| Rounds::new(databases.clone(), owner.to_owned()));
    let seconds = |seconds: u64| Turn::In(Duration::from_secs(seconds));

    assert_eq!(a.take("books", TIMES, after(0)).await.unwrap(), seconds(600));
    assert_eq!(b.take("books", TIMES, after(100)).await.unwrap(), seconds(500));
    let turns = tokio::join!(
        a.take("books", TIMES, after(600)),
        b.take("books", TIMES, after(600))
    );
    let turns = [turns.0.unwrap(), turns.1.unwrap()];
    assert_eq!(
        turns.iter().filter(|turn| **turn == Turn::Ours).count(),
        1,
        "{turns:?}"
    );
    let [holder, other] = if turns[0] == Turn::Ours {
        [&a, &b]
    } else {
        [&b, &a]
    };

    // Kept for a minute, then for another; the other one cannot put off what it does not have.
    assert!(!other.put_off("books", HOUR, after(601)).await.unwrap());
    assert!(holder.put_off("books", TIMES.hold, after(650)).await.unwrap());
    assert_eq!(other.take("books", TIMES, after(709)).await.unwrap(), seconds(1));
    // The holder has died.
    assert_eq!(other.take("books", TIMES, after(710)).await.unwrap(), Turn::Ours);
    assert!(!holder.put_off("books", HOUR, after(711)).await.unwrap());
    assert!(other.put_off("books", HOUR, after(720)).await.unwrap());

    // Whoever starts anew finds that it is done, and another round has times of its own.
    let fresh = Rounds::new(databases, "c".to_owned());
    assert_eq!(
        fresh.take("books", TIMES, after(721)).await.unwrap(),
        seconds(3_599)
    );
    assert_eq!(
        fresh.take("archive", TIMES, after(721)).await.unwrap(),
        seconds(600)
    );

    // A clock that was ahead by years stops nobody.
    assert!(other.put_off("books", HOUR, after(1_000_000_000)).await.unwrap());
    assert_eq!(
        fresh.take("books", TIMES, after(4_320)).await.unwrap(),
        Turn::Ours
    );
}

#[tokio::test]
async fn over_files_one_worker_at_a_time_has_a_round() {
    let data = tempfile::tempdir().unwrap();
    one_worker_at_a_time_has_a_round(Databases::Sqlite(data.path().to_owned())).await;
}

#[tokio::test]
async fn on_mariadb_one_worker_at_a_time_has_a_round() {
    let server = MariaDb::start().await;
    let login = MySqlServer::new(MySqlSettings {
        address: &format!("127.0.0.1:{}", server.port),
        user: "root",
        password: "",
        schema_prefix: "shop_",
        parameters: "",
    });
    one_worker_at_a_time_has_a_round(Databases::MySql(login.unwrap())).await;
}
