//! `saga_instances` and `saga_archive` as an operator reads them. Nothing here writes.

use super::sagas::Pins;
use domain::Instant;
use saga::Instance;
use store::{Row, Session, StoreError, Value, params};

/// A saga with what its row says beyond the instance.
#[derive(Debug)]
pub struct Listed {
    pub instance: Instance,
    pub order_no: Option<String>,
    pub pins: Option<Pins>,
    pub phase: String,
    pub due_at: Option<Instant>,
    pub updated_at: Instant,
    pub archived: bool,
    urgency: i64,
    created_at: Instant,
}

impl Listed {
    /// Where the next page begins after this row.
    pub fn place(&self) -> Place {
        Place {
            urgency: self.urgency,
            created_at: self.created_at,
            id: self.instance.id.clone(),
        }
    }
}

/// A place in the list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub urgency: i64,
    pub created_at: Instant,
    pub id: String,
}

/// Which sagas; absent: all.
#[derive(Debug, Default)]
pub struct Filter {
    pub phase: Option<String>,
    pub machine: Option<String>,
    pub order_no: Option<String>,
    pub started_before: Option<Instant>,
    pub after: Option<Place>,
}

const COLUMNS: &str = "instance, order_no, definitions, phase, due_at, updated_at, urgency, created_at";
/// The same of an archived row.
const ARCHIVED: &str =
    "instance, order_no, definitions, phase, NULL AS due_at, updated_at, 2 AS urgency, created_at";

/// What needs somebody first, then the newest. One index range for each page.
pub async fn list(session: &Session, filter: &Filter, size: u32) -> Result<Vec<Listed>, StoreError> {
    let mut conditions = vec!["1 = 1"];
    let mut values: Vec<Value> = Vec::new();
    if let Some(phase) = &filter.phase {
        conditions.push("phase = ?");
        values.push(phase.as_str().into());
    }
    if let Some(machine) = &filter.machine {
        conditions.push("machine = ?");
        values.push(machine.as_str().into());
    }
    if let Some(order_no) = &filter.order_no {
        conditions.push("order_no = ?");
        values.push(order_no.as_str().into());
    }
    if let Some(before) = filter.started_before {
        conditions.push("created_at <= ?");
        values.push(before.millis().into());
    }
    if let Some(place) = &filter.after {
        conditions.push("urgency >= ? AND (urgency > ? OR created_at < ? OR (created_at = ? AND id < ?))");
        let created_at = place.created_at.millis();
        values.extend(params![
            place.urgency,
            place.urgency,
            created_at,
            created_at,
            place.id.as_str()
        ]);
    }
    values.push(size.into());
    let sql = format!(
        "SELECT {COLUMNS} FROM saga_instances WHERE {} ORDER BY urgency, created_at DESC, id DESC LIMIT ?",
        conditions.join(" AND ")
    );
    let rows = session.query(&sql, values).await?;
    rows.iter().map(|row| listed(row, false)).collect()
}

/// One saga, living or archived.
pub async fn find(session: &Session, id: &str) -> Result<Option<Listed>, StoreError> {
    by(session, "id = ?", params![id]).await
}

/// Whether a living saga has this id.
pub async fn exists(session: &Session, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS found FROM saga_instances WHERE id = ?";
    Ok(session.query_optional(sql, params![id]).await?.is_some())
}

/// The instance of a machine with a business key, living or archived.
pub async fn find_by_key(session: &Session, machine: &str, key: &str) -> Result<Option<Listed>, StoreError> {
    by(session, "machine = ? AND business_key = ?", params![machine, key]).await
}

async fn by(session: &Session, condition: &str, values: Vec<Value>) -> Result<Option<Listed>, StoreError> {
    let living = format!("SELECT {COLUMNS} FROM saga_instances WHERE {condition}");
    if let Some(row) = session.query_optional(&living, values.clone()).await? {
        return listed(&row, false).map(Some);
    }
    let archived = format!("SELECT {ARCHIVED} FROM saga_archive WHERE {condition}");
    let row = session.query_optional(&archived, values).await?;
    row.map(|row| listed(&row, true)).transpose()
}

/// How many living sagas a machine has in a phase, and when the oldest of them was started.
#[derive(Debug)]
pub struct Count {
    pub machine: String,
    pub phase: String,
    pub count: u64,
    pub oldest: Instant,
}

pub async fn census(session: &Session) -> Result<Vec<Count>, StoreError> {
    let sql = "SELECT machine, phase, COUNT(*) AS count, MIN(created_at) AS oldest FROM saga_instances GROUP BY phase, machine";
    let rows = session.query(sql, params![]).await?;
    rows.iter()
        .map(|row| {
            Ok(Count {
                machine: row.text("machine")?,
                phase: row.text("phase")?,
                count: row.get("count")?,
                oldest: Instant::from_millis(row.get("oldest")?),
            })
        })
        .collect()
}

fn listed(row: &Row, archived: bool) -> Result<Listed, StoreError> {
    Ok(Listed {
        instance: row.json("instance")?,
        order_no: row.opt_text("order_no")?,
        pins: row.opt_json("definitions")?,
        phase: row.text("phase")?,
        due_at: row.get::<Option<i64>>("due_at")?.map(Instant::from_millis),
        updated_at: Instant::from_millis(row.get("updated_at")?),
        archived,
        urgency: row.get("urgency")?,
        created_at: Instant::from_millis(row.get("created_at")?),
    })
}
