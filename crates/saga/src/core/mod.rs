//! The transition function: an instance and an event in, the next command out.

mod compensation;
mod decision;
mod event;
mod execution;
mod recovery;
mod task;
mod wait;

pub use event::{AdvanceError, Command, Event};

use serde_json::{Map, Value};

use crate::definition::{State, StateMachine};
use crate::instance::{Cursor, Instance, Millis};
use crate::machines::Machines;
use execution::Execution;

impl Machines {
    /// A new instance, at its start. Nothing has been done yet: [`Machines::advance`] it with [`Event::Resume`].
    ///
    /// `id` must be unique over all instances; it begins every step id. `params` are the first variables.
    ///
    /// # Errors
    /// If there is no such machine.
    pub fn start(
        &self,
        machine: &str,
        id: impl Into<String>,
        business_key: Option<&str>,
        params: Map<String, Value>,
        now: Millis,
    ) -> Result<Instance, AdvanceError> {
        Ok(Instance::new(
            self.machine(machine)?,
            id.into(),
            business_key,
            params,
            now,
        ))
    }

    /// Takes an instance as far as it goes without the outside, and says what the outside must do next.
    ///
    /// # Contract
    ///
    /// - After every `Ok` the instance is complete: stored and loaded again, [`Event::Resume`] gives the same command.
    /// - After every `Err` the instance is as it was.
    /// - It depends on its arguments only. An instance stored at any earlier point, given the same outcomes and events again,
    ///   asks for the same calls with the same step ids and inputs; so a caller may store less often than it advances, as
    ///   long as the services answer a repeated step id with the outcome that they recorded.
    /// - `now` should not go backwards; if it does, pauses and waits become longer and nothing else happens.
    ///
    /// # Errors
    /// If the event does not fit what the instance is doing, or the instance does not belong to this definition.
    pub fn advance(
        &self,
        instance: &mut Instance,
        event: Event,
        now: Millis,
    ) -> Result<Command, AdvanceError> {
        let machine = self.machine(&instance.machine)?;
        verify(machine, instance)?;
        let before = (event == Event::Resume).then(|| instance.cursor.clone());
        let mut execution = Execution {
            machine,
            instance,
            now,
        };
        match event {
            Event::Resume => {}
            Event::Outcome { step_id, result } => execution.settle(&step_id, result)?,
            Event::Signal { name, payload } => execution.signal(&name, payload)?,
            Event::DeadlinePassed => execution.deadline_passed()?,
            Event::Forward => execution.forward()?,
            Event::Compensate => execution.compensate()?,
            Event::SkipAndForward => execution.skip_and_forward()?,
            Event::Recover => return Err(AdvanceError::NothingToRecover),
        }
        let command = execution.proceed();
        if before.is_none_or(|before| before != instance.cursor) {
            instance.version += 1;
        }
        Ok(command)
    }

    fn machine(&self, name: &str) -> Result<&StateMachine, AdvanceError> {
        let machine = self.get(name).map(AsRef::as_ref);
        machine.ok_or_else(|| AdvanceError::UnknownMachine {
            machine: name.to_owned(),
        })
    }
}

/// Everything that an instance refers to is there, so that nothing fails half-way.
fn verify(machine: &StateMachine, instance: &Instance) -> Result<(), AdvanceError> {
    let foreign = |state: &str| {
        Err(AdvanceError::ForeignState {
            state: state.to_owned(),
        })
    };
    match &instance.cursor {
        Cursor::Enter { state } if !machine.states.contains_key(state) => return foreign(state),
        Cursor::Invoking { run, .. } | Cursor::BackingOff { run, .. } => match instance.states.get(*run) {
            Some(run) if matches!(machine.states.get(&run.name), Some(State::Service(_))) => {}
            run => return foreign(run.map_or("", |run| &run.name)),
        },
        Cursor::Waiting { run, .. } => match instance.states.get(*run) {
            Some(run) if matches!(machine.states.get(&run.name), Some(State::Wait(_))) => {}
            run => return foreign(run.map_or("", |run| &run.name)),
        },
        _ => {}
    }
    for &run in instance
        .compensation
        .iter()
        .flat_map(|compensation| &compensation.stack)
    {
        let name = instance.states.get(run).map_or("", |run| run.name.as_str());
        if machine
            .states
            .get(name)
            .and_then(State::compensate_state)
            .is_none()
        {
            return foreign(name);
        }
    }
    Ok(())
}
