//! Lines of an image's history, and its lists of accounts. A command has no more words than its line has bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::image::accounts;
use plimsoll_checks::image::history::{Instruction, commands, instruction};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Instruction::Run(script) = instruction(&text) {
        let commands = commands(script);
        let words: usize = commands.iter().map(|command| command.words.len()).sum();
        assert!(words <= text.len());
        for command in &commands {
            let _ = command.subcommand(&["apt-get", "apk"]);
        }
    }
    for path in ["etc/passwd", "etc/shadow", "etc/group"] {
        assert!(accounts::inspect(path, data).len() <= 2);
    }
});
