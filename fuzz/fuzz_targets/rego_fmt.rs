//! Rego text of both versions, formatted: what comes out reads as the same program, is formatted again as itself or refused
//! with words, and grows with the text. The tree's own texts and JSON are written for each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_rego::ast::{Language, json, pretty};
use plimsoll_rego::fmt::{Options, Target, diff, format};
use plimsoll_rego::parse::parse_module;
use plimsoll_rego::span::Sources;

const MODES: [(Language, Target); 4] = [
    (Language::V1, Target::V1),
    (Language::V0, Target::V0),
    (Language::V0, Target::V0AndV1),
    (Language::V1, Target::V0AndV1),
];

fuzz_target!(|data: &[u8]| {
    let text = plimsoll_fuzz::text(data);
    for (language, target) in MODES {
        let options = Options::of(language, target);
        let mut sources = Sources::default();
        let parsed = parse_module(&mut sources, "a.rego", text.as_bytes(), &options.parse);
        let Some(module) = parsed.module.filter(|_| parsed.errors.is_empty()) else {
            assert!(format(&mut sources, "a.rego", text.as_bytes(), &options).is_err());
            continue;
        };
        let tree = json::module(&module, &sources, json::Options { indent: true, ..json::Options::default() });
        // A number may be larger than any that serde_json reads: only the grammar is asked for.
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&tree).is_ok(), "{tree}");
        assert!(!module.to_string().is_empty() && pretty::module(&module, true).starts_with("module\n"));
        match format(&mut sources, "a.rego", text.as_bytes(), &options) {
            Ok(once) => {
                // That it is the same program the formatter itself has made sure. Each line may be indented by all levels.
                let levels = 2 + text.bytes().filter(|byte| b"[({|".contains(byte)).count().min(400);
                assert!(once.len() <= 4096 + levels * 8 * text.len(), "{} bytes of {}", once.len(), text.len());
                let mut again = Options::of(target.language(), target);
                again.parse.features.clone_from(&options.parse.features);
                if let Err(errors) = format(&mut sources, "b.rego", once.as_bytes(), &again) {
                    errors.iter().for_each(|error| assert!(!error.message.is_empty()));
                }
                assert!(diff(text, text).is_empty());
                assert!(diff(text, &once).len() <= 16 * (text.len() + once.len()));
            }
            Err(errors) => {
                assert!(!errors.is_empty());
                errors.iter().for_each(|error| assert!(!error.message.is_empty()));
            }
        }
    }
});
