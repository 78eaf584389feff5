//! Sub-machines: instances inside the runs of others.

use serde_json::{Map, Value, json};

use super::agenda::Agenda;
use super::event::AdvanceError;
use super::execution::Execution;
use crate::definition::Task;
use crate::instance::{Instance, StateRun, Status, Strand};
use crate::machines::Machines;
use crate::service::{ErrorKind, ServiceError, name};
use crate::step_id::StepId;

/// Most instances inside each other, the outermost included.
const MAX_DEPTH: usize = 16;

/// The result's member with the two letters of the sub-machine's status, as Seata names it.
const STATUS: &str = "_sub_statemachine_execution_status_";

impl<'a> Execution<'a> {
    /// Does something with the instance of a sub-machine. Absent: there is none, or its machine is not registered.
    pub(super) fn in_child<T>(
        &mut self,
        holder: usize,
        act: impl FnOnce(&mut Execution<'_>) -> T,
    ) -> Option<T> {
        let machines: &'a Machines = self.machines;
        let mut child = self.instance.states[holder].child.take()?;
        let done = machines.get(&child.machine).map(|machine| {
            let mut execution = Execution {
                machines,
                machine,
                instance: &mut child,
                now: self.now,
                depth: self.depth + 1,
                entered: self.entered,
                moved: false,
            };
            let done = act(&mut execution);
            self.entered = execution.entered;
            self.moved |= execution.moved;
            done
        });
        self.instance.states[holder].child = Some(child);
        done
    }

    /// Starts a sub-machine in its run.
    pub(super) fn begin_child(&mut self, run: usize, task: &'a Task, machine: &str, attempt: u32) {
        match self.new_child(run, machine, attempt) {
            Ok(child) => {
                self.instance.states[run].child = Some(Box::new(child));
                self.set_going(run, attempt);
            }
            Err(error) => self.broke(run, task, Status::Failed, &error),
        }
    }

    fn new_child(&self, run: usize, machine: &str, attempt: u32) -> Result<Instance, ServiceError> {
        let error = |name, message: String| Err(ServiceError::new(ErrorKind::Other, name, message));
        if self.depth >= MAX_DEPTH {
            return error(
                name::TOO_DEEP,
                format!("more than {MAX_DEPTH} machines in each other"),
            );
        }
        let Some(definition) = self.machines.get(machine) else {
            return Err(unknown_machine(machine));
        };
        let run = &self.instance.states[run];
        let params = match run.input.first() {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params.clone(),
            Some(_) => {
                let message = "Input[0]: a sub-machine's parameters must be an object".to_owned();
                return error(name::EXPRESSION_FAILED, message);
            }
        };
        let id = run.step_id.of_child(attempt).to_string();
        let business_key = self.instance.business_key.as_deref();
        Ok(Instance::new(definition, id, business_key, params, self.now))
    }

    /// Whether it, or this instance after it, got further without the outside.
    pub(super) fn proceed_child(&mut self, strand: Strand, agenda: &mut Agenda) -> bool {
        let holder = self.instance.child_holder(strand.run);
        let ended = self.in_child(holder, |child| {
            child.proceed(agenda);
            child.instance.is_ended()
        });
        let Some(task) = self.task_of(strand.run).filter(|_| ended != Some(false)) else {
            return false;
        };
        if self.instance.states[strand.run].is_compensation() {
            self.child_compensated(strand, holder, task);
        } else {
            self.child_ended(strand, task);
        }
        true
    }

    fn child_ended(&mut self, strand: Strand, task: &'a Task) {
        let run = &mut self.instance.states[strand.run];
        let Some(child) = &run.child else {
            return;
        };
        if task.for_update.is_none() && has_changed(child) {
            run.for_update = true;
        }
        // An attempt after the first is a way forward, be it a retry's or an operator's.
        let status = status_of(child, strand.attempt > 1);
        let (root, failure) = (
            result_of(child, status),
            failure_of(child, name::SUB_MACHINE_FAILED),
        );
        let status = self.status_of_result(strand.run, task, &root).unwrap_or(status);
        let status = match status {
            Status::Succeeded => status,
            status => Self::status_of_error(task, &failure).unwrap_or(status),
        };
        if status != Status::Succeeded && self.retries(strand, &failure, task) {
            return;
        }
        if let Err(error) = self.apply_output(&task.output, root, strand.run) {
            return self.broke(strand.run, task, Status::Unknown, &error);
        }
        if status != Status::Succeeded && task.catching(&failure).is_some() {
            return self.broke(strand.run, task, status, &failure);
        }
        // As in Seata, a sub-machine that did not succeed raises nothing: without a `Catch` it goes on to `Next`.
        self.close_run(strand.run, status);
        self.completed(strand.run, task);
    }

    /// Begins, or goes on with, the compensation of the sub-machine that an action ran.
    pub(super) fn compensate_child(&mut self, run: usize, task: &'a Task, attempt: u32) {
        let holder = self.instance.child_holder(run);
        let params = self.instance.states[run].input.first().cloned();
        let Some(child) = &mut self.instance.states[holder].child else {
            // It never came to be, so there is nothing to undo.
            return self.answered(run, Value::Null, task);
        };
        let machine = child.machine.clone();
        if let Some(Value::Object(params)) = params {
            child.context.extend(params);
        }
        match self.in_child(holder, |child| child.compensate()) {
            None => self.broke(run, task, Status::Failed, &unknown_machine(&machine)),
            Some(Err(AdvanceError::AlreadyCompensated)) => self.child_undone(run, holder, task),
            Some(_) => self.set_going(run, attempt),
        }
    }

    fn child_compensated(&mut self, strand: Strand, holder: usize, task: &'a Task) {
        let Some(child) = &self.instance.states[holder].child else {
            return;
        };
        let status = child.compensation_status.unwrap_or(Status::Failed);
        if status == Status::Succeeded {
            return self.child_undone(strand.run, holder, task);
        }
        let failure = failure_of(child, name::SUB_MACHINE_COMPENSATION_FAILED);
        if !self.retries(strand, &failure, task) {
            let status = Self::status_of_error(task, &failure).unwrap_or(status);
            self.broke(strand.run, task, status, &failure);
        }
    }

    fn child_undone(&mut self, run: usize, holder: usize, task: &'a Task) {
        let child = self.instance.states[holder].child.as_deref();
        let result = child.map_or(Value::Null, |child| result_of(child, Status::Succeeded));
        self.answered(run, result, task);
    }

    /// A pause before another attempt is over.
    pub(super) fn resume_child(&mut self, strand: Strand) {
        let Some(task) = self.task_of(strand.run) else {
            return;
        };
        if self.instance.states[strand.run].is_compensation() {
            self.compensate_child(strand.run, task, strand.attempt);
        } else {
            self.forward_child(strand.run, task, strand.attempt);
        }
    }

    /// Sends a sub-machine forward; one that was undone begins anew.
    fn forward_child(&mut self, run: usize, task: &'a Task, attempt: u32) {
        let forwarded = self.in_child(run, |child| child.forward());
        self.went_forward(run, task, attempt, forwarded);
    }

    /// The run's sub-machine was sent forward, if its machine is registered.
    pub(super) fn went_forward(
        &mut self,
        run: usize,
        task: &'a Task,
        attempt: u32,
        forwarded: Option<Result<(), AdvanceError>>,
    ) {
        let Some(child) = &self.instance.states[run].child else {
            return self.begin_work(run, task);
        };
        let (machine, status) = (child.machine.clone(), status_of(child, false));
        match forwarded {
            None => self.broke(run, task, status, &unknown_machine(&machine)),
            Some(Err(_)) => self.begin_child(run, task, &machine, attempt),
            Some(Ok(())) => self.set_going(run, attempt),
        }
    }
}

/// What a sub-machine's end means for the state that ran it.
pub(super) fn status_of(child: &Instance, forwarded: bool) -> Status {
    match child.compensation_status {
        _ if forwarded && child.status == Status::Succeeded => Status::Succeeded,
        None | Some(Status::Failed) => child.status,
        Some(Status::Succeeded) => Status::Failed,
        Some(_) => Status::Unknown,
    }
}

fn has_changed(child: &Instance) -> bool {
    let changed =
        |run: &StateRun| run.for_update && run.status == Status::Succeeded && !run.is_compensation();
    child.states.iter().any(changed)
}

fn result_of(child: &Instance, status: Status) -> Value {
    let mut result = child.context.clone();
    result.insert(STATUS.to_owned(), json!(status.code()));
    Value::Object(result)
}

fn failure_of(child: &Instance, name: &str) -> ServiceError {
    let message = match &child.error {
        Some(error) => format!("`{}` ended with {}: {}", child.machine, error.name, error.message),
        None => format!("`{}` did not succeed", child.machine),
    };
    ServiceError::new(ErrorKind::Other, name, message)
        .with_ancestors(child.error.iter().map(|error| error.name.clone()))
}

fn unknown_machine(name: &str) -> ServiceError {
    let message = format!("no machine `{name}` is registered");
    ServiceError::new(ErrorKind::Other, name::UNKNOWN_STATE_MACHINE, message)
}

impl StepId {
    /// The id of the sub-machine that the step runs. An attempt after one that was undone is another instance.
    fn of_child(&self, attempt: u32) -> Self {
        if attempt <= 1 {
            self.clone()
        } else {
            self.again(attempt)
        }
    }
}
