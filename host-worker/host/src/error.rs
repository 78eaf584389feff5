//! Why an application cannot be loaded.

use std::{io, path::PathBuf};

/// Why [`Host::load`](crate::Host::load) refused. The text names what to change.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Not TOML, or a value of the wrong type.
    #[error("{}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    /// The manifest asks for something that this host does not offer.
    #[error("spin.toml: `{key}`: {reason}")]
    Unsupported { key: String, reason: String },
    /// The manifest is well formed but contradicts itself.
    #[error("spin.toml: `{key}`: {reason}")]
    Invalid { key: String, reason: String },
    /// A variable has no value, or a template names one that does not exist.
    #[error("variable `{name}`: {reason}")]
    Variable { name: String, reason: String },
    /// The component's file is missing: it has not been built.
    #[error("component `{component}`: {} does not exist; build it first: `cargo xtask build`", path.display())]
    NotBuilt { component: String, path: PathBuf },
    /// The component and its dependencies do not fit together.
    #[error("component `{component}`: {reason}")]
    Compose { component: String, reason: String },
    /// The component imports something that neither its dependencies nor this host provides.
    #[error("component `{component}` imports `{import}`, which this host does not offer")]
    Import { component: String, import: String },
    /// Wasmtime refused the component.
    #[error("component `{component}`: {source}")]
    Compile {
        component: String,
        source: wasmtime::Error,
    },
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(wasmtime::Error),
    #[error("TLS for outbound requests cannot start: {0}")]
    Tls(rustls::Error),
    #[error("no component `{0}` in the manifest")]
    NoComponent(String),
}

impl LoadError {
    pub(crate) fn unsupported(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            key: key.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            reason: reason.into(),
        }
    }
}
