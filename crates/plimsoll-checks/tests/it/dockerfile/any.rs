//! Laws that hold for any text, and for good files with one broken instruction.

use plimsoll_checks::dockerfile::ast::{Body, Command, Instruction, Text};
use plimsoll_checks::dockerfile::parse;
use plimsoll_checks::source::{Source, Span};
use proptest::prelude::*;

use super::shown;

/// Valid files to be broken, instruction by instruction.
const VALID: &[&str] = &[
    "FROM a AS b",
    "ARG c=d e",
    "ENV f=\"g h\" \\\n    i=j",
    "RUN apt-get update && \\\n    # why\n    apt-get install -y --no-install-recommends k=1 \"l m\" && \\\n    rm -rf /n/*",
    "RUN <<EOT\nset -e\necho \"$f\"\nEOT",
    "COPY --from=b [\"o p\", \"/q\"]",
    "COPY <<-ONE <<TWO /r/\n\ts\n\tONE\nt\nTWO",
    "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]",
    "RUN if [ -f u ]; then v | w; else for x in $(y); do z \"${x:-1}\"; done; fi",
    "HEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1",
    "ONBUILD RUN --mount=type=cache,target=/root a",
    "LABEL org.a=\"b\" c='d'",
    "EXPOSE 80/tcp \"${PORT}\"",
    "USER nobody",
    "ENTRYPOINT [\"/bin/a\", \"--b\"]",
];

#[test]
fn a_broken_instruction_leaves_the_others_as_they_are() {
    let pieces =
        ["\"", "'", "[", "(", "$(", "${", "`", "{", "\\x", "#", "=", "<", "--", "\t", "é", "|", "&&", ";", "\u{b}"];
    let mut mutations = 0;
    for (broken, line) in VALID.iter().enumerate() {
        // In its first line, but not at its end: what makes the next line part of it changes that one too.
        let end = line.find('\n').unwrap_or(line.len()) - 2;
        for (at, piece) in (0..16).flat_map(|step| pieces.iter().map(move |piece| (step, piece))) {
            let at = line.floor(at * end / 16);
            let keyword = line.find(' ').unwrap();
            // A keyword that is broken, or a mark, gives the lines of its here-document away.
            if line.contains("<<") && (at <= keyword || line[..end + 2].contains("<<")) {
                continue;
            }
            if line[..at].trim().is_empty() && *piece == "#" {
                continue;
            }
            let changed = format!("{}{piece}{}", &line[..at], &line[at..]);
            let lines: Vec<&str> =
                VALID.iter().enumerate().map(|(index, line)| if index == broken { &changed } else { *line }).collect();
            let whole = VALID.join("\n");
            let text = lines.join("\n");
            let (whole, source) = (Source::new("Dockerfile", &whole), Source::new("Dockerfile", &text));
            let (whole, file) = (parse(&whole), parse(&source));
            assert_eq!(file.instructions.len(), VALID.len(), "{changed}");
            for index in (0..VALID.len()).filter(|index| *index != broken) {
                assert_eq!(source.slice(file.instructions[index].span), VALID[index], "{changed}");
                // A broken SHELL is no longer in force.
                if !VALID[broken].starts_with("SHELL") {
                    assert_eq!(shown(&file.instructions[index]), shown(&whole.instructions[index]), "{changed}");
                }
            }
            mutations += 1;
        }
    }
    assert!(mutations > 2_000, "{mutations}");
}

trait Floor {
    fn floor(&self, at: usize) -> usize;
}

impl Floor for str {
    /// The boundary of a character at or before a byte.
    fn floor(&self, at: usize) -> usize {
        (0..=at).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// Texts that are likely to mean something to a Dockerfile's parser.
fn files() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "FROM a",
        " AS b",
        "RUN ",
        "CMD ",
        "COPY ",
        "ADD ",
        "ENV ",
        "ARG ",
        "LABEL ",
        "ONBUILD ",
        "HEALTHCHECK ",
        "SHELL ",
        "EXPOSE ",
        "VOLUME ",
        "USER ",
        "\n",
        "\n",
        "\n",
        "\r\n",
        " \\\n",
        "\\",
        "`",
        "# a\n",
        "# escape=`\n",
        "# syntax=b\n",
        "<<E",
        "<<-\"E\"",
        "\nE\n",
        "\n\tE\n",
        "[\"a\", ",
        "\"b\"]",
        "[",
        "]",
        "\"",
        "'",
        "--from=c",
        "--x",
        " ",
        "\t",
        "=",
        "d",
        "é",
        "\u{feff}",
        "\u{a0}",
        "\u{b}",
        "$(",
        ")",
        "${",
        "}",
        "&&",
        "|",
        "\\u12",
        "NONE",
        "#!/bin/bash\n",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()), "(.|\n){0,80}"]
}

fn check_text(text: &Text, source: &Source<'_>, within: Span) {
    check(text.span, source, within);
}

fn check(span: Span, source: &Source<'_>, within: Span) {
    assert!(source.text.get(span.start..span.end).is_some(), "{span:?} is not on boundaries of {:?}", source.text);
    assert!(within.start <= span.start && span.end <= within.end, "{span:?} is not in {within:?} of {:?}", source.text);
}

fn check_command(command: &Command, source: &Source<'_>, within: Span) {
    match command {
        Command::Exec(words) => words.iter().for_each(|word| check_text(word, source, within)),
        Command::Shell(shell) => {
            check(shell.span, source, within);
            shell.script.commands().iter().for_each(|simple| check(simple.span, source, shell.span));
            shell.script.faults.iter().for_each(|(span, _)| check(*span, source, shell.span));
        }
    }
}

fn check_instruction(instruction: &Instruction, source: &Source<'_>, within: Span) {
    let span = instruction.span;
    check(span, source, within);
    assert_eq!(instruction.keyword.span.start, span.start);
    let text = |text: &Text| check_text(text, source, span);
    text(&instruction.rest);
    for flag in &instruction.flags {
        check(flag.span, source, span);
        flag.value.iter().for_each(text);
    }
    for heredoc in &instruction.heredocs {
        check(heredoc.mark, source, span);
        // The line break of an empty or unclosed one may be past the end.
        check(heredoc.content, source, Span::new(span.start, source.text.len()));
    }
    let within = instruction.heredocs.last().map_or(span, |last| Span::new(span.start, span.end.max(last.content.end)));
    match &instruction.body {
        Body::From { image, name } => [Some(image), name.as_ref()].into_iter().flatten().for_each(text),
        Body::Run(it) | Body::Cmd(it) | Body::Entrypoint(it) | Body::Healthcheck(Some(it)) => {
            check_command(it, source, within);
        }
        Body::Copy { sources, dest, .. } => sources.iter().chain(dest).for_each(text),
        Body::Env(pairs) | Body::Arg(pairs) | Body::Label(pairs) => {
            for pair in pairs {
                check(pair.span, source, span);
                check_text(&pair.key, source, pair.span);
                pair.value.iter().for_each(|value| check_text(value, source, pair.span));
            }
        }
        Body::User(it) | Body::Workdir(it) | Body::StopSignal(it) | Body::Maintainer(it) => text(it),
        Body::Expose(all) | Body::Volume { paths: all, .. } | Body::Shell(all) => all.iter().for_each(text),
        Body::OnBuild(held) => check_instruction(held, source, span),
        Body::Healthcheck(None) | Body::Unknown => {}
    }
}

proptest! {
    #[test]
    fn any_file_is_read_and_every_place_is_in_it(text in files()) {
        let source = Source::new("Dockerfile", &text);
        let file = parse(&source);
        let whole = Span::new(0, text.len());
        let mut rebuilt = String::new();
        let mut end = 0;
        for instruction in &file.instructions {
            check_instruction(instruction, &source, whole);
            prop_assert!(instruction.span.start >= end, "instructions overlap");
            rebuilt.push_str(&text[end..instruction.span.start]);
            rebuilt.push_str(source.slice(instruction.span));
            end = instruction.span.end;
        }
        rebuilt.push_str(&text[end..]);
        prop_assert_eq!(&rebuilt, &text);
        for span in file.faults.iter().map(|it| it.span).chain(file.comments.iter().map(|it| it.span)) {
            check(span, &source, whole);
        }
        let mut next = 0;
        for stage in &file.stages {
            prop_assert!(stage.first >= next && stage.end > stage.first && stage.end <= file.instructions.len());
            next = stage.end;
        }
        let document = plimsoll_checks::dockerfile::json(&file);
        prop_assert!(document[0].as_array().unwrap().len() >= file.instructions.len());
    }

    #[test]
    fn what_follows_any_text_is_read(text in files()) {
        // Blank lines and a closing quote cannot help where a line is continued: only a line of its own ends it.
        let whole = format!("{text}\n\nx\nFROM last\n");
        let source = Source::new("Dockerfile", &whole);
        let last = parse(&source).instructions.last().map(shown);
        prop_assert_eq!(last.as_deref(), Some("from last as None"));
    }
}

#[test]
fn names_that_are_empty_stand_in_their_pair() {
    for text in ["ARG  \\\n=", "ARG \\\n=1", "ARG a \\\n=", "ENV a=1 \\\n=2", "LABEL \\\n=2 b=1"] {
        let source = Source::new("Dockerfile", text);
        for instruction in &parse(&source).instructions {
            check_instruction(instruction, &source, Span::new(0, text.len()));
        }
    }
}
