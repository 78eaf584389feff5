//! Runs: how they are opened and closed, what goes into them and what comes out.

use serde_json::{Map, Value};

use super::execution::Execution;
use crate::definition::Output;
use crate::expression::{Scope, Template};
use crate::instance::{Cursor, Iteration, StateRun, StateType, Status, iteration_suffix};
use crate::service::ServiceError;
use crate::step_id::StepId;
use crate::value;

impl Execution<'_> {
    /// A new run of a state, or of one iteration of its loop.
    pub(super) fn open_run(
        &mut self,
        state: &str,
        kind: StateType,
        for_update: bool,
        iteration: Option<Iteration>,
    ) -> usize {
        let suffix = iteration
            .as_ref()
            .map(|iteration| iteration_suffix(iteration.index));
        let name = format!("{state}{}", suffix.unwrap_or_default());
        let own = self
            .instance
            .states
            .iter()
            .filter(|run| run.name == name && !run.is_compensation());
        let ordinal = own.map(|run| run.ordinal).max().unwrap_or(0) + 1;
        let step_id = StepId::action(&self.instance.id, &name, ordinal);
        self.push_run(&name, kind, for_update, step_id, ordinal, iteration)
    }

    pub(super) fn push_run(
        &mut self,
        name: &str,
        kind: StateType,
        for_update: bool,
        step_id: StepId,
        ordinal: u32,
        iteration: Option<Iteration>,
    ) -> usize {
        self.instance.states.push(StateRun {
            name: name.to_owned(),
            kind,
            status: Status::Running,
            step_id,
            input: Vec::new(),
            output: None,
            error: None,
            retries: 0,
            retry_counts: Vec::new(),
            for_update,
            started_at: self.now,
            ended_at: None,
            compensated_for: None,
            compensation_status: None,
            ordinal,
            next: None,
            superseded: false,
            completed: 0,
            iteration,
            child: None,
        });
        self.instance.states.len() - 1
    }

    pub(super) fn close_run(&mut self, run: usize, status: Status) {
        self.instance.completed += 1;
        let run = &mut self.instance.states[run];
        run.status = status;
        run.ended_at = Some(self.now);
        run.completed = self.instance.completed;
    }

    /// What a run's expressions see besides a result.
    fn variables_of(&self, run: usize) -> Option<&Map<String, Value>> {
        let iteration = self.instance.states[run].iteration.as_ref();
        iteration.map(|iteration| &iteration.variables)
    }

    pub(super) fn scope(&self, run: usize) -> Scope<'_> {
        Scope::of_context(&self.instance.context).with(self.variables_of(run))
    }

    pub(super) fn scope_of_result<'v>(&'v self, run: usize, root: &'v Value) -> Scope<'v> {
        Scope::of_result(root, &self.instance.context).with(self.variables_of(run))
    }

    pub(super) fn fill_all(&self, templates: &[Template], run: usize) -> Result<Vec<Value>, ServiceError> {
        let step = &self.instance.states[run].step_id;
        let scope = self.scope(run);
        let filled: Result<Vec<_>, _> = templates
            .iter()
            .map(|template| {
                template
                    .fill(&scope, step)
                    .map_err(|error| ServiceError::expression_failed("Input", &error))
            })
            .collect();
        let filled = filled?;
        value::check("Input", &filled)?;
        Ok(filled)
    }

    /// Keeps a result on its run and sets the variables that `Output` names: all of them, or on an error none.
    pub(super) fn apply_output(
        &mut self,
        output: &Output,
        value: Value,
        run: usize,
    ) -> Result<(), ServiceError> {
        value::check("the result", [&value])?;
        let set = self.fill_output(output, &value, run);
        self.instance.states[run].output = (!value.is_null()).then_some(value);
        let set = set?;
        let in_loop = self.instance.cursor == Cursor::Looping;
        let index = self.instance.states[run]
            .iteration
            .as_ref()
            .map(|turn| turn.index);
        match (&mut self.instance.looping, index) {
            (Some(looping), Some(index)) if in_loop => {
                value::check("Output", set.iter().map(|(_, value)| value))?;
                looping.results.retain(|(other, _)| *other != index);
                looping.results.push((index, set.into_iter().collect()));
                Ok(())
            }
            _ => self.set_variables(set),
        }
    }

    pub(super) fn fill_output(
        &self,
        output: &Output,
        root: &Value,
        run: usize,
    ) -> Result<Vec<(String, Value)>, ServiceError> {
        let step = &self.instance.states[run].step_id;
        let scope = self.scope_of_result(run, root);
        output
            .iter()
            .map(|(variable, template)| match template.fill(&scope, step) {
                Ok(value) => Ok((variable.clone(), value)),
                Err(error) => Err(ServiceError::expression_failed(
                    &format!("Output.{variable}"),
                    &error,
                )),
            })
            .collect()
    }

    /// # Errors
    /// If the variables would become more than an instance can keep. Then none is set.
    pub(super) fn set_variables(&mut self, set: Vec<(String, Value)>) -> Result<(), ServiceError> {
        if !set.is_empty() {
            let others = self.instance.context.iter();
            let others = others.filter(|(name, _)| set.iter().all(|(new, _)| new != *name));
            let all = others
                .map(|(_, value)| value)
                .chain(set.iter().map(|(_, value)| value));
            value::check("the variables", all)?;
            self.instance.context.extend(set);
        }
        Ok(())
    }
}
