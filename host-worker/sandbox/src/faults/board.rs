//! Which faults are in force for which payment. They are kept in the books' table `settings`.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use super::dice::Dice;
use super::{ApiFate, Faults, FaultsError, WebhookFate};
use crate::books::{BooksError, document, parsed};

/// The row of the faults for every payment. Those of one payment are in a row of this name with a slash and its `merchantPaymentId`.
const ALL: &str = "faults";

/// Faults with the sequence of choices that they are thrown with.
#[derive(Debug)]
struct Setting {
    faults: Faults,
    dice: Dice,
}

impl Setting {
    fn new(faults: Faults, seed: Option<u64>) -> Self {
        let dice = Dice::new(faults.seed.or(seed));
        Self { faults, dice }
    }
}

/// All faults. A payment with faults of its own is subject to those alone.
#[derive(Debug)]
pub(crate) struct FaultBoard(RwLock<BTreeMap<String, Setting>>);

fn row_of(payment: Option<&str>) -> String {
    payment.map_or_else(|| ALL.to_owned(), |payment| format!("{ALL}/{payment}"))
}

impl FaultBoard {
    /// The faults as the books have them. `seed`: begins the sequences of those without a seed of their own.
    pub(crate) fn load(db: &Connection, seed: Option<u64>) -> Result<Self, BooksError> {
        let mut statement =
            db.prepare("SELECT name, document FROM settings WHERE name = ?1 OR name LIKE ?1 || '/%'")?;
        let mut rows = statement.query([ALL])?;
        let mut settings = BTreeMap::from([(ALL.to_owned(), Setting::new(Faults::default(), seed))]);
        while let Some(row) = rows.next()? {
            let faults = parsed(&row.get::<_, String>(1)?)?;
            settings.insert(row.get(0)?, Setting::new(faults, seed));
        }
        Ok(Self(RwLock::new(settings)))
    }

    fn settings(&self) -> RwLockReadGuard<'_, BTreeMap<String, Setting>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults that `payment` is subject to.
    pub(crate) fn of(&self, payment: &str) -> Faults {
        self.with(Some(payment), |setting| setting.faults)
    }

    /// The faults of that payment itself, or of all payments.
    pub(crate) fn set_for(&self, payment: Option<&str>) -> Option<Faults> {
        self.settings()
            .get(&row_of(payment))
            .map(|setting| setting.faults)
    }

    /// The payments that have faults of their own, and those.
    pub(crate) fn own(&self) -> Vec<(String, Faults)> {
        let own = |(name, setting): (&String, &Setting)| {
            Some((
                name.strip_prefix(ALL)?.strip_prefix('/')?.to_owned(),
                setting.faults,
            ))
        };
        self.settings().iter().filter_map(own).collect()
    }

    fn with<T>(&self, payment: Option<&str>, look: impl FnOnce(&Setting) -> T) -> T {
        let settings = self.settings();
        let own = payment.and_then(|payment| settings.get(&row_of(Some(payment))));
        match own.or_else(|| settings.get(ALL)) {
            Some(setting) => look(setting),
            // The row for all payments is never taken away.
            None => look(&Setting::new(Faults::default(), None)),
        }
    }

    /// What happens to the next call about `payment`, if it is known, under which faults.
    pub(crate) fn api(&self, payment: Option<&str>) -> (Faults, Duration, ApiFate) {
        self.with(payment, |setting| {
            let (latency, fate) = setting.dice.api(&setting.faults.api);
            (setting.faults, latency, fate)
        })
    }

    /// What happens to the next webhook about `payment`, under which faults.
    pub(crate) fn webhook(&self, payment: &str) -> (Faults, WebhookFate) {
        self.with(Some(payment), |setting| {
            (setting.faults, setting.dice.webhook(&setting.faults.webhook))
        })
    }

    /// The faults that `change` would leave.
    pub(crate) fn changed(&self, payment: Option<&str>, change: &Value) -> Result<Faults, FaultsError> {
        self.set_for(payment).unwrap_or_default().merged(change)
    }

    /// Puts faults in force that the books have. A sequence goes on unless `anew`.
    pub(crate) fn put(&self, payment: Option<&str>, faults: Faults, anew: bool) {
        let mut settings = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match settings.get_mut(&row_of(payment)) {
            Some(setting) if !anew => setting.faults = faults,
            _ => {
                settings.insert(row_of(payment), Setting::new(faults, None));
            }
        }
    }

    /// Lets a payment be subject to the faults of all again.
    pub(crate) fn remove(&self, payment: &str) {
        let mut settings = self.0.write().unwrap_or_else(PoisonError::into_inner);
        settings.remove(&row_of(Some(payment)));
    }
}

/// Writes faults into the books.
pub(crate) fn store(db: &Connection, payment: Option<&str>, faults: &Faults) -> Result<(), BooksError> {
    db.execute(
        "INSERT INTO settings (name, document) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET document = excluded.document",
        (row_of(payment), document(faults)?),
    )?;
    Ok(())
}

/// Takes a payment's own faults out of the books. `false`: it had none.
pub(crate) fn forget(db: &Connection, payment: &str) -> Result<bool, BooksError> {
    Ok(db.execute("DELETE FROM settings WHERE name = ?1", [row_of(Some(payment))])? == 1)
}
