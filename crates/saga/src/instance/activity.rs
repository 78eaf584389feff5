//! What an instance is doing, sub-machines included: for whoever has to decide when to look at it next, and for lists.

use super::{Cursor, Instance, Millis, StateRun, Status, Strand};
use crate::core::Event;
use crate::step_id::StepId;

/// What an instance is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A service is being called.
    Running,
    /// For an event.
    Waiting,
    /// Everything under way pauses before it is tried again.
    Retrying,
    Compensating,
    /// It ended unsettled and will be recovered at [`Instance::recover_at`].
    Recovering,
    /// It ended unsettled and is left to an operator.
    Parked,
    Succeeded,
    /// It ended without success, and nothing was compensated.
    Failed,
    /// Everything it changed was undone.
    Compensated,
}

impl Phase {
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Waiting,
        Self::Retrying,
        Self::Compensating,
        Self::Recovering,
        Self::Parked,
        Self::Succeeded,
        Self::Failed,
        Self::Compensated,
    ];

    /// The word by which databases and consoles know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Waiting => "WAITING",
            Self::Retrying => "RETRYING",
            Self::Compensating => "COMPENSATING",
            Self::Recovering => "RECOVERING",
            Self::Parked => "PARKED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Compensated => "COMPENSATED",
        }
    }
}

/// Whether anything below is of that kind.
#[derive(Default)]
struct Activity {
    calls: bool,
    waits: bool,
    pauses: bool,
}

impl Instance {
    /// The calls and sub-machines under way, also those that pause.
    pub(crate) fn strands(&self) -> impl Iterator<Item = Strand> {
        let looping = self.looping.as_ref().filter(|_| self.cursor == Cursor::Looping);
        let active = looping
            .into_iter()
            .flat_map(|looping| looping.active.iter().copied());
        self.cursor.strand().into_iter().chain(active)
    }

    /// The run that holds the instance of the sub-machine that `run` runs or compensates.
    pub(crate) fn child_holder(&self, run: usize) -> usize {
        match &self.states[run].compensated_for {
            None => run,
            Some(action) => self
                .states
                .iter()
                .rposition(|run| !run.is_compensation() && !run.superseded && run.step_id == *action)
                .unwrap_or(run),
        }
    }

    /// The sub-machine that is under way in a strand.
    pub(crate) fn child_of(&self, strand: Strand) -> Option<&Instance> {
        let run = self.states.get(strand.run)?;
        if !run.is_child() || strand.until.is_some() {
            return None;
        }
        self.states.get(self.child_holder(strand.run))?.child.as_deref()
    }

    /// The strand that waits for the outcome of a step, be it inside a sub-machine.
    pub(crate) fn strand_of(&self, step: &StepId) -> Option<Strand> {
        self.strands().find(|strand| match self.child_of(*strand) {
            Some(child) => child.strand_of(step).is_some(),
            None => {
                let run = self.states.get(strand.run);
                run.is_some_and(|run| !run.is_child() && run.step_id == *step)
            }
        })
    }

    fn children(&self) -> impl Iterator<Item = &Instance> {
        self.strands().filter_map(|strand| self.child_of(strand))
    }

    /// When it must be advanced even if nothing happens: 0 (at once) while a step is in hand, the end of a pause or of a
    /// wait, the time of its recovery; absent when there is nothing to do.
    pub fn due_at(&self) -> Option<Millis> {
        let own = match self.cursor {
            Cursor::Ended => return self.recover_at,
            Cursor::Waiting { deadline, .. } => deadline,
            Cursor::Enter { .. } | Cursor::Compensating => 0,
            Cursor::Invoking { .. } | Cursor::BackingOff { .. } | Cursor::Looping => {
                let due = |strand: Strand| match strand.until {
                    Some(until) => until,
                    None => self.child_of(strand).and_then(Self::due_at).unwrap_or(0),
                };
                self.strands().map(due).min().unwrap_or(0)
            }
        };
        Some(self.deadline.map_or(own, |deadline| own.min(deadline)))
    }

    /// A deadline, of a wait or of a whole instance, has passed and was not acted upon.
    pub(crate) fn is_overdue(&self, now: Millis) -> bool {
        let passed = |deadline: Millis| deadline <= now;
        !self.is_ended()
            && (self.deadline.is_some_and(passed)
                || matches!(self.cursor, Cursor::Waiting { deadline, .. } if passed(deadline))
                || self.children().any(|child| child.is_overdue(now)))
    }

    /// The event with which to take it up now: [`Event::Recover`] or [`Event::DeadlinePassed`] where that is due, else [`Event::Resume`].
    pub fn due_event(&self, now: Millis) -> Event {
        if self.recover_at.is_some_and(|at| at <= now) {
            Event::Recover
        } else if self.is_overdue(now) {
            Event::DeadlinePassed
        } else {
            Event::Resume
        }
    }

    /// The first step in hand: a service is being called or will be again after a pause.
    pub fn step_in_hand(&self) -> Option<&StateRun> {
        self.strands().find_map(|strand| match self.child_of(strand) {
            Some(child) => child.step_in_hand(),
            None => self.states.get(strand.run),
        })
    }

    /// The first state that waits for an event, if one does.
    pub fn waiting_in(&self) -> Option<&StateRun> {
        match self.cursor {
            Cursor::Waiting { run, .. } => self.states.get(run),
            _ => self.children().find_map(Self::waiting_in),
        }
    }

    /// The state it is in, by its name in the definition; once ended, the state that it failed in. Absent between two compensations,
    /// and after an end without an error.
    pub fn current_state(&self) -> Option<&str> {
        match &self.cursor {
            Cursor::Enter { state } => Some(state),
            Cursor::Invoking { run, .. } | Cursor::BackingOff { run, .. } | Cursor::Waiting { run, .. } => {
                self.states.get(*run).map(StateRun::state_name)
            }
            Cursor::Looping => self.looping.as_ref().map(|looping| looping.state.as_str()),
            Cursor::Compensating => None,
            Cursor::Ended => self.error.as_ref().map(|error| error.state.as_str()),
        }
    }

    pub fn phase(&self) -> Phase {
        if self.is_ended() {
            return self.end_phase();
        }
        if self.compensation.is_some() {
            return Phase::Compensating;
        }
        let mut activity = Activity::default();
        self.note_activity(&mut activity);
        match activity {
            Activity { calls: true, .. } => Phase::Running,
            Activity { waits: true, .. } => Phase::Waiting,
            Activity { pauses: true, .. } => Phase::Retrying,
            _ => Phase::Running,
        }
    }

    fn end_phase(&self) -> Phase {
        if self.is_parked() {
            Phase::Parked
        } else if self.recover_at.is_some() {
            Phase::Recovering
        } else if self.status == Status::Succeeded {
            Phase::Succeeded
        } else if self.compensation_status == Some(Status::Succeeded) {
            Phase::Compensated
        } else {
            Phase::Failed
        }
    }

    fn note_activity(&self, activity: &mut Activity) {
        activity.waits |= matches!(self.cursor, Cursor::Waiting { .. });
        activity.calls |= matches!(self.cursor, Cursor::Enter { .. } | Cursor::Compensating);
        for strand in self.strands() {
            match (strand.until, self.child_of(strand)) {
                (Some(_), _) => activity.pauses = true,
                (None, Some(child)) => child.note_activity(activity),
                (None, None) => activity.calls = true,
            }
        }
    }
}
