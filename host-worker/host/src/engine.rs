//! The WebAssembly engine: its limits, its clock, what components may import, and compiled code kept on disk.

use crate::{config::Limits, error::LoadError, guest::Guest, mysql, redis, sqlite, variables};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::{Component, Linker},
};

/// The engine's clock: how long a busy guest keeps its thread from other tasks.
const TICK: Duration = Duration::from_millis(10);
/// Linear memory slots. Each takes 4 GiB of address space, so that bounds are checked by the processor; 47 bits hold 32,768 of them.
const MAX_MEMORIES: usize = 6_000;
/// Bytes of a memory and of a stack that stay resident in a free slot.
const KEEP_RESIDENT: usize = 64 << 10;

/// Builds the engine and starts its clock.
pub(crate) fn build(limits: &Limits) -> Result<Engine, LoadError> {
    // A public request may stand for itself and one chained request; a composed component has up to four parts; each part is three
    // core instances with one memory and two tables. What does not fit is answered with 503.
    let requests = limits.concurrent_requests.clamp(8, MAX_MEMORIES);
    let memories = count((requests * 5).min(MAX_MEMORIES));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(requests * 2))
        .total_core_instances(memories.saturating_mul(4))
        .total_memories(memories)
        .total_tables(memories.saturating_mul(3))
        .total_stacks(memories)
        .max_memory_size(limits.memory_bytes)
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .wasm_component_model_async(true)
        .epoch_interruption(true);
    let engine = Engine::new(&config).map_err(LoadError::Engine)?;
    start_clock(&engine).map_err(|error| LoadError::Engine(error.into()))?;
    Ok(engine)
}

/// Numbers here are at most [`MAX_MEMORIES`] times a few.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn start_clock(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    // A thread of its own: when all of tokio's are busy with guests is just when the clock matters.
    std::thread::Builder::new()
        .name("kessai-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}

/// Everything that components may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    sqlite::host::add_to_linker(&mut linker)?;
    mysql::host::add_to_linker(&mut linker)?;
    redis::host::add_to_linker(&mut linker)?;
    variables::host::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Compiled components on disk, named by what they were compiled from and by what.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
}

/// Where a component's code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// Read from the cache.
    Cached,
    /// Compiled now.
    Compiled,
}

impl CodeCache {
    pub(crate) fn open(folder: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::Io {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The compiled component for `key` (a hash of what it is made of); `compose` makes its bytes if it has to be compiled.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        name: &str,
        key: &[u8],
        compose: impl FnOnce() -> Result<Vec<u8>, LoadError>,
    ) -> Result<(Component, CodeSource), LoadError> {
        let path = self
            .folder
            .join(format!("{name}-{}.cwasm", hex(&self.key(engine, key))));
        if let Some(component) = read(engine, &path) {
            return Ok((component, CodeSource::Cached));
        }
        let refused = |source| LoadError::Compile {
            component: name.to_owned(),
            source,
        };
        let code = engine.precompile_component(&compose()?).map_err(refused)?;
        // Without the cache the next start is slower, nothing else.
        if let Err(error) = write(&path, &code) {
            tracing::warn!(path = %path.display(), %error, "compiled code could not be kept");
        }
        let component = deserialize(engine, &code).map_err(refused)?;
        Ok((component, CodeSource::Compiled))
    }

    fn key(&self, engine: &Engine, content: &[u8]) -> [u8; 32] {
        /// Feeds what the compiler's version and settings hash into a digest.
        struct Into256(Sha256);
        impl std::hash::Hasher for Into256 {
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
            fn finish(&self) -> u64 {
                0
            }
        }
        let mut hasher = Into256(Sha256::new());
        std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
        hasher.0.update(content);
        hasher.0.finalize().into()
    }
}

/// Reads a cache file: the digest of the code, then the code. `None` for a missing, damaged or foreign one.
fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let content = fs::read(path).ok()?;
    let (digest, code) = content.split_first_chunk::<32>()?;
    if <[u8; 32]>::from(Sha256::digest(code)) != *digest {
        tracing::warn!(path = %path.display(), "damaged compiled code; compiling again");
        return None;
    }
    deserialize(engine, code)
        .inspect_err(
            |error| tracing::warn!(path = %path.display(), %error, "unusable compiled code; compiling again"),
        )
        .ok()
}

/// Writes the file whole or not at all, so that two processes that start at once do not spoil it for each other.
fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    drop(file);
    fs::rename(&unfinished, path)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `precompile_component` gave. They are: they come straight from it, or from a file in a folder that only
    // this user may write (mode 0700), under a name that hashes the component, the engine's version and settings, and
    // with a digest of the code that has just been checked on these very bytes. Who can forge that can replace the executable too.
    unsafe { Component::deserialize(engine, code) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
