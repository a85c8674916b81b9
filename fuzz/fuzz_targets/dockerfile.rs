//! Dockerfiles: trees of any text, and conftest's form of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::dockerfile::ast::{Body, Command, Instruction};
use plimsoll_checks::dockerfile::{json, parse};
use plimsoll_checks::source::{Source, Span};
use plimsoll_fuzz::places;

fn instruction(it: &Instruction, text: &str, within: Span) {
    places::span(it.span, text, within);
    assert_eq!(it.keyword.span.start, it.span.start);
    places::span(it.rest.span, text, it.span);
    it.flags.iter().for_each(|flag| places::span(flag.span, text, it.span));
    it.heredocs.iter().for_each(|heredoc| places::span(heredoc.mark, text, it.span));
    match &it.body {
        Body::Run(command) | Body::Cmd(command) | Body::Entrypoint(command) | Body::Healthcheck(Some(command)) => {
            match command {
                Command::Exec(words) => words.iter().for_each(|word| places::span(word.span, text, it.span)),
                Command::Shell(shell) => {
                    places::script(&shell.script, text, shell.span);
                }
            }
        }
        Body::Env(pairs) | Body::Arg(pairs) | Body::Label(pairs) => {
            for pair in pairs {
                places::span(pair.span, text, it.span);
                places::span(pair.key.span, text, pair.span);
                pair.value.iter().for_each(|value| places::span(value.span, text, pair.span));
            }
        }
        Body::Copy { sources, dest, .. } => {
            sources.iter().chain(dest).for_each(|path| places::span(path.span, text, it.span));
        }
        Body::OnBuild(held) => instruction(held, text, it.span),
        _ => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let text = plimsoll_fuzz::text(data);
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let mut end = 0;
    for it in &file.instructions {
        assert!(it.span.start >= end, "instructions overlap");
        instruction(it, text, Span::new(0, text.len()));
        end = it.span.end;
    }
    for span in file.faults.iter().map(|it| it.span).chain(file.comments.iter().map(|it| it.span)) {
        places::span(span, text, Span::new(0, text.len()));
        let _ = source.location(span);
    }
    assert!(file.faults.iter().all(|fault| !fault.message.is_empty()));
    assert!(
        file.stages
            .iter()
            .all(|stage| stage.first < stage.end && stage.base.is_none_or(|base| base < file.stages.len()))
    );
    assert_eq!(json(&file)[0].as_array().map(|all| all.len() >= file.instructions.len()), Some(true));
    if text.contains("last") {
        return;
    }
    // Whatever stands before, an instruction on a line of its own is read.
    let longer = format!("{text}\n\nx\nFROM last\n");
    let source = Source::new("Dockerfile", &longer);
    assert_eq!(parse(&source).instructions.last().map(|it| it.rest.text.clone()).as_deref(), Some("last"));
});
