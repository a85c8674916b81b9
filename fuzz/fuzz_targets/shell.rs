//! Shell scripts: trees of any text, as a whole and pieced together from lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::joined::Joined;
use plimsoll_checks::shell::parse;
use plimsoll_checks::source::Span;
use plimsoll_fuzz::places;

fuzz_target!(|data: &[u8]| {
    let text = plimsoll_fuzz::text(data);
    let whole = Joined::of(text, 0);
    let mut pieces = Joined::new(0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let kept = line.strip_suffix("\\\n").unwrap_or(line);
        pieces.push(kept, at);
        at += line.len();
    }
    for joined in [&whole, &pieces] {
        let script = parse(joined);
        let nodes = places::script(&script, text, Span::new(0, text.len()));
        // A byte may begin an item, a word and a part of one.
        assert!(nodes <= 4 * text.len() + 4, "{nodes} nodes of {} bytes", text.len());
        for (span, message) in &script.faults {
            places::span(*span, text, Span::new(0, text.len()));
            assert!(!message.is_empty());
        }
        let commands = script.commands();
        assert!(commands.is_sorted_by_key(|simple| simple.span.start));
        for command in commands {
            let args = command.args();
            assert!(command.operands().len() <= args.len());
            let _ = (command.base_name(), command.has_flag("y", "yes"), command.flag_value("o", "output"));
            let _ = command.effective().map(|it| (it.base_name(), it.args(), it.span()));
        }
        let _ = (script.pipelines(), script.compounds());
    }
});
