//! What a rule has found.

use domain::{AlertRaised, Instant, OrderNo};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// What raised it, in alerts.
const SOURCE: &str = "alerts";
/// Of the digest: enough that no two facts share an id.
const ID_BYTES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A payment succeeded and its order was not updated.
    A,
    /// An order is paid and its payment is not.
    B,
    /// A payment succeeded after its order had failed.
    C,
    /// Two payments of one order succeeded.
    D,
}

impl Rule {
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::A => "A",
            Rule::B => "B",
            Rule::C => "C",
            Rule::D => "D",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An alert without its order and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub rule: Rule,
    /// What tells it from other findings of this rule about this order.
    pub about: String,
    pub critical: bool,
    pub observed: String,
    pub expected: String,
    pub facts: Value,
}

impl Finding {
    /// The same for the same rule, order and fact, whoever finds it and however often.
    pub fn alert_id(&self, order_no: &OrderNo) -> String {
        let digest = Sha256::digest(format!("{}\n{order_no}\n{}", self.rule, self.about));
        let mut id = format!("{}-", self.rule);
        for byte in &digest[..ID_BYTES] {
            // Writing to a string does not fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    pub fn alert(&self, order_no: &OrderNo, detected_at: Instant) -> AlertRaised {
        AlertRaised {
            alert_id: self.alert_id(order_no),
            rule_id: self.rule.to_string(),
            severity: if self.critical { "CRITICAL" } else { "WARNING" }.to_owned(),
            order_no: Some(order_no.as_str().to_owned()),
            observed: self.observed.clone(),
            expected: self.expected.clone(),
            detected_at: detected_at.to_string(),
            source: SOURCE.to_owned(),
            facts: self.facts.clone(),
        }
    }
}
