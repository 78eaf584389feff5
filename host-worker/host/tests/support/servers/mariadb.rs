//! MariaDB.

use super::process::{PATIENCE, Running, free_port};
use mysql_async::{Conn, prelude::Queryable};
use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tempfile::TempDir;

/// A MariaDB server. Its `root` has no password and comes from anywhere.
pub struct MariaDb {
    folder: TempDir,
    pub port: u16,
    running: Mutex<Option<Running>>,
}

impl MariaDb {
    /// One that the tests running at the same time share; each makes a schema of its own.
    pub async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<MariaDb>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&server);
        server
    }

    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut install = Command::new("mariadb-install-db");
        install
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .arg("--innodb-log-file-size=8M")
            // Its temporary tables are named by process only, in a folder that all share.
            .env("TMPDIR", folder.path())
            .args(Self::common(folder.path()));
        let output = install.output();
        let output = output.unwrap_or_else(|error| {
            panic!("{install:?}: {error}; these tests need mariadb-server installed")
        });
        assert!(
            output.status.success(),
            "{install:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let server = Self {
            folder,
            port: free_port(),
            running: Mutex::default(),
        };
        server.run().await;
        server
    }

    /// Options that both programs take.
    fn common(folder: &Path) -> Vec<String> {
        let mut options = vec![format!("--datadir={}", folder.join("data").display())];
        // The server refuses to run as root unless it is told to.
        if folder.metadata().unwrap().uid() == 0 {
            options.push("--user=root".to_owned());
        }
        options
    }

    /// Starts the server, again on its port and its data.
    pub async fn run(&self) {
        let mut command = Command::new("mariadbd");
        command
            .env("TMPDIR", self.folder.path())
            .arg("--no-defaults")
            .args(Self::common(self.folder.path()))
            .arg(format!("--port={}", self.port))
            .arg(format!(
                "--socket={}",
                self.folder.path().join("socket").display()
            ))
            .args([
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--skip-log-bin",
            ])
            .args(["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M"])
            .args(["--innodb-flush-log-at-trx-commit=0", "--performance-schema=OFF"]);
        let running = Running::start(&mut command, "mariadb-server");
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        let wait = async { while self.try_client("mysql").await.is_err() {} };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("mariadbd does not answer");
    }

    /// As a power cut would.
    pub fn kill(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub fn address(&self, schema: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{schema}", self.port)
    }

    /// The test's own connection, to the new schema.
    pub async fn schema(&self, schema: &str) -> Conn {
        let mut client = self.try_client("mysql").await.unwrap();
        client
            .query_drop(format!("CREATE SCHEMA {schema}; USE {schema}"))
            .await
            .unwrap();
        client
    }

    async fn try_client(&self, schema: &str) -> mysql_async::Result<Conn> {
        let options = mysql_async::Opts::from_url(&self.address(schema)).unwrap();
        let options = mysql_async::OptsBuilder::from_opts(options).prefer_socket(false);
        let connected = Conn::new(options).await;
        tokio::task::yield_now().await;
        connected
    }
}
