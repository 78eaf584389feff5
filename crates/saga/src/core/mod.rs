//! The transition function: an instance and an event in, the next command out.

mod agenda;
mod child;
mod compensation;
mod decision;
mod event;
mod execution;
mod looping;
mod recovery;
mod runs;
mod task;
mod wait;

pub use event::{AdvanceError, Command, Event};

use serde_json::{Map, Value};

use crate::definition::{State, StateMachine, Task};
use crate::instance::{Cursor, Instance, Millis, StateRun, StateType};
use crate::machines::Machines;
use crate::value;
use agenda::Agenda;
use compensation::compensation_of;
use execution::Execution;

impl Machines {
    /// A new instance, at its start. Nothing has been done yet: [`Machines::advance`] it with [`Event::Resume`].
    ///
    /// `id` must be unique over all instances; it begins every step id. `params` are the first variables.
    ///
    /// # Errors
    /// If there is no such machine, or the parameters are more than an instance can keep.
    pub fn start(
        &self,
        machine: &str,
        id: impl Into<String>,
        business_key: Option<&str>,
        params: Map<String, Value>,
        now: Millis,
    ) -> Result<Instance, AdvanceError> {
        value::check("the parameters", params.values())
            .map_err(|error| AdvanceError::TooLarge { what: error.message })?;
        let machine = self.machine(machine)?;
        Ok(Instance::new(machine, id.into(), business_key, params, now))
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
        self.verify(machine, instance)?;
        // These may find nothing to do, and then nothing is to be stored.
        let from_outside = !matches!(event, Event::Resume | Event::DeadlinePassed);
        let by_operator = matches!(event, Event::Forward | Event::Compensate | Event::SkipAndForward);
        let mut execution = Execution {
            machines: self,
            machine,
            instance,
            now,
            depth: 1,
            entered: 0,
            moved: false,
        };
        match event {
            Event::Resume => {}
            Event::Outcome { step_id, result } => execution.settle(&step_id, result)?,
            Event::Signal { name, payload } => execution.signal(&name, payload)?,
            Event::DeadlinePassed => execution.deadline_passed()?,
            Event::Forward => execution.forward()?,
            Event::Compensate => execution.compensate()?,
            Event::SkipAndForward => execution.skip_and_forward()?,
            Event::Recover => execution.recover()?,
        }
        if by_operator {
            execution.forget_recoveries();
        }
        let mut agenda = Agenda::default();
        execution.proceed(&mut agenda);
        if execution.moved || from_outside {
            execution.plan_recovery();
            instance.version += 1;
        }
        Ok(agenda.command())
    }

    fn machine(&self, name: &str) -> Result<&StateMachine, AdvanceError> {
        let machine = self.get(name).map(AsRef::as_ref);
        machine.ok_or_else(|| AdvanceError::UnknownMachine {
            machine: name.to_owned(),
        })
    }

    /// Everything that an instance, and whatever is under way in it, refers to is there, so that nothing fails half-way.
    fn verify(&self, machine: &StateMachine, instance: &Instance) -> Result<(), AdvanceError> {
        let foreign = |state: &str| {
            Err(AdvanceError::ForeignState {
                state: state.to_owned(),
            })
        };
        match &instance.cursor {
            Cursor::Enter { state } if !machine.states.contains_key(state) => return foreign(state),
            Cursor::Looping => {
                let state = instance.looping.as_ref().map_or("", |looping| &looping.state);
                if machine.task(state).is_none_or(|task| task.repeat.is_none()) {
                    return foreign(state);
                }
            }
            Cursor::Waiting { run, .. } => match instance.states.get(*run) {
                Some(run) if matches!(machine.states.get(&run.name), Some(State::Wait(_))) => {}
                run => return foreign(run.map_or("", |run| &run.name)),
            },
            _ => {}
        }
        for strand in instance.strands() {
            match instance.states.get(strand.run) {
                Some(run) if task_of(machine, run).is_some_and(|task| task.kind() == run.kind) => {}
                run => return foreign(run.map_or("", |run| &run.name)),
            }
            if let Some(child) = instance.child_of(strand) {
                self.verify(self.machine(&child.machine)?, child)?;
            }
        }
        for &run in instance
            .compensation
            .iter()
            .flat_map(|compensation| &compensation.stack)
        {
            let name = instance.states.get(run).map_or("", StateRun::state_name);
            if compensation_of(machine, name).is_none() {
                return foreign(name);
            }
        }
        Ok(())
    }
}

/// The definition of what a run does; for the compensation of a sub-machine that has no state of its own, the default one.
fn task_of<'m>(machine: &'m StateMachine, run: &StateRun) -> Option<&'m Task> {
    let by_default = || (run.kind == StateType::CompensateSubMachine).then(Task::compensating_a_child);
    machine.task(run.state_name()).or_else(by_default)
}
