//! `http.send` and `net.lookup_ip_addr` for hosts that a capabilities file allows. In: a policy's request object. Out: the response
//! object, in OPA's form. Clients' certificates and authorities of a request's own are not spoken: such requests are denied, for a
//! policy that means to ask as somebody must not take another's answer, nor a failure, for its own.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_rego::builtins::{Fetch, Unanswered, World};
use plimsoll_rego::capabilities::Capabilities;
use plimsoll_rego::value::{JsonLimits, Object, Value};
use plimsoll_sources::outside::{self, Request, Response, Unfetched};

/// OPA's own.
const TIMEOUT: Duration = Duration::from_secs(5);
/// No request waits longer, whatever a policy asks for.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Caller {
    allowed: Vec<String>,
}

/// This machine's time, and the hosts that capabilities from a file allow.
pub fn world(capabilities: &Capabilities) -> World {
    let world = super::world();
    let allowed = capabilities.allow_net.clone().unwrap_or_default();
    if allowed.is_empty() {
        return world;
    }
    let caller = Caller { allowed: allowed.clone() };
    World { fetch: Some(Arc::new(caller)), allowed_hosts: allowed, ..world }
}

impl Fetch for Caller {
    fn send(&self, request: &Value) -> Result<Value, Unanswered> {
        let Value::Object(object) = request else { return Err(Unanswered::Failed("the request is no object".into())) };
        if let Some((key, _)) = object.entries().iter().find(|(key, _)| is_unspoken(key)) {
            return Err(Unanswered::Denied(format!("{key} is not supported here")));
        }
        let flag = |name: &str| matches!(object.get_str(name), Some(Value::Bool(true)));
        let request = self.request(object).map_err(Unanswered::Failed)?;
        let response = outside::send(request).map_err(unanswered)?;
        Ok(answer(&response, flag("force_json_decode"), flag("force_yaml_decode")))
    }

    fn lookup(&self, host: &str) -> Result<Vec<String>, Unanswered> {
        outside::lookup(host).map_err(unanswered)
    }
}

impl Caller {
    fn request(&self, object: &Object) -> Result<Request, String> {
        let field = |name: &str| object.get_str(name);
        let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |name: &str| matches!(field(name), Some(Value::Bool(true)));
        let headers = match field("headers") {
            Some(Value::Object(headers)) => headers.entries().iter().map(header).collect::<Result<_, _>>()?,
            None => Vec::new(),
            Some(_) => return Err("invalid type for headers: must be an object".into()),
        };
        let body = match (field("raw_body"), field("body")) {
            (Some(Value::String(raw)), _) => raw.as_bytes().to_vec(),
            (_, Some(body)) => body.to_json().into_bytes(),
            _ => Vec::new(),
        };
        let timeout = match field("timeout") {
            None => TIMEOUT,
            Some(Value::Number(number)) => {
                Duration::from_nanos(number.as_i64().and_then(|at| u64::try_from(at).ok()).unwrap_or(0))
            }
            Some(Value::String(text)) => {
                crate::duration::read(text).ok_or_else(|| format!("time: invalid duration {text:?}"))?
            }
            Some(_) => return Err("'timeout' must be one of {string, number}".into()),
        };
        Ok(Request {
            method: text("method"),
            url: text("url"),
            headers,
            body,
            timeout: if timeout.is_zero() { TIMEOUT } else { timeout.min(LONGEST) },
            redirect: flag("enable_redirect"),
            insecure: flag("tls_insecure_skip_verify"),
            allowed: self.allowed.clone(),
        })
    }
}

fn unanswered(why: Unfetched) -> Unanswered {
    match why {
        Unfetched::Denied(why) => Unanswered::Denied(why),
        Unfetched::Failed(why) => Unanswered::Failed(why),
    }
}

/// What would change whom a request trusts, or who it says it is.
fn is_unspoken(key: &Value) -> bool {
    key.as_str().is_some_and(|key| {
        key.starts_with("tls_") && !matches!(key, "tls_insecure_skip_verify" | "tls_use_system_certs")
    })
}

fn header((name, value): &(Value, Value)) -> Result<(String, String), String> {
    match (name.as_str(), value.as_str()) {
        (Some(name), Some(value)) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("invalid type for headers: names and values must be strings".into()),
    }
}

fn answer(response: &Response, json: bool, yaml: bool) -> Value {
    let named = |name: &str| response.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str());
    let kind = named("content-type").unwrap_or_default();
    let says = |what: &str| kind.split(';').next().is_some_and(|kind| kind.trim().ends_with(what));
    let body = if json || says("json") {
        Value::from_json(&response.body).ok()
    } else if yaml || says("yaml") {
        Value::from_yaml(&response.body, &JsonLimits::default()).ok()
    } else {
        None
    };
    let text = |text: &str| Value::string(text);
    let mut headers: Vec<(Value, Value)> = Vec::new();
    for (name, _) in &response.headers {
        let values = response.headers.iter().filter(|(have, _)| have == name).map(|(_, value)| text(value));
        headers.push((text(name), Value::array(values.collect())));
    }
    Value::object(vec![
        (text("status"), text(format!("{} {}", response.status, response.reason).trim_end())),
        (text("status_code"), Value::int(i64::from(response.status))),
        (text("body"), body.unwrap_or(Value::Null)),
        (text("raw_body"), text(&String::from_utf8_lossy(&response.body))),
        (text("headers"), Value::object(headers)),
    ])
}
