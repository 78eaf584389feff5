//! One worker, and one sandbox, for each data directory.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

/// What a process does with a data directory. Each role has one process at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Worker,
    Sandbox,
}

impl Role {
    const fn file(self) -> &'static str {
        match self {
            Role::Worker => "worker.lock",
            Role::Sandbox => "sandbox.lock",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another Kessai ({holder}) is running on {}: stop it, or use another directory with --data",
        data.display()
    )]
    Taken { data: PathBuf, holder: String },
    #[error("the lock file {} cannot be used: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
}

/// Holds a role in a data directory until dropped. The kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the role, and makes the directory if it is missing.
    pub fn take(data: &Path, role: Role) -> Result<DataLock, LockError> {
        let path = data.join(role.file());
        let failed = |source| LockError::File {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(data).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() {
                    "unknown process".into()
                } else {
                    holder
                };
                return Err(LockError::Taken {
                    data: data.to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        write!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(DataLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_role_has_one_holder_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let first = DataLock::take(data.path(), Role::Worker).unwrap();
        let error = DataLock::take(data.path(), Role::Worker).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        DataLock::take(data.path(), Role::Sandbox).unwrap();
        drop(first);
        DataLock::take(data.path(), Role::Worker).unwrap();
    }
}
