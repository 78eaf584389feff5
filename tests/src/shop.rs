//! A shop in a process of its own, on free ports, with its data in a temporary folder.

use crate::{Contract, PayPay, Place, Servers, eventually};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Few: a broker that many tests share has them all in its memory.
const PARTITIONS: &str = "2";

/// What differs from `kessai up` without flags.
#[derive(Debug, Clone, Default)]
pub struct ShopOptions {
    /// Seconds a buyer has to pay; the manifest's default if `None`.
    pub payment_ttl_seconds: Option<u32>,
    /// `KESSAI_CRASH_AT`: where the process aborts itself, for example `after-commit:3`. Only for the first start.
    pub crash_at: Option<String>,
    /// Further environment, for example `KESSAI_ALERT_UPDATE_GRACE`.
    pub environment: BTreeMap<String, String>,
    /// Further variables of spin.toml.
    pub variables: BTreeMap<String, String>,
    /// PayPay's sandbox in a process of its own, which no kill of the shop touches. Its books are in the same folder.
    pub sandbox_apart: bool,
    /// With `sandbox_apart`: an origin that passes on what shop and sandbox send to each other.
    pub tap: Option<String>,
    /// Its place on the servers, or that of another process of the same shop; if `None`, one of its own where `KESSAI_TEST_BACKENDS` says.
    pub place: Option<Arc<Place>>,
}

#[derive(Debug)]
pub struct Shop {
    process: Option<Child>,
    /// The sandbox's process, if it has one of its own.
    outside: Option<Child>,
    listen: u16,
    sandbox: u16,
    options: ShopOptions,
    place: Arc<Place>,
    data: tempfile::TempDir,
    pub http: reqwest::Client,
    pub contract: Arc<Contract>,
}

impl Shop {
    pub async fn start(options: ShopOptions) -> Result<Shop> {
        let (listen, sandbox) = two_free_ports()?;
        let data = tempfile::Builder::new().prefix("kessai-scenario-").tempdir()?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let contract = Arc::new(Contract::load(&root().join("docs/openapi.yaml"))?);
        let place = match options.place.clone() {
            Some(place) => place,
            None => Arc::new(Servers::from_environment()?.place()),
        };
        let makes_topics = place.servers.kafka.is_some();
        let mut shop = Shop {
            process: None,
            outside: None,
            listen,
            sandbox,
            options,
            place,
            data,
            http,
            contract,
        };
        if makes_topics {
            shop.make_topics()?;
        }
        if shop.options.sandbox_apart {
            shop.open_sandbox().await?;
        }
        let crash_at = shop.options.crash_at.take();
        shop.spawn(crash_at.as_deref())?;
        shop.ready().await?;
        Ok(shop)
    }

    /// Another process of the same shop: its own address and worker; servers, PayPay and issuer in common. This one's sandbox must have a process of its own,
    /// and its webhooks go on coming here.
    pub async fn beside(&self) -> Result<Shop> {
        self.beside_with(BTreeMap::new()).await
    }

    /// The same, with further environment that is this process's only.
    pub async fn beside_with(&self, environment: BTreeMap<String, String>) -> Result<Shop> {
        ensure!(self.options.sandbox_apart, "its PayPay would end with it");
        let mut options = self.options.clone();
        options.sandbox_apart = false;
        options.place = Some(Arc::clone(&self.place));
        options.environment.extend(environment);
        let paypay = ("paypay_base_url".to_owned(), self.paypay_url());
        options.variables.extend([paypay]);
        options.variables.extend(self.issuer_apart());
        Shop::start(options).await
    }

    /// The issuer that runs with the sandbox, where that has a process of its own.
    fn issuer_apart(&self) -> BTreeMap<String, String> {
        let origin = self.paypay_url();
        let issuer = format!("{origin}/dev");
        [("auth_issuer", issuer), ("auth_jwks_origin", origin)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// The shop's address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listen)
    }

    /// The address of the sandbox's PayPay API.
    pub fn paypay_url(&self) -> String {
        let elsewhere = self.options.variables.get("paypay_base_url");
        elsewhere.map_or_else(|| format!("http://127.0.0.1:{}", self.sandbox), Clone::clone)
    }

    /// The sandbox, on its own address.
    pub fn paypay(&self) -> PayPay {
        PayPay::at(self.paypay_url(), self.http.clone())
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Where it has its data, sessions and events, as far as they are not in the folder.
    pub fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// SIGKILL: nothing gets a chance to tidy up.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Waits until the process has ended by itself, as after `KESSAI_CRASH_AT`; `false` if it still runs after `attempts` looks.
    pub async fn has_crashed(&mut self) -> Result<bool> {
        let Some(process) = self.process.as_mut() else {
            return Ok(true);
        };
        let ended = process.try_wait()?.is_some();
        if ended {
            self.process = None;
        }
        Ok(ended)
    }

    /// Starts again on the same data and ports, without the crash switch.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.spawn(None)?;
        self.ready().await
    }

    /// The same, but the first of two starts is killed after `alive`, wherever it is by then.
    pub async fn restart_twice(&mut self, alive: Duration) -> Result<()> {
        self.kill()?;
        self.spawn(None)?;
        tokio::time::sleep(alive).await;
        self.restart().await
    }

    /// SIGTERM, then the exit code.
    pub async fn stop(&mut self) -> Result<Option<i32>> {
        let Some(mut process) = self.process.take() else {
            bail!("the shop does not run")
        };
        let status = Command::new("kill").arg(process.id().to_string()).status()?;
        ensure!(status.success(), "kill failed");
        let ended = eventually(
            "the end of the process",
            async || Ok(process.try_wait()?),
            Option::is_some,
        )
        .await?;
        Ok(ended.and_then(|status| status.code()))
    }

    /// Runs a command of `kessai` on the data, beside the running shop: `check`, or `saga list`.
    pub fn kessai(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(binary()?);
        command.args(arguments).arg("--data").arg(self.data());
        self.set(&mut command)?;
        Ok(command.output()?)
    }

    fn make_topics(&self) -> Result<()> {
        let mut command = Command::new(binary()?);
        command.args(["topics", "create", "--partitions", PARTITIONS]);
        self.set(&mut command)?;
        let made = command.output()?;
        ensure!(
            made.status.success(),
            "kessai topics create: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        Ok(())
    }

    /// Runs `kessai check` on the data and returns its report as an error if an invariant is broken.
    pub fn check(&self) -> Result<()> {
        let output = self.kessai(&["check"])?;
        ensure!(
            output.status.success(),
            "kessai check:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// `kessai check`, once everything has come to rest.
    pub async fn check_at_rest(&self) -> Result<()> {
        eventually(
            "kessai check to pass",
            async || Ok(self.check().err().map(|error| error.to_string())),
            Option::is_none,
        )
        .await
        .map(|_| ())
    }

    /// What the buyer's phone does.
    pub async fn approve(&self, payment_url: &str) -> Result<Value> {
        self.paypay().approve(payment_url).await
    }

    pub async fn decline(&self, payment_url: &str) -> Result<Value> {
        self.paypay().decline(payment_url).await
    }

    /// Sets the sandbox's faults, for example `{"webhook":{"drop":1}}`.
    pub async fn faults(&self, faults: Value) -> Result<()> {
        self.paypay().faults(faults).await
    }

    /// What PayPay believes of a payment.
    pub async fn paypay_payment(&self, merchant_payment_id: &str) -> Result<Value> {
        self.paypay().payment(merchant_payment_id).await
    }

    /// An identity token of the development issuer.
    pub async fn token(&self, email: &str) -> Result<String> {
        self.token_of(&json!({"email": email, "name": "Test Buyer"}))
            .await
    }

    /// The same for somebody with the role `admin`.
    pub async fn admin_token(&self, email: &str) -> Result<String> {
        self.token_of(&json!({"email": email, "name": "Test Operator", "admin": true}))
            .await
    }

    fn issuer(&self) -> String {
        if let Some(issuer) = self.options.variables.get("auth_issuer") {
            return issuer.clone();
        }
        let origin = if self.options.sandbox_apart {
            self.paypay_url()
        } else {
            self.url()
        };
        format!("{origin}/dev")
    }

    async fn token_of(&self, claims: &Value) -> Result<String> {
        let answer = self
            .http
            .post(format!("{}/token", self.issuer()))
            .json(claims)
            .send()
            .await?
            .error_for_status()?;
        let token: Value = answer.json().await?;
        token["idToken"].as_str().map(str::to_owned).context("no idToken")
    }

    fn spawn(&mut self, crash_at: Option<&str>) -> Result<()> {
        let mut command = self.command("up", "shop.log")?;
        command.args(["--listen", &format!("127.0.0.1:{}", self.listen)]);
        if self.options.sandbox_apart {
            // The address is set, so `up` opens no sandbox; on any port but that one, or it would take it for its own.
            command.args(["--sandbox-listen", "127.0.0.1:0"]).env(
                "SPIN_VARIABLE_PAYPAY_BASE_URL",
                self.through_tap(self.paypay_url()),
            );
        } else {
            command.args(["--sandbox-listen", &format!("127.0.0.1:{}", self.sandbox)]);
        }
        if let Some(crash_at) = crash_at {
            command.env("KESSAI_CRASH_AT", crash_at);
        }
        self.process = Some(command.spawn().context("cannot start kessai")?);
        Ok(())
    }

    fn through_tap(&self, origin: String) -> String {
        self.options.tap.clone().unwrap_or(origin)
    }

    async fn open_sandbox(&mut self) -> Result<()> {
        let mut command = self.command("sandbox", "sandbox.log")?;
        command
            .args(["--listen", &format!("127.0.0.1:{}", self.sandbox)])
            .env("SPIN_VARIABLE_PUBLIC_URL", self.through_tap(self.url()));
        self.outside = Some(command.spawn().context("cannot start kessai")?);
        let paypay = self.paypay();
        eventually(
            "the sandbox to answer",
            async || paypay.answers().await,
            |()| true,
        )
        .await
    }

    /// `kessai <role>` on the shop's data with the shop's variables, writing to a log beside the data.
    fn command(&self, role: &str, log: &str) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command.arg(role).arg("--data").arg(self.data.path());
        self.set(&mut command)?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data.path().join(log))?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// The shop's variables, for any command of `kessai`.
    fn set(&self, command: &mut Command) -> Result<()> {
        command
            .current_dir(root())
            .stdin(Stdio::null())
            .env_remove("KESSAI_CRASH_AT");
        let mut variables = self.place.variables()?;
        if self.options.sandbox_apart {
            variables.extend(self.issuer_apart());
        }
        command.envs(&self.options.environment);
        if let Some(seconds) = self.options.payment_ttl_seconds {
            variables.insert("payment_ttl_seconds".to_owned(), seconds.to_string());
        }
        variables.extend(self.options.variables.clone());
        for (name, value) in variables {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        Ok(())
    }

    async fn ready(&mut self) -> Result<()> {
        let url = format!("{}/health/ready", self.url());
        let http = self.http.clone();
        let process = &mut self.process;
        let outcome = eventually(
            "the shop to be ready",
            async || {
                if let Some(status) = process
                    .as_mut()
                    .and_then(|process| process.try_wait().transpose())
                {
                    return Ok(Some(format!("the process ended: {status:?}")));
                }
                http.get(&url).send().await?.error_for_status()?;
                Ok(None)
            },
            |_| true,
        )
        .await?;
        match outcome {
            None => Ok(()),
            Some(reason) => bail!("{reason}\n{}", self.log_tail()),
        }
    }

    /// The last lines that the process wrote, for error messages.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.data.path().join("shop.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.kill();
        if let Some(mut sandbox) = self.outside.take() {
            let _ = sandbox.kill().and_then(|()| sandbox.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- the shop's log ---\n{}", self.log_tail());
        }
    }
}

/// The project's root folder.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

fn binary() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let binary = std::env::var_os("KESSAI").map_or_else(|| target.join("debug/kessai"), PathBuf::from);
    ensure!(
        binary.exists(),
        "{} is not built: run `cargo xtask build`",
        binary.display()
    );
    Ok(binary)
}

/// Both are held until both are known, so that they differ.
/// Below those that the system gives to connections: one of these would be gone before the shop has it.
const PORTS: Range<u16> = 10_000..20_000;

/// Two ports on which nobody listens. No other shop of this process gets them; where one begins is chance, since other processes look for theirs.
fn two_free_ports() -> Result<(u16, u16)> {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    let candidates =
        PORTS.map(|_| PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start));
    let mut free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let (first, second) = (free.next(), free.next());
    first
        .zip(second)
        .context("no port between 10000 and 20000 is free")
}
