//! What a check found.

use std::fmt;

/// Rows printed for one rule; there may be many more.
const PRINTED: usize = 25;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The order, product or buyer that it is about.
    pub subject: String,
    /// What is wrong, in words and numbers.
    pub detail: String,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub rule: &'static str,
    /// Empty: the rule holds.
    pub findings: Vec<Finding>,
}

/// What became of every rule that could be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub outcomes: Vec<Outcome>,
    /// Rules left out because their database is not there: the sandbox's books, where real PayPay is used.
    pub skipped: Vec<&'static str>,
}

impl Report {
    /// Whether every rule holds.
    pub fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.findings.is_empty())
    }

    /// Forgets what another look did not find: it was under way.
    pub(crate) fn keep_only_found_again(&mut self, again: &Report) {
        for outcome in &mut self.outcomes {
            let again = again.outcomes.iter().find(|other| other.rule == outcome.rule);
            outcome.findings.retain(|finding| {
                again.is_some_and(|other| {
                    other
                        .findings
                        .iter()
                        .any(|found| found.subject == finding.subject)
                })
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            let verdict = if outcome.findings.is_empty() {
                "ok    "
            } else {
                "BROKEN"
            };
            writeln!(f, "{verdict}  {}", outcome.rule)?;
            let width = outcome
                .findings
                .iter()
                .map(|finding| finding.subject.len())
                .max()
                .unwrap_or(0);
            for finding in outcome.findings.iter().take(PRINTED) {
                writeln!(f, "          {:width$}  {}", finding.subject, finding.detail)?;
            }
            if let Some(more) = outcome
                .findings
                .len()
                .checked_sub(PRINTED)
                .filter(|more| *more > 0)
            {
                writeln!(f, "          and {more} more")?;
            }
        }
        for rule in &self.skipped {
            writeln!(f, "-       {rule} (no sandbox here)")?;
        }
        Ok(())
    }
}
