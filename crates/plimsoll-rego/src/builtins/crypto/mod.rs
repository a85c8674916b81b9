//! `crypto.*`: hashes and MACs, and what certificates, requests and keys say. Bytes of anybody's making come in; OPA's objects,
//! which are Go's structures as JSON, go out.

mod certificate;
mod chain;
mod constraints;
mod der;
pub(in crate::builtins) mod keys;
mod show;

use keys::Hash;

use super::encoding::{base64_bytes, hex};
use super::{Builtin, Context, Failure, want};
use crate::value::Value;

pub(in crate::builtins) use show::public_key_of_text;

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("crypto.hmac.equal", "(mac1: string, mac2: string) => result: boolean", hmac_equal),
    Builtin::new("crypto.hmac.md5", "(x: string, key: string) => y: string", |c, a| hmac(c, a, Hash::Md5)),
    Builtin::new("crypto.hmac.sha1", "(x: string, key: string) => y: string", |c, a| hmac(c, a, Hash::Sha1)),
    Builtin::new("crypto.hmac.sha256", "(x: string, key: string) => y: string", |c, a| hmac(c, a, Hash::Sha256)),
    Builtin::new("crypto.hmac.sha512", "(x: string, key: string) => y: string", |c, a| hmac(c, a, Hash::Sha512)),
    Builtin::new("crypto.md5", "(x: string) => y: string", |c, a| hash(c, a, Hash::Md5)),
    Builtin::new("crypto.sha1", "(x: string) => y: string", |c, a| hash(c, a, Hash::Sha1)),
    Builtin::new("crypto.sha256", "(x: string) => y: string", |c, a| hash(c, a, Hash::Sha256)),
    Builtin::new(
        "crypto.parse_private_keys",
        "(keys: string) => output: array[object[string: any]]",
        show::parse_private_keys,
    ),
    Builtin::new(
        "crypto.x509.parse_and_verify_certificates",
        "(certs: string) => output: array<boolean, array[object[string: any]]>",
        show::parse_and_verify,
    ),
    Builtin::new(
        "crypto.x509.parse_and_verify_certificates_with_options",
        "(certs: string, options: object[string: any]) => output: array<boolean, array[object[string: any]]>",
        show::parse_and_verify_with_options,
    ),
    Builtin::new(
        "crypto.x509.parse_certificate_request",
        "(csr: string) => output: object[string: any]",
        show::parse_certificate_request,
    ),
    Builtin::new(
        "crypto.x509.parse_certificates",
        "(certs: string) => output: array[object[string: any]]",
        show::parse_certificates,
    ),
    Builtin::new(
        "crypto.x509.parse_keypair",
        "(cert: string, pem: string) => output: object[string: any]",
        show::parse_keypair,
    ),
    Builtin::new(
        "crypto.x509.parse_rsa_private_key",
        "(pem: string) => output: object[string: any]",
        show::parse_rsa_private_key,
    ),
];

fn hash(context: &mut Context<'_>, args: &[Value], hash: Hash) -> Result {
    let input = want::bytes(args, 0, 1)?;
    // A block of 64 bytes costs a hash some ten steps of other work.
    context.meter.steps(input.len() as u64 / 8 + 8)?;
    want::text(context, hex(&keys::digest(hash, &input)))
}

fn hmac(context: &mut Context<'_>, args: &[Value], hash: Hash) -> Result {
    let (input, key) = (want::bytes(args, 0, 1)?, want::bytes(args, 1, 2)?);
    context.meter.steps((input.len() + key.len()) as u64 / 8 + 16)?;
    want::text(context, hex(&keys::hmac(hash, &key, &input)))
}

fn hmac_equal(context: &mut Context<'_>, args: &[Value]) -> Result {
    let (a, b) = (want::bytes(args, 0, 1)?, want::bytes(args, 1, 2)?);
    want::pay_reading(context, a.len() + b.len())?;
    Ok(Some(Value::Bool(keys::same(&a, &b))))
}
