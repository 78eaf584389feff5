//! The alerts as people work on them: `NEW → ACKNOWLEDGED → RESOLVED`.

use super::{
    Store, StoreError,
    pool::{Collision, read, whole, within},
};
use domain::Instant;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sqlx::{Database, Encode, QueryBuilder, Type};
use std::{collections::BTreeMap, fmt, str::FromStr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    New,
    /// Somebody looks after it.
    Acknowledged,
    Resolved,
}

impl Status {
    pub const ALL: [Status; 3] = [Status::New, Status::Acknowledged, Status::Resolved];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::New => "NEW",
            Status::Acknowledged => "ACKNOWLEDGED",
            Status::Resolved => "RESOLVED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an alert's status")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Status, UnknownStatus> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// What an operator does to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Acknowledge,
    Resolve,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Acknowledge => "ACKNOWLEDGE",
            Action::Resolve => "RESOLVE",
        }
    }

    /// The status after it; `None` if there is no way from `status`.
    fn applied_to(self, status: Status) -> Option<Status> {
        match (self, status) {
            (Action::Acknowledge, Status::New | Status::Acknowledged) => Some(Status::Acknowledged),
            (Action::Acknowledge, Status::Resolved) => None,
            (Action::Resolve, _) => Some(Status::Resolved),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error("there is no such alert")]
    NotFound,
    #[error("the alert is {0}")]
    Conflict(Status),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ActError {
    fn from(error: sqlx::Error) -> ActError {
        ActError::Store(error.into())
    }
}

impl Collision for ActError {
    fn is_collision(&self) -> bool {
        matches!(self, ActError::Store(error) if error.is_collision())
    }
}

/// Which alerts are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub status: Option<Status>,
    pub rule: Option<String>,
    pub order_no: Option<String>,
    /// Detected at or after it.
    pub from: Option<Instant>,
    /// Detected before it.
    pub to: Option<Instant>,
    /// `nextCursor` of the page before.
    pub cursor: Option<(Instant, String)>,
    /// Items at most.
    pub size: u32,
}

/// An alert in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub alert_id: String,
    pub rule_id: String,
    pub severity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_no: Option<String>,
    pub observed: String,
    pub expected: String,
    #[serde(serialize_with = "iso")]
    pub detected_at: Instant,
    pub source: String,
    pub status: Status,
    #[serde(serialize_with = "iso")]
    pub updated_at: Instant,
}

/// An alert with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    #[serde(flatten)]
    pub summary: Summary,
    pub facts: Value,
    pub audit: Vec<AuditEntry>,
}

/// Who did what to an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    #[serde(serialize_with = "iso")]
    pub at: Instant,
    pub actor: String,
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How many there are by status, the filter's own status aside.
pub type Counts = BTreeMap<&'static str, i64>;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub items: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub counts: Counts,
    /// Those not resolved, by rule, whatever the filter.
    pub open: BTreeMap<String, i64>,
}

fn iso<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

const SUMMARY: &str = "SELECT alert_id, rule_id, severity, order_no, observed, expected, detected_at, source, status, updated_at";

#[derive(sqlx::FromRow)]
struct SummaryRow {
    alert_id: String,
    rule_id: String,
    severity: String,
    order_no: Option<String>,
    observed: String,
    expected: String,
    detected_at: i64,
    source: String,
    status: String,
    updated_at: i64,
}

#[derive(sqlx::FromRow)]
struct AlertRow {
    #[sqlx(flatten)]
    summary: SummaryRow,
    facts: String,
}

impl TryFrom<SummaryRow> for Summary {
    type Error = StoreError;
    fn try_from(row: SummaryRow) -> Result<Summary, StoreError> {
        Ok(Summary {
            rule_id: row.rule_id,
            severity: row.severity,
            order_no: row.order_no,
            observed: row.observed,
            expected: row.expected,
            detected_at: Instant::from_millis(row.detected_at),
            source: row.source,
            status: read_status(&row.status, &row.alert_id)?,
            updated_at: Instant::from_millis(row.updated_at),
            alert_id: row.alert_id,
        })
    }
}

fn read_status(status: &str, alert_id: &str) -> Result<Status, StoreError> {
    status
        .parse()
        .map_err(|error: UnknownStatus| StoreError::Corrupt {
            what: "alert",
            key: alert_id.to_owned(),
            reason: error.to_string(),
        })
}

impl Filter {
    /// ` WHERE …`, without the cursor, and without the status if not `with_status`.
    fn restrict<Db>(&self, query: &mut QueryBuilder<Db>, with_status: bool)
    where
        Db: Database,
        String: for<'q> Encode<'q, Db> + Type<Db>,
        i64: for<'q> Encode<'q, Db> + Type<Db>,
    {
        query.push(" WHERE 1 = 1");
        if let Some(status) = self.status.filter(|_| with_status) {
            query.push(" AND status = ").push_bind(status.as_str().to_owned());
        }
        if let Some(rule) = &self.rule {
            query.push(" AND rule_id = ").push_bind(rule.clone());
        }
        if let Some(order_no) = &self.order_no {
            query.push(" AND order_no = ").push_bind(order_no.clone());
        }
        if let Some(from) = self.from {
            query.push(" AND detected_at >= ").push_bind(from.millis());
        }
        if let Some(to) = self.to {
            query.push(" AND detected_at < ").push_bind(to.millis());
        }
    }

    /// Reads a cursor as [`Page::next_cursor`] gave it.
    pub fn read_cursor(text: &str) -> Option<(Instant, String)> {
        let (at, id) = text.split_once('.')?;
        Some((Instant::from_millis(at.parse().ok()?), id.to_owned()))
    }
}

impl Store {
    /// One page, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Page, StoreError> {
        let rows: Vec<SummaryRow> = read!(self.pool, pool => {
            let mut query = QueryBuilder::<Db>::new(SUMMARY);
            query.push(" FROM alerts");
            filter.restrict(&mut query, true);
            if let Some((at, id)) = &filter.cursor {
                query.push(" AND (detected_at < ").push_bind(at.millis());
                query.push(" OR (detected_at = ").push_bind(at.millis());
                query.push(" AND alert_id < ").push_bind(id.clone()).push("))");
            }
            query.push(" ORDER BY detected_at DESC, alert_id DESC LIMIT ");
            query.push_bind(i64::from(filter.size) + 1);
            query.build_query_as().fetch_all(pool).await
        })?;
        let mut items = rows
            .into_iter()
            .map(Summary::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let has_more = items.len() > filter.size as usize;
        items.truncate(filter.size as usize);
        let last = items.last().filter(|_| has_more);
        let next_cursor = last.map(|last| format!("{}.{}", last.detected_at.millis(), last.alert_id));

        let counted: Vec<(String, i64)> = read!(self.pool, pool => {
            let mut query = QueryBuilder::<Db>::new("SELECT status, count(*) FROM alerts");
            filter.restrict(&mut query, false);
            query.push(" GROUP BY status");
            query.build_query_as().fetch_all(pool).await
        })?;
        let mut counts: Counts = Status::ALL.map(|status| (status.as_str(), 0)).into();
        for (status, count) in counted {
            if let Ok(status) = status.parse::<Status>() {
                counts.insert(status.as_str(), count);
            }
        }
        let sql = "SELECT rule_id, count(*) FROM alerts WHERE status <> 'RESOLVED' GROUP BY rule_id";
        let open: Vec<(String, i64)> = read!(self.pool, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
        Ok(Page {
            items,
            next_cursor,
            counts,
            open: open.into_iter().collect(),
        })
    }

    /// One alert; `None` if there is none of this id.
    pub async fn show(&self, alert_id: &str) -> Result<Option<Alert>, StoreError> {
        let sql = format!("{SUMMARY}, facts FROM alerts WHERE alert_id = ?");
        let row: Option<AlertRow> = read!(self.pool, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(alert_id).fetch_optional(pool).await
        })?;
        let Some(AlertRow { summary, facts }) = row else {
            return Ok(None);
        };
        let facts = serde_json::from_str(&facts).map_err(|error| StoreError::Corrupt {
            what: "alert",
            key: alert_id.to_owned(),
            reason: error.to_string(),
        })?;
        let sql = "SELECT at, actor, action, note FROM alert_audit WHERE alert_id = ? ORDER BY position";
        let entries: Vec<(i64, String, String, Option<String>)> =
            read!(self.pool, pool => sqlx::query_as(sql).bind(alert_id).fetch_all(pool).await)?;
        let audit = entries.into_iter().map(|(at, actor, action, note)| AuditEntry {
            at: Instant::from_millis(at),
            actor,
            action,
            note,
        });
        Ok(Some(Alert {
            summary: summary.try_into()?,
            facts,
            audit: audit.collect(),
        }))
    }

    /// Does it and keeps who, when and in which words. A repeat without a note changes nothing.
    pub async fn act(
        &self,
        alert_id: &str,
        action: Action,
        actor: &str,
        note: Option<&str>,
        now: Instant,
    ) -> Result<Alert, ActError> {
        whole!(self.try_act(alert_id, action, actor, note, now).await)?;
        self.show(alert_id).await?.ok_or(ActError::NotFound)
    }

    async fn try_act(
        &self,
        alert_id: &str,
        action: Action,
        actor: &str,
        note: Option<&str>,
        now: Instant,
    ) -> Result<(), ActError> {
        let mut tx = self.pool.begin().await?;
        // With its row everything that was done to the alert is locked.
        let sql = tx.text(
            "SELECT status FROM alerts WHERE alert_id = ?",
            "SELECT status FROM alerts WHERE alert_id = ? FOR UPDATE",
        );
        let status: Option<String> = within!(&mut tx, connection => sqlx::query_scalar(sql)
            .bind(alert_id)
            .fetch_optional(connection)
            .await)?;
        let status = read_status(&status.ok_or(ActError::NotFound)?, alert_id)?;
        let next = action.applied_to(status).ok_or(ActError::Conflict(status))?;
        if next == status && note.is_none() {
            return Ok(());
        }
        within!(&mut tx, connection => {
            let sql = "UPDATE alerts SET status = ?, updated_at = ? WHERE alert_id = ?";
            let update = sqlx::query(sql)
                .bind(next.as_str())
                .bind(now.millis())
                .bind(alert_id);
            update.execute(&mut *connection).await?;
            let sql = "INSERT INTO alert_audit (alert_id, position, at, actor, action, note) \
                       SELECT ?, coalesce(max(position), 0) + 1, ?, ?, ?, ? FROM alert_audit WHERE alert_id = ?";
            let insert = sqlx::query(sql)
                .bind(alert_id)
                .bind(now.millis())
                .bind(actor)
                .bind(action.name())
                .bind(note)
                .bind(alert_id);
            insert.execute(connection).await?;
        });
        tx.commit().await?;
        Ok(())
    }
}
