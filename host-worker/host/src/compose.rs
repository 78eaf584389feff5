//! Joins a component and its dependencies into one, as `[component.NAME.dependencies]` says. Flat: a dependency satisfies imports of the
//! component, not of other dependencies; what it imports itself becomes an import of the whole.

use crate::{
    error::LoadError,
    manifest::{ComponentDeclaration, Manifest},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId, types::Package};
use wasmtime::{Config, Engine, component::Component};

/// A component's files, read.
#[derive(Debug)]
pub(crate) struct Parts {
    name: String,
    main: Vec<u8>,
    /// Import of the main component → the file that satisfies it.
    plugs: BTreeMap<String, PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Parts {
    /// # Errors
    ///
    /// [`LoadError::NotBuilt`] or [`LoadError::Io`].
    pub(crate) fn read(
        manifest: &Manifest,
        name: &str,
        declaration: &ComponentDeclaration,
    ) -> Result<Self, LoadError> {
        let read = |path: &Path| {
            let path = manifest.resolve(path);
            fs::read(&path).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => LoadError::NotBuilt {
                    component: name.to_owned(),
                    path,
                },
                _ => LoadError::Io { path, source },
            })
        };
        let mut files = BTreeMap::new();
        let mut plugs = BTreeMap::new();
        for (import, dependency) in &declaration.dependencies {
            if !files.contains_key(&dependency.path) {
                files.insert(dependency.path.clone(), read(&dependency.path)?);
            }
            plugs.insert(import.clone(), dependency.path.clone());
        }
        Ok(Self {
            name: name.to_owned(),
            main: read(&declaration.source)?,
            plugs,
            files,
        })
    }

    /// Changes whenever the composed component could.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(bytes.len().to_le_bytes());
            hasher.update(bytes);
        };
        add(&self.main);
        for (import, path) in &self.plugs {
            add(import.as_bytes());
            add(&self.files[path]);
        }
        hasher.finalize().into()
    }

    /// The bytes of one component that contains them all.
    pub(crate) fn compose(&self) -> Result<Vec<u8>, LoadError> {
        if self.plugs.is_empty() {
            return Ok(self.main.clone());
        }
        self.join().map_err(|reason| LoadError::Compose {
            component: self.name.clone(),
            reason,
        })
    }

    fn join(&self) -> Result<Vec<u8>, String> {
        let mut graph = CompositionGraph::new();
        let main = register(&mut graph, "kessai:main", &self.main)?;
        let socket = graph.instantiate(main);
        // A file that satisfies several imports is one instance.
        let mut instances: BTreeMap<&Path, NodeId> = BTreeMap::new();
        for (index, (import, path)) in self.plugs.iter().enumerate() {
            let instance = match instances.get(path.as_path()) {
                Some(instance) => *instance,
                None => {
                    let package = register(
                        &mut graph,
                        &format!("kessai:dependency{index}"),
                        &self.files[path],
                    )?;
                    *instances.entry(path).or_insert(graph.instantiate(package))
                }
            };
            let export = graph
                .alias_instance_export(instance, import)
                .map_err(|error| format!("{} does not export `{import}`: {error}", path.display()))?;
            graph
                .set_instantiation_argument(socket, import, export)
                .map_err(|error| format!("`{import}` of {} does not fit: {error:#}", path.display()))?;
        }
        let exports: Vec<String> = graph.types()[graph[main].ty()].exports.keys().cloned().collect();
        for name in exports {
            let export = graph
                .alias_instance_export(socket, &name)
                .map_err(|error| error.to_string())?;
            graph.export(export, &name).map_err(|error| error.to_string())?;
        }
        graph
            .encode(EncodeOptions::default())
            .map_err(|error| format!("{error:#}"))
    }
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId, String> {
    let package =
        Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(|error| format!("{error:#}"))?;
    graph.register_package(package).map_err(|error| error.to_string())
}

/// What a component of the manifest imports once it is composed with its dependencies: `wasi:http/types@0.3.0` and so on. For checks;
/// [`Host::load`](crate::Host::load) refuses what it cannot provide.
///
/// # Errors
///
/// [`LoadError::NoComponent`], [`LoadError::NotBuilt`], [`LoadError::Compose`] or [`LoadError::Compile`].
pub fn imports(manifest: &Path, component: &str) -> Result<BTreeSet<String>, LoadError> {
    let manifest = Manifest::read(manifest)?;
    let declaration = manifest
        .component
        .get(component)
        .ok_or_else(|| LoadError::NoComponent(component.to_owned()))?;
    let bytes = Parts::read(&manifest, component, declaration)?.compose()?;
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config).map_err(LoadError::Engine)?;
    let refused = |source| LoadError::Compile {
        component: component.to_owned(),
        source,
    };
    let component = Component::new(&engine, bytes).map_err(refused)?;
    let imports = component
        .component_type()
        .imports(&engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    Ok(imports)
}
