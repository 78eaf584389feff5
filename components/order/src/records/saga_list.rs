//! `saga_instances` and `saga_archive` as an operator reads them. Nothing here writes.

use super::sagas::Pins;
use domain::Instant;
use saga::Instance;
use store::{Row, Session, Sql, Statement as _, StoreError, Value, params};

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
    created_at: Instant,
}

impl Listed {
    /// Where the next page begins after this row.
    pub fn place(&self) -> Place {
        Place {
            urgency: urgency(&self.phase),
            created_at: self.created_at,
            id: self.instance.id.clone(),
        }
    }
}

/// A place in the list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 0, the most urgent.
    pub urgency: usize,
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

const COLUMNS: &str = "instance, order_no, definitions, phase, due_at, updated_at, created_at";
/// The same of an archived row.
const ARCHIVED: &str = "instance, order_no, definitions, phase, NULL AS due_at, updated_at, created_at";

/// What needs somebody, by phase, the most urgent first; everything else comes after them.
const URGENT: [&str; 2] = ["PARKED", "RECOVERING"];

fn urgency(phase: &str) -> usize {
    URGENT
        .iter()
        .position(|urgent| *urgent == phase)
        .unwrap_or(URGENT.len())
}

/// What needs somebody first, then the newest. Each urgency is a range of an index.
pub async fn list(session: &Session, filter: &Filter, size: u32) -> Result<Vec<Listed>, StoreError> {
    let mut page = Vec::new();
    let mut left = size;
    for urgency in filter.urgencies() {
        let (sql, values) = statement(filter, urgency, left);
        let rows = session.query(&sql, values).await?;
        left = left.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        for row in &rows {
            page.push(listed(row, false)?);
        }
        if left == 0 {
            break;
        }
    }
    Ok(page)
}

impl Filter {
    /// Those that the rest of the list can have, in its order.
    fn urgencies(&self) -> impl Iterator<Item = usize> {
        let first = self.after.as_ref().map_or(0, |place| place.urgency);
        let only = self.phase.as_deref().map(urgency);
        (first..=URGENT.len()).filter(move |urgency| only.is_none_or(|only| only == *urgency))
    }
}

/// The query for the sagas of one urgency. The conditions on the phase are in the words of the index that has it, or it would not be used.
fn statement(filter: &Filter, urgency: usize, size: u32) -> (String, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    match filter.phase.as_deref().or(URGENT.get(urgency).copied()) {
        Some(phase) => {
            conditions.push("phase = ?");
            values.push(phase.into());
            if phase != SUCCEEDED {
                conditions.push("phase <> 'SUCCEEDED'");
            }
        }
        None => conditions.push("phase NOT IN ('PARKED', 'RECOVERING')"),
    }
    if let Some(machine) = &filter.machine {
        conditions.push("machine = ?");
        values.push(machine.as_str().into());
    }
    if let Some(order_no) = &filter.order_no {
        conditions.push("id = ? AND order_no IS NOT NULL");
        values.push(order_no.as_str().into());
    }
    if let Some(before) = filter.started_before {
        conditions.push("created_at <= ?");
        values.push(before.millis().into());
    }
    if let Some(place) = filter.after.as_ref().filter(|place| place.urgency == urgency) {
        conditions.push("(created_at, id) < (?, ?)");
        values.extend(params![place.created_at.millis(), place.id.as_str()]);
    }
    values.push(size.into());
    let sql = format!(
        "SELECT {COLUMNS} FROM saga_instances WHERE {} ORDER BY created_at DESC, id DESC LIMIT ?",
        conditions.join(" AND ")
    );
    (sql, values)
}

/// One saga, living or archived.
pub async fn find(session: &Session, id: &str) -> Result<Option<Listed>, StoreError> {
    by(session, "id = ?", "id = ?", params![id]).await
}

/// Whether a living saga has this id.
pub async fn exists(session: &Session, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS found FROM saga_instances WHERE id = ?";
    Ok(session.query_optional(sql, params![id]).await?.is_some())
}

/// An order's is found by its id. In the words of the index.
const BY_KEY: Sql = Sql {
    sqlite: "machine = ? AND business_key = ? AND order_no IS NULL AND business_key IS NOT NULL",
    mysql: "machine = ? AND own_key = ?",
};
const BY_ARCHIVED_KEY: &str =
    "machine = ? AND business_key = ? AND order_no IS NULL AND business_key IS NOT NULL";

/// The instance of a machine with a business key, living or archived.
pub async fn find_by_key(session: &Session, machine: &str, key: &str) -> Result<Option<Listed>, StoreError> {
    let living = BY_KEY.text(session.dialect());
    by(session, living, BY_ARCHIVED_KEY, params![machine, key]).await
}

async fn by(
    session: &Session,
    living: &str,
    archived: &str,
    values: Vec<Value>,
) -> Result<Option<Listed>, StoreError> {
    let living = format!("SELECT {COLUMNS} FROM saga_instances WHERE {living}");
    if let Some(row) = session.query_optional(&living, values.clone()).await? {
        return listed(&row, false).map(Some);
    }
    let archived = format!("SELECT {ARCHIVED} FROM saga_archive WHERE {archived}");
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

/// The phase of nearly all sagas, of which there is no index.
pub const SUCCEEDED: &str = "SUCCEEDED";

const CENSUS: &str = "SELECT machine, phase, COUNT(*) AS count, MIN(created_at) AS oldest FROM saga_instances \
                      WHERE phase <> 'SUCCEEDED' GROUP BY phase, machine";

/// All living sagas but those that succeeded.
pub async fn census(session: &Session) -> Result<Vec<Count>, StoreError> {
    let rows = session.query(CENSUS, params![]).await?;
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

/// All living sagas.
pub async fn count(session: &Session) -> Result<u64, StoreError> {
    let row = session
        .query_one("SELECT COUNT(*) AS count FROM saga_instances", params![])
        .await?;
    row.get("count")
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
        created_at: Instant::from_millis(row.get("created_at")?),
    })
}

#[cfg(test)]
mod tests;
