//! Protocol Buffers' text form and its definitions, parted by `\0`: definitions are read or refused with a line of their own,
//! values are finite and bounded in depth, places of faults lie in the text.
#![no_main]

use plimsoll_config::{Definition, Messages};
use plimsoll_fuzz::{config, parts, text};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [definition, file] = parts(data);
    let definition = text(definition).to_owned();
    let lines = definition.lines().count() + 1;
    let file_of = Definition { path: "a.proto".into(), names: vec!["a.proto".into()], text: definition };
    match Messages::of(&[file_of]) {
        Ok(messages) => config::read_with("textproto", file, &messages),
        Err(bad) => assert!(bad.fault.line <= lines && !bad.to_string().is_empty(), "{bad}"),
    }
});
