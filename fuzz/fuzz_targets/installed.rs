//! What interpreters leave beside installed packages: Python, Node.js, Ruby, Bitnami.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::languages::{bitnami, gemspec, node, python};

fuzz_target!(|data: &[u8]| {
    plimsoll_fuzz::read(data.len(), &python::parse(data));
    let _ = python::parse_egg(data);
    plimsoll_fuzz::read(data.len(), &node::parse(data, "node_modules/a/package.json"));
    plimsoll_fuzz::read(data.len(), &gemspec::parse(data, "specifications/a-1.gemspec"));
    plimsoll_fuzz::read(data.len(), &bitnami::parse(data, "opt/bitnami/a/.spdx-a.spdx"));
});
