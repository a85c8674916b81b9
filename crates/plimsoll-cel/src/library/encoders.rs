//! Base 64, which Kubernetes does not have, and the keys of JSON pointers, which only mutating policies have.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::{Row, cost, priced, row};
use crate::budget::error;
use crate::value::Value;

pub(super) const ROWS: &[Row] = &[
    row("base64.encode(bytes) -> string", |meter, args| match args {
        [Value::Bytes(bytes)] => {
            meter.memory(bytes.len() * 2)?;
            Ok(Value::string(STANDARD.encode(bytes)))
        }
        _ => Err(super::no_such_overload()),
    }),
    row("base64.decode(string) -> bytes", |meter, args| match args {
        [Value::String(text)] => {
            meter.memory(text.len())?;
            match STANDARD.decode(&**text).or_else(|_| STANDARD_NO_PAD.decode(&**text)) {
                Ok(bytes) => Ok(Value::Bytes(bytes.into())),
                Err(_) => {
                    let strange = |letter: u8| !(letter.is_ascii_alphanumeric() || b"+/=".contains(&letter));
                    let at = text.bytes().position(strange).unwrap_or(text.len());
                    error(format!("illegal base64 data at input byte {at}"))
                }
            }
        }
        _ => Err(super::no_such_overload()),
    }),
];

pub(super) const PATCH_ROWS: &[Row] =
    &[priced("jsonpatch.escapeKey(string) -> string", cost::pass, |meter, args| match args {
        [Value::String(text)] => {
            meter.memory(text.len() * 2)?;
            Ok(Value::string(text.replace('~', "~0").replace('/', "~1")))
        }
        _ => Err(super::no_such_overload()),
    })];
