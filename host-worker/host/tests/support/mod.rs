//! A host with the fixture components, in a folder of its own.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test file uses its part; tests panic"
)]

pub mod servers;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use kessai_host::{Host, HostConfig, Limits, LoadError};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};
use tempfile::TempDir;

/// Where the built fixture components are.
pub fn fixtures() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = here.join("../../target/fixtures");
        // What this test's own build set for its target must not leak into the components' build.
        let status = Command::new(std::env::var("CARGO").unwrap())
            .args([
                "build",
                "--quiet",
                "--release",
                "--target",
                "wasm32-wasip2",
                "--target-dir",
            ])
            .arg(&target)
            .current_dir(here.join("tests/fixtures"))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .status()
            .unwrap();
        assert!(status.success(), "the fixture components do not build");
        target.join("wasm32-wasip2/release").canonicalize().unwrap()
    })
}

/// Compiled fixtures are shared by all tests: compiling takes a second, loading does not.
pub fn cache() -> PathBuf {
    fixtures().parent().unwrap().parent().unwrap().join("code-cache")
}

/// A manifest in which `/a/...` is one instance pool of the fixture and `/b/...` another; `extra` ends up in component `a`.
pub fn manifest(extra: &str) -> String {
    let folder = fixtures().display().to_string();
    let component = |name: &str, extra: &str| {
        format!(
            r#"
            [component.{name}]
            source = "{folder}/guest.wasm"
            dependencies_inherit_configuration = true
            {extra}
            [component.{name}.dependencies]
            "kessai:fixture/greeting@0.1.0" = {{ path = "{folder}/greeter.wasm" }}
            "#
        )
    };
    format!(
        r#"
        spin_manifest_version = 2
        [application]
        name = "fixture"
        [variables]
        colour = {{ default = "indigo" }}
        internal = {{ default = "http://private.spin.internal" }}
        [[trigger.http]]
        route = "/a/..."
        component = "a"
        [[trigger.http]]
        route = "/b/..."
        component = "b"
        [[trigger.http]]
        route = {{ private = true }}
        component = "private"
        {}{}{}
        "#,
        component("a", extra),
        component("b", "sqlite_databases = [\"shared\"]"),
        component("private", ""),
    )
}

pub struct Fixture {
    pub host: Host,
    pub folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: {:?}", self.status, self.body))
    }

    /// Asserts that this is a problem document as every client gets it.
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.json()["code"].as_str().unwrap()),
            (status, code)
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["content-length"], self.body.len().to_string());
        assert_eq!(self.json()["status"], status);
        assert_eq!(
            self.headers["x-request-id"],
            self.json()["requestId"].as_str().unwrap()
        );
    }
}

pub fn config(folder: &Path, text: &str, limits: Limits) -> HostConfig {
    let manifest = folder.join("spin.toml");
    std::fs::write(&manifest, text).unwrap();
    HostConfig {
        manifest,
        data_dir: folder.join("data"),
        cache_dir: cache(),
        overrides: Default::default(),
        redis_authorities: None,
        limits,
        log_sink: None,
    }
}

/// Few slots: each takes address space, and many tests run at once.
pub fn limits() -> Limits {
    Limits {
        concurrent_requests: 64,
        request_timeout: Duration::from_secs(20),
        ..Limits::default()
    }
}

impl Fixture {
    pub async fn new(extra: &str) -> Self {
        Self::with(&manifest(extra), limits()).await
    }

    pub async fn with(text: &str, limits: Limits) -> Self {
        Self::try_with(text, limits).await.unwrap()
    }

    pub async fn try_with(text: &str, limits: Limits) -> Result<Self, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::load(config(folder.path(), text, limits)).await?;
        Ok(Self { host, folder })
    }

    pub async fn get(&self, address: &str) -> Answer {
        self.send(Request::get(address), "").await
    }

    pub async fn post(&self, address: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::post(address), body).await
    }

    pub async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Answer {
        send(&self.host, request, body.into()).await
    }
}

/// For a task of its own.
pub async fn post(host: Host, address: String, body: String) -> Answer {
    send(&host, Request::post(address), body.into()).await
}

async fn send(host: &Host, request: http::request::Builder, body: Bytes) -> Answer {
    let request = request
        .header("host", "shop.test:3000")
        .body(Full::new(body))
        .unwrap();
    let response = host.handle(request, ([127, 0, 0, 1], 4321).into()).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
