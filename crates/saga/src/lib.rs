//! A saga engine for definitions in Seata's state language.
//!
//! The core is pure: [`StateMachine::from_json`] reads a definition, [`Machines::start`] makes an [`Instance`], and
//! [`Machines::advance`] takes an instance and an [`Event`] and says in a [`Command`] what the outside has to do
//! next. It has no I/O, no clock and no threads; whoever calls it decides when to store the instance. [`Engine`] is the core with a
//! store, a clock and services around it; [`memory`] has those for tests.
//!
//! ```
//! use saga::{Command, Event, Machines, StateMachine};
//!
//! let machine = StateMachine::from_json(r#"{
//!     "Name": "hello", "StartState": "Greet",
//!     "States": { "Greet": { "Type": "ServiceTask", "ServiceName": "greeter", "ServiceMethod": "greet",
//!                            "Input": ["$.[name]"], "Output": { "greeting": "$.#root" } } }
//! }"#)?;
//! let mut params = serde_json::Map::new();
//! params.insert("name".into(), "Hanako".into());
//! let mut machines = Machines::new();
//! machines.add(machine);
//! let mut instance = machines.start("hello", "saga-1", None, params, 0)?;
//!
//! let Command::Invoke { calls, .. } = machines.advance(&mut instance, Event::Resume, 0)? else { panic!() };
//! let call = &calls[0];
//! assert_eq!((call.service.as_str(), &call.input[0]), ("greeter", &"Hanako".into()));
//!
//! let outcome = Event::Outcome { step_id: call.step_id.clone(), result: Ok("Hello!".into()) };
//! assert_eq!(machines.advance(&mut instance, outcome, 5)?, Command::Finished);
//! assert_eq!(instance.context["greeting"], "Hello!");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The language, with what is added to Seata's, is described in `docs/statelang.md`.

mod core;
mod definition;
mod engine;
mod expression;
mod hash;
mod in_flight;
mod instance;
mod machines;
pub mod memory;
mod recovery_policy;
mod service;
mod step_id;
mod value;

pub use crate::core::{AdvanceError, Command, Event};
pub use definition::{DefinitionError, Problem, RecoverStrategy, StateMachine};
pub use engine::{Clock, Engine, EngineError, ServiceInvoker, Store, StoreError};
pub use expression::{EvalError, Expression, ParseError};
pub use instance::{
    Compensation, Cursor, Failure, Instance, Iteration, LoopError, Looping, Millis, Phase, StateRun,
    StateType, Status, Strand,
};
pub use machines::{Machines, Unregistered};
pub use recovery_policy::RecoveryPolicy;
pub use service::{ErrorKind, ServiceCall, ServiceError};
pub use step_id::StepId;
