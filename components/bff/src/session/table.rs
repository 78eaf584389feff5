//! The table `sessions`.

use domain::Instant;
use store::{Session as Connection, Sql, StoreError, params};

use super::{Role, Session};

/// The session with this hash that has not ended by `now`.
pub async fn find(db: &Connection, id_hash: &str, now: Instant) -> Result<Option<Session>, StoreError> {
    let row = db
        .query_optional(
            "SELECT user_id, email, name, role, expires_at FROM sessions WHERE id_hash = ? AND expires_at > ?",
            params![id_hash, now.millis()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Session {
        user_id: row.text("user_id")?,
        email: row.opt_text("email")?,
        name: row.opt_text("name")?,
        role: Role::from_name(&row.text("role")?),
        expires_at: Instant::from_millis(row.get("expires_at")?),
    }))
}

pub async fn insert(
    db: &Connection,
    id_hash: &str,
    session: &Session,
    now: Instant,
) -> Result<(), StoreError> {
    db.run(
        "INSERT INTO sessions (id_hash, user_id, email, name, role, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            id_hash,
            &session.user_id,
            session.email.as_deref(),
            session.name.as_deref(),
            session.role.as_str(),
            now.millis(),
            session.expires_at.millis(),
        ],
    )
    .await
}

/// Ends a session at once. Returns whether there was one.
pub async fn delete(db: &Connection, id_hash: &str) -> Result<bool, StoreError> {
    Ok(db
        .execute("DELETE FROM sessions WHERE id_hash = ?", params![id_hash])
        .await?
        > 0)
}

/// Forgets sessions that ended before `now`; a few at a time, so that no login waits for a year's.
pub async fn delete_ended(db: &Connection, now: Instant) -> Result<(), StoreError> {
    let sql = Sql {
        sqlite: "DELETE FROM sessions WHERE id_hash IN (SELECT id_hash FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT 200)",
        mysql: "DELETE FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT 200",
    };
    db.run(sql, params![now.millis()]).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::SessionId;
    use crate::test_store::sessions_store;
    use futures::executor::block_on;

    fn session(expires_at: i64) -> Session {
        Session {
            user_id: "u1".to_owned(),
            email: Some("hana@example.com".to_owned()),
            name: None,
            role: Role::Admin,
            expires_at: Instant::from_millis(expires_at),
        }
    }

    store::on_each_database! {
    fn a_session_is_found_until_it_ends() {
        let (db, _file) = sessions_store();
        let at = Instant::from_millis;
        let hash = SessionId::generate().unwrap().hash();
        block_on(async {
            insert(&db, &hash, &session(2_000), at(1_000)).await.unwrap();
            assert_eq!(find(&db, &hash, at(1_999)).await.unwrap(), Some(session(2_000)));
            assert_eq!(find(&db, &hash, at(2_000)).await.unwrap(), None);
            assert_eq!(find(&db, "another", at(1_000)).await.unwrap(), None);
        });
    }
    }

    store::on_each_database! {
    fn a_deleted_session_is_gone_at_once_and_the_ended_ones_are_cleared_away() {
        let (db, _file) = sessions_store();
        let at = Instant::from_millis;
        block_on(async {
            for (hash, end) in [("a", 2_000), ("b", 3_000), ("c", 4_000)] {
                insert(&db, hash, &session(end), at(1_000)).await.unwrap();
            }
            assert!(delete(&db, "c").await.unwrap());
            assert!(!delete(&db, "c").await.unwrap());
            assert_eq!(find(&db, "c", at(1_000)).await.unwrap(), None);
            delete_ended(&db, at(2_000)).await.unwrap();
            assert!(find(&db, "a", at(1_500)).await.unwrap().is_none());
            assert!(find(&db, "b", at(2_500)).await.unwrap().is_some());
        });
    }
    }
}
