//! `spin:variables` for components.

use super::super::{guest::Guest, manifest::is_variable_name};
use std::collections::HashMap;
use wasmtime::component::{Accessor, HasData, Linker};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit/variables",
        inline: "
            package kessai:host;
            world variables { import spin:variables/variables@3.0.0; }
        ",
        world: "kessai:host/variables",
    });
}

use bindings::spin::variables::variables;

struct VariablesHost;

impl HasData for VariablesHost {
    type Data<'a> = &'a HashMap<String, String>;
}

impl variables::Host for &HashMap<String, String> {}

impl<T> variables::HostWithStore<T> for VariablesHost {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, variables::Error> {
        if !is_variable_name(&name) {
            return Err(variables::Error::InvalidName(name));
        }
        match accessor.with(|mut access| access.get().get(&name).cloned()) {
            Some(value) => Ok(value),
            None => Err(variables::Error::Undefined(name)),
        }
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    variables::add_to_linker::<_, VariablesHost>(linker, |guest| &guest.capabilities().variables)
}
