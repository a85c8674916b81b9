//! Files of an installation that somebody else wrote: kubeconfigs, configurations, flags, certificates. Parted by NUL, each
//! its name's line and its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_install::{Given, Look, check};

fuzz_target!(|data: &[u8]| {
    let mut given = Vec::new();
    for part in data.split(|byte| *byte == 0).take(8) {
        let (name, bytes) = match part.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&part[..end], &part[end + 1..]),
            None => (&b"file.yaml"[..], part),
        };
        let name = String::from_utf8_lossy(name).into_owned();
        given.push(Given { name, bytes: bytes.to_vec(), mode: Some(0o644), named: true });
    }
    let checked = check(&given, &|_| Look::Missing, jiff::Timestamp::UNIX_EPOCH);
    // Three outcomes: what was asked for by name is known, or said not to be.
    for file in &given {
        let known = checked.known.contains(&file.name) || checked.unread.iter().any(|unread| unread.file == file.name);
        assert!(known, "nothing is said about {:?}", file.name);
    }
    for fault in &checked.faults {
        let said = fault.to_string();
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    }
});
