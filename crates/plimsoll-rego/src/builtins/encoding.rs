//! `base64.*`, `base64url.*`, `hex.*` and `urlquery.*`.

use super::base64::{self, Kind};
use super::{Builtin, Context, Failure, bytes, url, want};
use crate::value::Value;

type Result = std::result::Result<Option<Value>, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("base64.decode", "(x: string) => y: string", base64_decode),
    Builtin::new("base64.encode", "(x: string) => y: string", base64_encode),
    Builtin::new("base64.is_valid", "(x: string) => result: boolean", base64_is_valid),
    Builtin::new("base64url.decode", "(x: string) => y: string", base64url_decode),
    Builtin::new("base64url.encode", "(x: string) => y: string", base64url_encode),
    Builtin::new("base64url.encode_no_pad", "(x: string) => y: string", base64url_encode_no_pad),
    Builtin::new("hex.decode", "(x: string) => y: string", hex_decode),
    Builtin::new("hex.encode", "(x: string) => y: string", hex_encode),
    Builtin::new("urlquery.decode", "(x: string) => y: string", urlquery_decode),
    Builtin::new(
        "urlquery.decode_object",
        "(x: string) => object: object[string: array[string]]",
        urlquery_decode_object,
    ),
    Builtin::new("urlquery.encode", "(x: string) => y: string", urlquery_encode),
    Builtin::new(
        "urlquery.encode_object",
        "(object: object[string: any<string, array[string], set[string]>]) => y: string",
        urlquery_encode_object,
    ),
    Builtin::new("uri.is_valid", "(uri: string) => result: boolean", uri_is_valid),
    Builtin::new("uri.parse", "(uri: string) => output: object[string: string]", uri_parse),
];

fn illegal(at: usize) -> Failure {
    Failure::builtin(format!("illegal base64 data at input byte {at}"))
}

/// Base64 with `=` or without, as `base64url.decode` and all of `io.jwt` take it.
pub(super) fn base64url_bytes(text: &[u8]) -> std::result::Result<Vec<u8>, Failure> {
    let mut padded;
    let mut text = text;
    if !text.ends_with(b"=") && !text.len().is_multiple_of(4) {
        if text.len() % 4 == 1 {
            return Err(Failure::builtin(format!("illegal base64url string: {}", String::from_utf8_lossy(text))));
        }
        padded = text.to_vec();
        padded.resize(text.len().next_multiple_of(4), b'=');
        text = &padded;
    }
    base64::decode(Kind::Url, text).map_err(illegal)
}

pub(super) fn base64_bytes(text: &[u8]) -> std::result::Result<Vec<u8>, Failure> {
    base64::decode(Kind::Standard, text).map_err(illegal)
}

fn base64_encode(context: &mut Context<'_>, args: &[Value]) -> Result {
    encode(context, args, Kind::Standard)
}

fn base64url_encode(context: &mut Context<'_>, args: &[Value]) -> Result {
    encode(context, args, Kind::Url)
}

fn base64url_encode_no_pad(context: &mut Context<'_>, args: &[Value]) -> Result {
    encode(context, args, Kind::UrlUnpadded)
}

fn encode(context: &mut Context<'_>, args: &[Value], kind: Kind) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len().div_ceil(3) * 4)?;
    Ok(Some(Value::string(base64::encode(kind, &input))))
}

fn base64_decode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len())?;
    want::text(context, bytes::text(&base64_bytes(&input)?))
}

fn base64url_decode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len())?;
    want::text(context, bytes::text(&base64url_bytes(&input)?))
}

fn base64_is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    let Some(input) = want::argument(args, 0).as_str() else { return Ok(Some(Value::Bool(false))) };
    want::pay_making(context, input.len())?;
    Ok(Some(Value::Bool(base64::decode(Kind::Standard, &bytes::bytes(input)).is_ok())))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(DIGITS[usize::from(half)])).collect()
}

fn hex_encode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len() * 2)?;
    Ok(Some(Value::string(hex(&input))))
}

/// As Go says a byte: `U+0067 'g'`.
fn rune(byte: u8) -> String {
    let character = char::from(byte);
    match byte {
        0x20..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => format!("U+{byte:04X} '{character}'"),
        _ => format!("U+{byte:04X}"),
    }
}

fn hex_decode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len() / 2)?;
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .map(|digit| digit as u8)
            .ok_or_else(|| Failure::builtin(format!("encoding/hex: invalid byte: {}", rune(byte))))
    };
    let mut out = Vec::with_capacity(input.len() / 2);
    for pair in input.chunks(2) {
        match *pair {
            [high, low] => out.push(digit(high)? << 4 | digit(low)?),
            [one] => {
                digit(one)?;
                return Err(Failure::builtin("encoding/hex: odd length hex string"));
            }
            _ => {}
        }
    }
    want::text(context, bytes::text(&out))
}

fn urlquery_encode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len() * 3)?;
    Ok(Some(Value::string(url::query_escape(&input))))
}

fn urlquery_decode(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len())?;
    let out = url::query_unescape(&input).map_err(Failure::builtin)?;
    want::text(context, bytes::text(&out))
}

fn urlquery_encode_object(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::object(args, 0, 1)?;
    let not_text = || want::operand(1, "values must be string, array[string], or set[string]");
    let mut out = String::new();
    super::json_text::weigh(context.meter, want::argument(args, 0), None, 0)?;
    let mut pairs: Vec<_> = input.entries().iter().map(|(key, value)| (key.json_key(), value)).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, value) in pairs {
        let one;
        let values: &[Value] = match value {
            Value::String(_) => {
                one = [value.clone()];
                &one
            }
            Value::Array(array) => array.items(),
            Value::Set(set) => set.members(),
            _ => return Err(not_text()),
        };
        let key = url::query_escape(&bytes::bytes(&key));
        for value in values {
            let value = value.as_str().ok_or_else(not_text)?;
            want::pay_making(context, key.len() + value.len() * 3 + 2)?;
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(&key);
            out.push('=');
            out.push_str(&url::query_escape(&bytes::bytes(value)));
        }
    }
    Ok(Some(Value::string(out)))
}

fn urlquery_decode_object(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len() * 2)?;
    let pairs = url::parse_query(&input).map_err(Failure::builtin)?;
    context.meter.memory(pairs.len() as u64 * 64)?;
    let mut fields: std::collections::BTreeMap<Vec<u8>, Vec<Value>> = std::collections::BTreeMap::new();
    for (key, value) in pairs {
        fields.entry(key).or_default().push(Value::string(bytes::text(&value).as_ref()));
    }
    Ok(Some(Value::object(
        fields
            .into_iter()
            .map(|(key, values)| (Value::string(bytes::text(&key).as_ref()), Value::array(values)))
            .collect(),
    )))
}

fn uri_is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    let Some(input) = want::argument(args, 0).as_str() else { return Ok(Some(Value::Bool(false))) };
    want::pay_reading(context, input.len())?;
    Ok(Some(Value::Bool(!input.is_empty() && url::parse(&bytes::bytes(input)).is_ok())))
}

fn uri_parse(context: &mut Context<'_>, args: &[Value]) -> Result {
    let input = want::bytes(args, 0, 1)?;
    want::pay_making(context, input.len() * 4)?;
    let parsed = url::parse(&input).map_err(Failure::builtin)?;
    let raw_path = if parsed.raw_path.is_empty() { &parsed.path } else { &parsed.raw_path };
    let fields = [
        ("scheme", &parsed.scheme),
        ("hostname", &parsed.hostname()),
        ("port", &parsed.port()),
        ("path", &parsed.path),
        ("raw_path", raw_path),
        ("raw_query", &parsed.raw_query),
        ("fragment", &parsed.fragment),
    ];
    Ok(Some(Value::object(
        fields
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (Value::string(name), Value::string(bytes::text(text).as_ref())))
            .collect(),
    )))
}
