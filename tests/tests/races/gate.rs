//! What stands between the shop and PayPay in these scenarios, and lets a test decide when a call arrives, or when its answer leaves.
//!
//! A gate is shut for one kind of call at a time and stays so until it is opened: calls that were given up and repeated meanwhile wait as well. So the
//! order of events is forced by conditions alone, however slow the machine is.

use anyhow::{Context, Result};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use paypay::signing::{self, Credentials, Signed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

const LARGEST_BODY: usize = 1 << 20;

/// What the shop asks of PayPay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    CreateCode,
    DeleteCode,
    Details,
    Refund,
}

impl Call {
    fn of(method: &Method, path: &str) -> Option<Call> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["v2", "codes"]) => Some(Call::CreateCode),
            ("DELETE", ["v2", "codes", _]) => Some(Call::DeleteCode),
            ("GET", ["v2", "codes", "payments", _]) => Some(Call::Details),
            ("POST", ["v2", "refunds"]) => Some(Call::Refund),
            _ => None,
        }
    }
}

/// What happens to calls of one kind.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// They do not reach PayPay before the gate is opened.
    HeldBefore,
    /// They take effect; their answers do not leave before the gate is opened.
    HeldAfter,
    /// PayPay never hears of them; the shop is told that they succeeded.
    Swallowed,
    /// PayPay is closed for them.
    Closed,
    /// The first so many take effect, and the shop is told that PayPay failed. Later ones are served.
    AnswerLost(u32),
    /// The body is another one, signed as if the shop had written it.
    Rewritten(fn(&mut Value)),
}

/// A rule of the gate, in force until it is dropped.
#[derive(Debug)]
pub struct Rule {
    gate: Gate,
    call: Call,
    shut: watch::Sender<bool>,
    met: watch::Receiver<u32>,
}

impl Rule {
    /// Waits until a call has met the rule: it stands at the gate, or was dealt with.
    pub async fn met(&mut self) -> Result<()> {
        let met = self.met.wait_for(|met| *met > 0);
        tokio::time::timeout(scenarios::PATIENCE, met)
            .await
            .with_context(|| format!("no {:?} came to the gate", self.call))??;
        Ok(())
    }

    /// How many calls have met the rule.
    pub fn meetings(&self) -> u32 {
        *self.met.borrow()
    }

    /// Lets calls of this kind through, those that wait first.
    pub fn lift(self) {}
}

impl Drop for Rule {
    fn drop(&mut self) {
        self.gate.lock().rules.remove(&self.call);
        self.shut.send_replace(false);
    }
}

#[derive(Debug)]
struct InForce {
    fate: Fate,
    shut: watch::Receiver<bool>,
    met: watch::Sender<u32>,
}

#[derive(Debug, Default)]
struct Books {
    rules: BTreeMap<Call, Arc<InForce>>,
    /// Calls that PayPay has served.
    served: BTreeMap<Call, u32>,
}

/// The gate in front of a sandbox. Cloning gives another handle on the same one.
#[derive(Clone, Debug)]
pub struct Gate {
    books: Arc<Mutex<Books>>,
    credentials: Credentials,
}

impl Gate {
    pub fn new(credentials: Credentials) -> Gate {
        Gate {
            books: Arc::default(),
            credentials,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this happens to calls of this kind, in place of what happened before.
    #[must_use = "the rule ends when it is dropped"]
    pub fn rule(&self, call: Call, fate: Fate) -> Rule {
        let (shut, is_shut) = watch::channel(true);
        let (met, has_met) = watch::channel(0);
        let in_force = InForce {
            fate,
            shut: is_shut,
            met,
        };
        self.lock().rules.insert(call, Arc::new(in_force));
        Rule {
            gate: self.clone(),
            call,
            shut,
            met: has_met,
        }
    }

    /// How many calls of this kind PayPay has served.
    pub fn served(&self, call: Call) -> u32 {
        self.lock().served.get(&call).copied().unwrap_or(0)
    }

    async fn serve(&self, call: Option<Call>, request: Request, next: Next) -> Response {
        let answer = next.run(request).await;
        if let Some(call) = call {
            *self.lock().served.entry(call).or_default() += 1;
        }
        answer
    }
}

/// The gate as a layer of the sandbox's routes.
pub async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let call = Call::of(request.method(), request.uri().path());
    let rule = call.and_then(|call| gate.lock().rules.get(&call).cloned());
    let Some(rule) = rule else {
        return gate.serve(call, request, next).await;
    };
    // How many have met the rule, this one included.
    let meet = || {
        rule.met.send_modify(|met| *met += 1);
        *rule.met.borrow()
    };
    let open = async {
        // An error means that the rule is gone, which opens the gate as well.
        let _ = rule.shut.clone().wait_for(|shut| !shut).await;
    };
    match rule.fate {
        Fate::HeldBefore => {
            meet();
            open.await;
            gate.serve(call, request, next).await
        }
        Fate::HeldAfter => {
            let answer = gate.serve(call, request, next).await;
            meet();
            open.await;
            answer
        }
        Fate::Swallowed => {
            meet();
            told(StatusCode::OK, "SUCCESS")
        }
        Fate::Closed => {
            meet();
            told(StatusCode::SERVICE_UNAVAILABLE, "MAINTENANCE_MODE")
        }
        Fate::AnswerLost(first) => {
            let answer = gate.serve(call, request, next).await;
            if meet() <= first {
                told(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR")
            } else {
                answer
            }
        }
        Fate::Rewritten(change) => {
            meet();
            match rewritten(&gate.credentials, request, change).await {
                Ok(request) => gate.serve(call, request, next).await,
                Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
            }
        }
    }
}

/// An answer as PayPay writes it, without data.
fn told(status: StatusCode, code: &str) -> Response {
    let body = json!({"resultInfo": {"code": code, "message": "", "codeId": ""}, "data": null});
    (status, axum::Json(body)).into_response()
}

async fn rewritten(credentials: &Credentials, request: Request, change: fn(&mut Value)) -> Result<Request> {
    let (mut parts, body) = request.into_parts();
    let mut body: Value = serde_json::from_slice(&to_bytes(body, LARGEST_BODY).await?)?;
    change(&mut body);
    let bytes = body.to_string().into_bytes();
    let content_type = parts.headers[header::CONTENT_TYPE].to_str()?.to_owned();
    let was: signing::Authorization = parts.headers[header::AUTHORIZATION].to_str()?.parse()?;
    let signed = Signed {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        body: Some(signing::Body {
            content_type: &content_type,
            bytes: &bytes,
        }),
    };
    let authorization = signing::sign(credentials, &signed, &was.nonce, was.epoch).to_string();
    parts
        .headers
        .insert(header::AUTHORIZATION, HeaderValue::from_str(&authorization)?);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok(Request::from_parts(parts, Body::from(bytes)))
}
