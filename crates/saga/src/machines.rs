//! The machines that instances can run on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::StateMachine;
use crate::recovery_policy::RecoveryPolicy;

/// A set of state machines by name, with which instances are started and advanced: [`Machines::start`], [`Machines::advance`].
#[derive(Debug, Clone, Default)]
pub struct Machines {
    by_name: BTreeMap<String, Arc<StateMachine>>,
    pub(crate) recovery: RecoveryPolicy,
}

/// A sub-machine that a definition names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("machine `{machine}`, state `{state}`: `{sub_machine}` is not registered")]
pub struct Unregistered {
    pub machine: String,
    pub state: String,
    pub sub_machine: String,
}

impl Machines {
    pub fn new() -> Self {
        Self::default()
    }

    /// With another policy for instances that end unsettled.
    #[must_use]
    pub fn with_recovery(mut self, policy: RecoveryPolicy) -> Self {
        self.recovery = policy;
        self
    }

    /// Makes a machine known, in place of an earlier one of its name. Instances of the earlier one go on with the new one.
    pub fn add(&mut self, machine: impl Into<Arc<StateMachine>>) {
        let machine = machine.into();
        self.by_name.insert(machine.name().to_owned(), machine);
    }

    pub fn get(&self, name: &str) -> Option<&Arc<StateMachine>> {
        self.by_name.get(name)
    }

    /// Every machine, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<StateMachine>> {
        self.by_name.values()
    }

    /// The sub-machines that are named and not registered. Entering such a state raises `UnknownStateMachine`.
    pub fn unregistered(&self) -> Vec<Unregistered> {
        let named = self.iter().flat_map(|machine| {
            machine
                .sub_machines()
                .map(move |(state, name)| (machine, state, name))
        });
        named
            .filter(|(_, _, name)| self.get(name).is_none())
            .map(|(machine, state, name)| Unregistered {
                machine: machine.name().to_owned(),
                state: state.to_owned(),
                sub_machine: name.to_owned(),
            })
            .collect()
    }
}
