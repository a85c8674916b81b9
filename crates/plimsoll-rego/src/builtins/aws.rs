//! `providers.aws.sign_req`: a request object with the headers of AWS Signature Version 4.

use std::collections::BTreeMap;

use super::civil::{self, Civil};
use super::crypto::keys::{Hash, digest, hmac};
use super::encoding::hex;
use super::{Builtin, Context, Failure, bytes, http, json_text, url, want};
use crate::value::{Object, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new(
    "providers.aws.sign_req",
    "(request: object[string: any], aws_config: object[string: any], time_ns: number) => signed_request: object[any: any]",
    sign_request,
)];

const REQUIRED: [&str; 4] = ["aws_access_key", "aws_region", "aws_secret_access_key", "aws_service"];

fn names(names: impl Iterator<Item = &'static str>) -> Option<Value> {
    let names: Vec<Value> = names.map(Value::string).collect();
    (!names.is_empty()).then(|| Value::set(names))
}

fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get_str(name).and_then(Value::as_str).unwrap_or_default()
}

fn sign_request(context: &mut Context<'_>, args: &[Value]) -> Result {
    let request = want::object(args, 0, 1)?;
    let config = want::object(args, 1, 1)?;
    if let Some(missing) = names(REQUIRED.into_iter().filter(|name| config.get_str(name).is_none())) {
        return Err(want::operand(2, format_args!("missing required AWS config parameters(s): {missing}")));
    }
    let is_text = |object: &Object, name: &str| matches!(object.get_str(name), Some(Value::String(_)));
    if let Some(wrong) = names(REQUIRED.into_iter().filter(|name| !is_text(config, name))) {
        return Err(want::operand(2, format_args!("invalid values for required AWS config parameters(s): {wrong}")));
    }
    let time = want::number(want::argument(args, 2), 1)?
        .as_i64()
        .ok_or_else(|| want::operand(3, "could not convert time_ns value into a unix timestamp"))?;
    http::check_request(request, 1)?;
    let headers = match request.get_str("headers") {
        None => &[][..],
        Some(Value::Object(headers)) => headers.entries(),
        Some(other) => return Err(want::wrong(0, other, &["object"])),
    };
    if let Some(wrong) = names(["method", "url"].into_iter().filter(|name| !is_text(request, name))) {
        return Err(want::operand(1, format_args!("invalid values for required request parameters(s): {wrong}")));
    }
    let target = url::parse(&bytes::bytes(text(request, "url"))).map_err(Failure::builtin)?;
    json_text::weigh(context.meter, want::argument(args, 0), None, 0)?;
    let body = match (request.get_str("raw_body"), request.get_str("body")) {
        (Some(raw), _) => bytes::bytes(raw.as_str().unwrap_or_default()).into_owned(),
        (None, Some(body)) => json_text::write(context.meter, body, None)?.into_bytes(),
        (None, None) => Vec::new(),
    };
    let unsigned = match config.get_str("disable_payload_signing") {
        None => false,
        Some(Value::Bool(unsigned)) => *unsigned,
        Some(_) => return Err(want::operand(2, "invalid value for 'disable_payload_signing' in AWS config")),
    };
    context.meter.steps(body.len() as u64 / 4 + 256)?;
    context.meter.memory(body.len() as u64 * 2 + 4_096)?;
    let civil = Civil::of(i128::from(time), 0);
    let shown = |layout: &str| civil::format(&civil, 0, "UTC", layout);
    let (day, moment) = (shown("20060102"), shown("20060102T150405Z"));
    let (service, region) = (text(config, "aws_service"), text(config, "aws_region"));
    let body_hash = if unsigned { "UNSIGNED-PAYLOAD".to_owned() } else { hex(&digest(Hash::Sha256, &body)) };
    // What AWS wants beside the request's own headers.
    let mut added: Vec<(&str, String)> =
        vec![("host", String::from_utf8_lossy(&target.host).into_owned()), ("x-amz-date", moment.clone())];
    if matches!(service, "s3" | "glacier") {
        added.push(("x-amz-content-sha256", body_hash.clone()));
    }
    if !text(config, "aws_session_token").is_empty() {
        added.push(("x-amz-security-token", text(config, "aws_session_token").to_owned()));
    }
    // Headers that proxies change are not signed.
    const IGNORED: [&str; 3] = ["authorization", "user-agent", "x-amzn-trace-id"];
    let mut signed: BTreeMap<String, String> =
        added.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    for (key, value) in headers {
        let key = key.as_str().unwrap_or_default().to_lowercase();
        if !IGNORED.contains(&&*key) {
            signed.insert(key, value.as_str().unwrap_or_default().to_owned());
        }
    }
    let list: Vec<&str> = signed.keys().map(String::as_str).collect();
    let list = list.join(";");
    let lines: String = signed.iter().map(|(key, value)| format!("{key}:{value}\n")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{list}\n{body_hash}",
        text(request, "method"),
        target.escaped_path(),
        String::from_utf8_lossy(&target.raw_query)
    );
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&digest(Hash::Sha256, canonical.as_bytes())));
    let secret = format!("AWS4{}", text(config, "aws_secret_access_key"));
    let key = [&*day, region, service, "aws4_request"]
        .into_iter()
        .fold(secret.into_bytes(), |key, part| hmac(Hash::Sha256, &key, part.as_bytes()));
    let signature = hex(&hmac(Hash::Sha256, &key, to_sign.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={list},Signature={signature}",
        text(config, "aws_access_key")
    );
    let mut out: Vec<(Value, Value)> = headers
        .iter()
        .map(|(key, value)| {
            let plain = |value: &Value| Value::string(value.as_str().unwrap_or_default());
            (plain(key), plain(value))
        })
        .collect();
    out.push((Value::string("Authorization"), Value::string(authorization)));
    out.extend(added.into_iter().map(|(key, value)| (Value::string(key), Value::string(value))));
    let mut fields = request.entries().to_vec();
    fields.push((Value::string("headers"), Value::object(out)));
    Ok(Some(Value::object(fields)))
}
