//! `http.send` and who may reach outside. Off, a request ends the evaluation with [`Halt::Denied`]: never a value, never undefined,
//! whatever `raise_error` says, for `not http.send(…)` must not come true because nobody may ask. What is no request at all is
//! OPA's own error of an operand.

use super::{Builtin, Context, Failure, Fetch, Halt, Unanswered, bytes, json_text, url, want};
use crate::value::{Object, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] =
    &[Builtin::new("http.send", "(request: object[string: any]) => response: object[any: any]", send)
        .nondeterministic()];

const PARAMETERS: &[&str] = &[
    "body",
    "cache",
    "cache_ignored_headers",
    "caching_mode",
    "enable_redirect",
    "force_cache",
    "force_cache_duration_seconds",
    "force_json_decode",
    "force_yaml_decode",
    "headers",
    "max_retry_attempts",
    "method",
    "raise_error",
    "raw_body",
    "timeout",
    "tls_ca_cert",
    "tls_ca_cert_env_variable",
    "tls_ca_cert_file",
    "tls_client_cert",
    "tls_client_cert_env_variable",
    "tls_client_cert_file",
    "tls_client_key",
    "tls_client_key_env_variable",
    "tls_client_key_file",
    "tls_insecure_skip_verify",
    "tls_server_name",
    "tls_use_system_certs",
    "url",
];

/// What was answered, now or before in this evaluation; a text is why it failed. What nobody allows ends the evaluation.
pub(super) fn answer(
    context: &mut Context<'_>,
    host: &str,
    asked: &Value,
    ask: impl FnOnce(&dyn Fetch) -> std::result::Result<Value, Unanswered>,
) -> Result<std::result::Result<Value, String>> {
    let fetch = context.world.fetch.as_ref().ok_or_else(|| denied(context, "reaching outside is off"))?;
    if !context.world.allowed_hosts.iter().any(|allowed| allowed == host) {
        return Err(denied(context, &format!("no capability allows host {host}")));
    }
    json_text::weigh(context.meter, asked, None, 0)?;
    let answer = match context.scratch.answers.get(asked) {
        Some(known) => known.clone(),
        None => {
            let answer = ask(&**fetch);
            context.scratch.answers.insert(asked.clone(), answer.clone());
            // No step tells how long it took.
            context.meter.look()?;
            if let Ok(value) = &answer {
                json_text::weigh(context.meter, value, None, 0)?;
            }
            answer
        }
    };
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(Unanswered::Failed(why)) => Ok(Err(why)),
        Err(Unanswered::Denied(why)) => Err(denied(context, &why)),
    }
}

fn denied(context: &Context<'_>, why: &str) -> Failure {
    Failure::Halt(Halt::Denied(format!("{}: {why}", context.name)))
}

/// Refuses what is unknown or missing in a request object.
pub(super) fn check_request(request: &Object, position: usize) -> Result<()> {
    let known = |key: &Value| key.as_str().is_some_and(|key| PARAMETERS.contains(&key));
    let unknown: Vec<Value> =
        request.entries().iter().filter(|(key, _)| !known(key)).map(|(key, _)| key.clone()).collect();
    if !unknown.is_empty() {
        return Err(want::operand(position, format_args!("invalid request parameters(s): {}", Value::set(unknown))));
    }
    let missing: Vec<Value> =
        ["method", "url"].into_iter().filter(|key| request.get_str(key).is_none()).map(Value::string).collect();
    if !missing.is_empty() {
        return Err(want::operand(
            position,
            format_args!("missing required request parameters(s): {}", Value::set(missing)),
        ));
    }
    Ok(())
}

fn send(context: &mut Context<'_>, args: &[Value]) -> Result {
    let request = want::object(args, 0, 1)?;
    let raise = match request.get_str("raise_error") {
        None => true,
        Some(Value::Bool(yes)) => *yes,
        Some(_) => return Err(Failure::builtin("invalid value for raise_error field")),
    };
    if context.world.fetch.is_none() {
        // What is no request would go nowhere: its fault is the policy's, unless it asks for a value instead.
        if raise {
            check_request(request, 1)?;
        }
        return Err(denied(context, "reaching outside is off"));
    }
    let failed = |error: Failure, code: &str| match error {
        Failure::Error { message, .. } if !raise => {
            let error = [("code", code), ("message", message.as_str())];
            let error = error.into_iter().map(|(key, text)| (Value::string(key), Value::string(text))).collect();
            Ok(Some(Value::object(vec![
                (Value::string("status_code"), Value::int(0)),
                (Value::string("error"), Value::object(error)),
            ])))
        }
        other => Err(other),
    };
    let checked = check_request(request, 1).and_then(|()| {
        let text = request
            .get_str("url")
            .and_then(Value::as_str)
            .ok_or_else(|| Failure::builtin("\"url\" must be a string"))?;
        let parsed = url::parse(&bytes::bytes(text)).map_err(Failure::builtin)?;
        Ok(String::from_utf8_lossy(&parsed.hostname()).into_owned())
    });
    let host = match checked {
        Ok(host) => host,
        Err(error) => return failed(error, "eval_http_send_internal_error"),
    };
    let asked = want::argument(args, 0);
    match answer(context, &host, asked, |fetch| fetch.send(asked))? {
        Ok(response) => Ok(Some(response)),
        Err(why) => failed(Failure::builtin(why), "eval_http_send_network_error"),
    }
}
