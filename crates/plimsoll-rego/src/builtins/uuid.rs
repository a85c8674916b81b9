//! `uuid.rfc4122` and `uuid.parse`, and `rand.intn`: what is drawn is kept per argument for the evaluation.

use super::{Builtin, Context, Failure, random, want};
use crate::value::{Number, Value};

type Result = std::result::Result<Option<Value>, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("rand.intn", "(str: string, n: number) => y: number", intn).nondeterministic(),
    Builtin::new("uuid.parse", "(uuid: string) => result: object[string: any]", parse),
    Builtin::new("uuid.rfc4122", "(k: string) => output: string", rfc4122).nondeterministic(),
];

fn intn(context: &mut Context<'_>, args: &[Value]) -> Result {
    let name = want::string(args, 0, 1)?;
    let n = want::int(args, 1, 2)?.unsigned_abs();
    if n == 0 {
        return Ok(Some(Value::int(0)));
    }
    let key = ("rand.intn", vec![Value::string(format!("{name}-{n}"))]);
    if let Some(kept) = context.scratch.kept.get(&key) {
        return Ok(Some(kept.clone()));
    }
    want::pay_making(context, name.len() + 96)?;
    let drawn = (u128::from(random::next(context)) * u128::from(n)) >> 64;
    let value = Value::int(i64::try_from(drawn).unwrap_or(i64::MAX));
    context.scratch.kept.insert(key, value.clone());
    Ok(Some(value))
}

fn rfc4122(context: &mut Context<'_>, args: &[Value]) -> Result {
    let key = ("uuid.rfc4122", vec![want::argument(args, 0).clone()]);
    if let Some(kept) = context.scratch.kept.get(&key) {
        return Ok(Some(kept.clone()));
    }
    want::pay_making(context, 160)?;
    let mut bytes = [0; 16];
    random::fill(context, &mut bytes);
    bytes[8] = bytes[8] & 0x3F | 0x80;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    let hex = super::encoding::hex(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let text = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    let value = Value::string(text);
    context.scratch.kept.insert(key, value.clone());
    Ok(Some(value))
}

/// The four forms that are read: plain, `urn:uuid:…`, `{…}` and without dashes.
fn read(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    let (digits, dashed) = match bytes.len() {
        36 => (bytes, true),
        45 => {
            let (urn, rest) = bytes.split_at_checked(9)?;
            if !urn.eq_ignore_ascii_case(b"urn:uuid:") {
                return None;
            }
            (rest, true)
        }
        // Whatever stands in for the braces.
        38 => (bytes.get(1..37)?, true),
        32 => (bytes, false),
        _ => return None,
    };
    let mut out = [0; 16];
    let mut at = 0;
    for (index, byte) in out.iter_mut().enumerate() {
        if dashed && matches!(index, 4 | 6 | 8 | 10) {
            if digits.get(at) != Some(&b'-') {
                return None;
            }
            at += 1;
        }
        let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
        *byte = (digit(at)? << 4 | digit(at + 1)?) as u8;
        at += 2;
    }
    Some(out)
}

/// From 15 October 1582, where a UUID's clock starts, to 1970, in ticks of 100 ns.
const CLOCK_START: i64 = 0x01B2_1DD2_1381_4000;

fn parse(_: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::string(args, 0, 1)?;
    let Some(uuid) = read(text) else { return Ok(None) };
    let version = uuid[6] >> 4;
    let variant = match uuid[8] {
        byte if byte & 0xC0 == 0x80 => "RFC4122",
        byte if byte & 0xE0 == 0xC0 => "Microsoft",
        byte if byte & 0xE0 == 0xE0 => "Future",
        _ => "Reserved",
    };
    let word = |at: usize, size: usize| {
        uuid.get(at..at + size).unwrap_or_default().iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte))
    };
    let mut fields = vec![
        (Value::string("version"), Value::int(i64::from(version))),
        (Value::string("variant"), Value::string(variant)),
    ];
    if version == 1 || version == 2 {
        let ticks = (word(6, 2) & 0x0FFF) << 48 | word(4, 2) << 32 | word(0, 4);
        let since = (ticks as i64).wrapping_sub(CLOCK_START);
        let (seconds, rest) = (since / 10_000_000, since % 10_000_000);
        let nanoseconds = seconds.wrapping_mul(1_000_000_000).wrapping_add(rest * 100);
        let node: Vec<String> = uuid.iter().skip(10).map(|byte| format!("{byte:02x}")).collect();
        let mac = match uuid[10] & 3 {
            3 => "local:multicast",
            1 => "global:multicast",
            2 => "local:unicast",
            _ => "global:unicast",
        };
        fields.push((Value::string("time"), Value::int(nanoseconds)));
        fields.push((Value::string("nodeid"), Value::string(node.join("-"))));
        fields.push((Value::string("macvariables"), Value::string(mac)));
        fields.push((Value::string("clocksequence"), Value::int((word(8, 2) & 0x3FFF) as i64)));
    }
    if version == 2 {
        let domain = match uuid[9] {
            0 => "Person".to_owned(),
            1 => "Group".to_owned(),
            2 => "Org".to_owned(),
            other => format!("Domain{other}"),
        };
        fields.push((Value::string("id"), Value::Number(Number::from(word(0, 4) as i64))));
        fields.push((Value::string("domain"), Value::string(domain)));
    }
    Ok(Some(Value::object(fields)))
}
