//! Facts of the builtins that meet foreign bytes and the outside: what is denied, what is bounded, what the formats' own vectors
//! say. Keys and certificates are from RFC 7515 and RFC 8037, or made with `openssl req -x509 -newkey ec` for these tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Context, Failure, Fetch, Halt, Outcome, Scratch, Unanswered, World, named};
use crate::budget::{Budget, Exhausted, Meter};
use crate::value::Value;

fn call_within(budget: &Budget, name: &str, args: &[Value]) -> Outcome {
    let builtin = named(name).unwrap_or_else(|| unreachable!("{name} is registered"));
    let world = World { now_nanoseconds: 1_700_000_000_000_000_000, ..World::default() };
    let mut context =
        Context { meter: &mut Meter::new(budget), name: builtin.name, world: &world, scratch: &mut Scratch::default() };
    (builtin.run)(&mut context, args)
}

fn call(name: &str, args: &[Value]) -> Outcome {
    call_within(&Budget::default(), name, args)
}

/// Arguments as JSON.
fn json(name: &str, args: &[&str]) -> String {
    let args: Vec<Value> =
        args.iter().map(|arg| Value::from_json(arg.as_bytes()).expect("arguments are JSON")).collect();
    match call(name, &args) {
        Ok(Some(value)) => value.to_string(),
        Ok(None) => "undefined".into(),
        Err(Failure::Error { message, .. }) => format!("error: {message}"),
        Err(Failure::Halt(halt)) => format!("halt: {halt:?}"),
    }
}

#[test]
fn reaching_outside_ends_the_evaluation_though_errors_are_not_raised() {
    for request in [
        r#"{"method": "get", "url": "http://x.example", "raise_error": false}"#,
        r#"{"nonsense": 1, "raise_error": false}"#,
    ] {
        let request = Value::from_json(request.as_bytes()).expect("JSON");
        assert!(matches!(call("http.send", &[request]), Err(Failure::Halt(Halt::Denied(_)))));
    }
    let name = Value::string("x.example");
    assert!(matches!(call("net.lookup_ip_addr", &[name]), Err(Failure::Halt(Halt::Denied(_)))));
    let schema = Value::from_json(br#"{"$ref": "http://x.example/schema.json"}"#).expect("JSON");
    assert!(matches!(call("json.verify_schema", &[schema]), Err(Failure::Halt(Halt::Denied(_)))));
}

/// Answers by what it is asked, and counts; it cancels the evaluation that asks it to.
#[derive(Debug, Default)]
struct Outer {
    asked: AtomicUsize,
    cancel: Arc<AtomicBool>,
}

impl Outer {
    fn answer<T>(&self, about: &str, answer: T) -> Result<T, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match about {
            about if about.contains("deny") => Err(Unanswered::Denied("elsewhere".into())),
            about if about.contains("fail") => Err(Unanswered::Failed("nobody is there".into())),
            about => {
                self.cancel.fetch_or(about.contains("slow"), Ordering::Relaxed);
                Ok(answer)
            }
        }
    }
}

impl Fetch for Outer {
    fn send(&self, request: &Value) -> Result<Value, Unanswered> {
        self.answer(request.get(&Value::string("url")).and_then(Value::as_str).unwrap_or_default(), Value::int(200))
    }

    fn lookup(&self, host: &str) -> Result<Vec<String>, Unanswered> {
        self.answer(host, vec!["192.0.2.1".into()])
    }
}

#[test]
fn what_was_answered_is_not_asked_again_and_what_is_denied_is_no_value() {
    let denied = |name: &str| Err(Failure::Halt(Halt::Denied(format!("{name}: elsewhere"))));
    let cancelled = || Err(Failure::Halt(Halt::Exhausted(Exhausted::Cancelled)));
    let send = |path: &str, more: &str| {
        let request = format!(r#"{{"method": "get", "url": "http://a.example/{path}"{more}}}"#);
        ("http.send", Value::from_json(request.as_bytes()).expect("JSON"))
    };
    let lookup = |name: &str| ("net.lookup_ip_addr", Value::string(name));
    let quiet = r#", "raise_error": false"#;
    let told = r#"{"status_code": 0, "error": {"code": "eval_http_send_network_error", "message": "nobody is there"}}"#;
    let told = Value::from_json(told.as_bytes()).expect("JSON");
    let cases: Vec<((&str, Value), Outcome)> = vec![
        (send("", ""), Ok(Some(Value::int(200)))),
        (send("deny", ""), denied("http.send")),
        (send("deny", quiet), denied("http.send")),
        (send("fail", ""), Err(Failure::builtin("nobody is there"))),
        (send("fail", quiet), Ok(Some(told))),
        (send("slow", ""), cancelled()),
        (lookup("a.example"), Ok(Some(Value::set(vec![Value::string("192.0.2.1")])))),
        (lookup("deny"), denied("net.lookup_ip_addr")),
        (lookup("fail"), Err(Failure::fatal("net.lookup_ip_addr: nobody is there"))),
        (lookup("slow"), cancelled()),
    ];
    for ((name, argument), wanted) in cases {
        let outer = Arc::new(Outer::default());
        let allowed_hosts = ["a.example", "deny", "fail", "slow"].map(str::to_owned).to_vec();
        let world = World { fetch: Some(outer.clone()), allowed_hosts, ..World::default() };
        let meter = &mut Meter::new(&Budget { cancel: Some(outer.cancel.clone()), ..Budget::default() });
        let mut context = Context { meter, name, world: &world, scratch: &mut Scratch::default() };
        let run = named(name).expect(name).run;
        for _ in 0..3 {
            assert_eq!(run(&mut context, std::slice::from_ref(&argument)), wanted, "{name}({argument})");
            outer.cancel.store(false, Ordering::Relaxed);
            if wanted == cancelled() {
                break;
            }
        }
        assert_eq!(outer.asked.load(Ordering::Relaxed), 1, "{name}({argument})");
    }
}

#[test]
fn hostile_arguments_end_with_the_budget() {
    let small = Budget { steps: 20_000_000, memory: 64 << 20, ..Budget::default() };
    let spent = |name: &str, args: &[Value]| {
        let outcome = call_within(&small, name, args);
        assert!(matches!(outcome, Err(Failure::Halt(Halt::Exhausted(_)))), "{name}: {outcome:?}");
    };
    spent("net.cidr_expand", &[Value::string("0.0.0.0/0")]);
    spent("net.cidr_expand", &[Value::string("::/0")]);
    spent("json.unmarshal", &[Value::string("[".repeat(100_000))]);
    let loops = Value::from_json(br##"{"$ref": "#"}"##).expect("JSON");
    spent("json.match_schema", &[Value::object(vec![]), loops]);
    let copies: Vec<Value> = (0..200)
        .map(|at| {
            let text = format!(r#"{{"op": "copy", "from": "", "path": "/{at}"}}"#);
            Value::from_json(text.as_bytes()).expect("JSON")
        })
        .collect();
    spent("json.patch", &[Value::object(vec![]), Value::array(copies)]);
    spent("graphql.parse_query", &[Value::string("{a".repeat(50_000))]);
    spent("graphql.parse_query", &[Value::string(format!("{{a(x:{}", "[".repeat(50_000)))]);
    spent("graphql.parse_schema", &[Value::string(format!("type A {{ x: {}", "[".repeat(50_000)))]);
    let prefix = Value::object(vec![(Value::string("prefix"), Value::string("x".repeat(1 << 20)))]);
    spent("json.marshal_with_options", &[Value::array(vec![Value::Null; 1_000]), prefix]);
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let pem = |kind: &str, body: &str| Value::string(format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"));
    let names = [
        "crypto.x509.parse_certificates",
        "crypto.x509.parse_certificate_request",
        "crypto.x509.parse_rsa_private_key",
        "crypto.parse_private_keys",
    ];
    // DER whose lengths lie, of each tag.
    for tag in 0..=255u8 {
        for tail in
            [&[0x84, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0x80], &[0x81, 0x01, 0x00], &[0x7F], &[0x02, 0x30, 0x80], &[]]
        {
            let bytes = [&[tag][..], tail].concat();
            let body = super::base64::encode(super::base64::Kind::Standard, &bytes);
            for name in names {
                for kind in ["CERTIFICATE", "CERTIFICATE REQUEST", "RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"] {
                    let _ = call(name, &[pem(kind, &body)]);
                }
                let _ = call(name, &[Value::string(&*body)]);
            }
        }
    }
}

#[test]
fn a_token_of_no_algorithm_or_of_a_public_key_as_secret_is_not_verified() {
    // {"alg":"none"}.{}
    let none = r#""eyJhbGciOiJub25lIn0.e30.""#;
    assert_eq!(json("io.jwt.decode_verify", &[none, r#"{"secret": "x"}"#]), "[false, {}, {}]");
    // RFC 7515, A.1: HMAC over a key that is no text is taken from a JSON Web Key.
    let key = r#"{"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let token = json("io.jwt.encode_sign", &[r#"{"alg": "HS256"}"#, r#"{"iss": "joe"}"#, key]);
    let constraints = format!(r#"{{"cert": {}}}"#, serde_json::to_string(key).expect("text"));
    assert_eq!(json("io.jwt.decode_verify", &[&token, &constraints]), r#"[true, {"alg": "HS256"}, {"iss": "joe"}]"#);
    assert_eq!(json("io.jwt.verify_rs256", &[&token, &serde_json::to_string(key).expect("text")]), "false");
}

#[test]
fn ed25519_signs_as_rfc_8037_shows() {
    // RFC 8037, A.1 and A.4; the header has no type and the payload is plain text.
    let key = r#""{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}""#;
    let signed = json("io.jwt.encode_sign_raw", &[r#""{\"alg\":\"EdDSA\"}""#, r#""Example of Ed25519 signing""#, key]);
    // Without a type the payload must be JSON, in OPA too.
    assert_eq!(signed, "error: type is JWT but payload is not JSON");
    let signed = json("io.jwt.encode_sign_raw", &[r#""{\"alg\":\"EdDSA\",\"typ\":\"text\"}""#, r#""Example""#, key]);
    assert_eq!(json("io.jwt.verify_eddsa", &[&signed, key]), "false", "a private key is not taken for a public one");
}

#[test]
fn bytes_that_are_no_text_go_from_one_builtin_to_the_next() {
    let decoded = call("base64.decode", &[Value::string("/wCAgf8=")]).ok().flatten().expect("bytes");
    let hex = call("hex.encode", std::slice::from_ref(&decoded)).ok().flatten().expect("text");
    assert_eq!(hex, Value::string("ff008081ff"));
    assert_eq!(decoded.to_json(), "\"\u{FFFD}\\u0000\u{FFFD}\u{FFFD}\u{FFFD}\"");
}

#[test]
fn times_are_read_and_written_by_layouts_and_zones() {
    let cases: &[(&str, &[&str], &str)] = &[
        (
            "time.format",
            &[r#"[1700000000000000000, "Europe/Berlin", "Mon 2 Jan 2006 15:04 MST"]"#],
            "\"Tue 14 Nov 2023 23:13 CET\"",
        ),
        ("time.clock", &[r#"[1700000000000000000, "Asia/Kathmandu"]"#], "[3, 58, 20]"),
        ("time.clock", &[r#"[1700000000000000000, "europe/berlin"]"#], "error: unknown time zone europe/berlin"),
        ("time.parse_ns", &[r#""06 Jan 2""#, r#""70 feb 29""#], "error: parsing time \"70 feb 29\": day out of range"),
        ("time.parse_duration_ns", &[r#""1d2h""#], "93600000000000"),
        ("time.add_date", &["0", "0", "1", "30"], "5270400000000000"),
    ];
    for (name, args, wanted) in cases {
        assert_eq!(json(name, args), *wanted, "{name}{args:?}");
    }
}

#[test]
fn depth_is_a_limit_of_its_own() {
    let deep = Value::string(format!("{}{}", "[".repeat(2_000), "]".repeat(2_000)));
    assert_eq!(call("json.is_valid", &[deep]), Err(Failure::Halt(Halt::Exhausted(Exhausted::Depth))));
}
