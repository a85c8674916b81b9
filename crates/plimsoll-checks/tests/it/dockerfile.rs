//! The Dockerfile parser: every instruction, recovery, places.

use plimsoll_checks::dockerfile::ast::{Body, Command, Dockerfile, Instruction, Pair, Text};
use plimsoll_checks::dockerfile::parse;
use plimsoll_checks::source::{Source, Span};
use proptest::prelude::*;

fn texts(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|text| text.text.as_str()).collect()
}

fn pairs(pairs: &[Pair]) -> String {
    let one = |pair: &Pair| match &pair.value {
        Some(value) => format!("{}={}", pair.key.text, value.text),
        None => pair.key.text.clone(),
    };
    pairs.iter().map(one).collect::<Vec<_>>().join("|")
}

fn command(command: &Command) -> String {
    match command {
        Command::Exec(words) => format!("{:?}", texts(words)),
        Command::Shell(text) => {
            let names = text.script.commands().into_iter().map(|simple| simple.name().unwrap_or_default());
            format!("{:?} {}", text.shell, names.collect::<Vec<_>>().join(" "))
        }
    }
}

/// An instruction in one line.
fn shown(instruction: &Instruction) -> String {
    match &instruction.body {
        Body::From { image, name } => format!("from {} as {:?}", image.text, name.as_ref().map(|name| &name.text)),
        Body::Run(it) => format!("run {}", command(it)),
        Body::Cmd(it) => format!("cmd {}", command(it)),
        Body::Entrypoint(it) => format!("entrypoint {}", command(it)),
        Body::Healthcheck(it) => format!("healthcheck {:?}", it.as_ref().map(command)),
        Body::Copy { add, sources, dest, json } => {
            let kind = if *add { "add" } else { "copy" };
            format!(
                "{kind} {:?} to {:?}{}",
                texts(sources),
                dest.as_ref().map(|dest| &dest.text),
                if *json { " json" } else { "" }
            )
        }
        Body::Env(it) => format!("env {}", pairs(it)),
        Body::Arg(it) => format!("arg {}", pairs(it)),
        Body::Label(it) => format!("label {}", pairs(it)),
        Body::User(it) => format!("user {}", it.text),
        Body::Workdir(it) => format!("workdir {}", it.text),
        Body::Expose(it) => format!("expose {:?}", texts(it)),
        Body::Volume { paths, json } => format!("volume {:?}{}", texts(paths), if *json { " json" } else { "" }),
        Body::Shell(it) => format!("shell {:?}", texts(it)),
        Body::StopSignal(it) => format!("stopsignal {}", it.text),
        Body::Maintainer(it) => format!("maintainer {}", it.text),
        Body::OnBuild(it) => format!("onbuild {}", shown(it)),
        Body::Unknown => "unknown".to_owned(),
    }
}

fn all(file: &Dockerfile<'_>) -> Vec<String> {
    file.instructions.iter().map(shown).collect()
}

#[test]
fn every_instruction_is_read() {
    for (line, meant) in [
        ("FROM a:1", "from a:1 as None"),
        ("from --platform=$BUILDPLATFORM a@sha256:b As C", "from a@sha256:b as Some(\"C\")"),
        ("RUN a b && c", "run Posix { pipefail: false } a c"),
        ("RUN [\"a\", \"b c\"]", "run [\"a\", \"b c\"]"),
        ("RUN ['a']", "run Posix { pipefail: false } [a]"),
        ("RUN --mount=type=cache,target=/x --network=none a", "run Posix { pipefail: false } a"),
        ("RUN a \\\n  # why\n\n  b && \\\n  c", "run Posix { pipefail: false } a c"),
        ("CMD a", "cmd Posix { pipefail: false } a"),
        ("ENTRYPOINT []", "entrypoint []"),
        ("HEALTHCHECK none", "healthcheck None"),
        ("HEALTHCHECK --interval=5s --retries=2 CMD [\"a\"]", "healthcheck Some(\"[\\\"a\\\"]\")"),
        ("HEALTHCHECK CMD a || exit 1", "healthcheck Some(\"Posix { pipefail: false } a exit\")"),
        ("COPY --from=b --chown=1:1 --link a \"b c\" /d/", "copy [\"a\", \"\\\"b\", \"c\\\"\"] to Some(\"/d/\")"),
        ("COPY [\"a b\", \"c\"]", "copy [\"a b\"] to Some(\"c\") json"),
        ("ADD --checksum=x --keep-git-dir=true http://a b", "add [\"http://a\"] to Some(\"b\")"),
        ("ENV a=b c=\"d e\" f='g $h' i=j\\ k", "env a=b|c=d e|f=g $h|i=j k"),
        ("ENV a b  c", "env a=b  c"),
        ("ENV a \\\n  b=c", "env a=b=c"),
        ("ARG a", "arg a"),
        ("ARG a b=c d=\"e f\"", "arg a|b=c|d=e f"),
        ("LABEL \"a.b\"=\"c\" d=e", "label a.b=c|d=e"),
        ("USER a:b", "user a:b"),
        ("WORKDIR /a b", "workdir /a b"),
        ("EXPOSE 80 \"${PORT}\" 90/udp", "expose [\"80\", \"\\\"${PORT}\\\"\", \"90/udp\"]"),
        ("VOLUME /a /b", "volume [\"/a\", \"/b\"]"),
        ("VOLUME [\"/a\"]", "volume [\"/a\"] json"),
        ("SHELL [\"/bin/bash\", \"-c\"]", "shell [\"/bin/bash\", \"-c\"]"),
        ("STOPSIGNAL 9", "stopsignal 9"),
        ("MAINTAINER a <b@c>", "maintainer a <b@c>"),
        ("ONBUILD run a", "onbuild run Posix { pipefail: false } a"),
        ("\tRUN\ta\t", "run Posix { pipefail: false } a"),
    ] {
        let source = Source::new("Dockerfile", line);
        let file = parse(&source);
        assert_eq!((all(&file), &file.faults), (vec![meant.to_owned()], &Vec::new()), "{line}");
        assert_eq!(source.slice(file.instructions[0].span), line.trim(), "{line}");
        let crlf = line.replace('\n', "\r\n");
        let source = Source::new("Dockerfile", &crlf);
        assert_eq!(all(&parse(&source)), [meant], "{line} with CRLF");
    }
}

#[test]
fn what_is_broken_is_a_fault_and_the_rest_is_read() {
    for (line, meant, at, fault) in [
        ("FRM a", "unknown", "FRM", "there is no instruction `FRM`"),
        ("RUN", "unknown", "RUN", "RUN has no argument"),
        ("RUN --mont=x a", "run Posix { pipefail: false } a", "--mont=x", "RUN has no flag `--mont`"),
        ("CMD [\"a\", 1]", "unknown", "[\"a\", 1]", "CMD takes a list of strings only"),
        ("COPY [1]", "unknown", "[1]", "COPY takes a list of strings only"),
        ("COPY a", "copy [\"a\"] to None", "a", "COPY takes a source and a destination"),
        ("COPY a <<E\nE", "copy [\"a\"] to Some(\"<<E\")", "<<E", "the destination of COPY cannot be a here-document"),
        ("ENV a", "unknown", "a", "ENV takes a name and a value"),
        ("ENV a=b c d=e", "env a=b|d=e", "c", "`c` has no `=`, as every pair of ENV must"),
        ("LABEL a=b =c", "label a=b", "=c", "a pair of LABEL has no name"),
        ("SHELL /bin/sh -c", "unknown", "/bin/sh -c", "SHELL takes a JSON list of strings"),
        ("HEALTHCHECK a", "unknown", "a", "HEALTHCHECK takes CMD or NONE"),
        ("HEALTHCHECK CMD", "unknown", "CMD", "HEALTHCHECK CMD has no command"),
        ("HEALTHCHECK NONE a", "healthcheck None", "a", "HEALTHCHECK NONE takes nothing more"),
        ("ONBUILD ONBUILD RUN a", "onbuild unknown", "ONBUILD", "ONBUILD cannot hold ONBUILD"),
        ("ONBUILD MAINTAINER a", "onbuild maintainer a", "MAINTAINER", "ONBUILD cannot hold MAINTAINER"),
        ("FROM a b", "from a as None", "b", "FROM takes an image, and `AS` with a name"),
        ("FROM a AS b c", "from a as Some(\"b\")", "c", "FROM takes nothing after the name of its stage"),
        ("FROM a AS 1b", "from a as Some(\"1b\")", "1b", "`1b` cannot be the name of a stage"),
        ("FROM", "from  as None", "FROM", "FROM names no image"),
        ("RUN <<E\na\n\n", "run Posix { pipefail: false } a", "<<E", "the here-document `E` has no end"),
    ] {
        let text = format!("FROM first\n{line}\nUSER last\n");
        let source = Source::new("Dockerfile", &text);
        let file = parse(&source);
        assert_eq!(all(&file), ["from first as None", meant, "user last"], "{line}");
        let told: Vec<_> = file.faults.iter().map(|fault| (source.slice(fault.span), fault.message.as_str())).collect();
        assert_eq!(told, [(at, fault)], "{line}");
    }
}

#[test]
fn here_documents_are_read_as_buildkit_reads_them() {
    let text = "FROM a\nRUN <<EOT\n#!/usr/bin/env bash\nset -o pipefail; b |\\\n c\n# no comment\nEOT\nRUN <<-'E' cat > /d && e\n\tf \
                $g\n\tE\nCOPY --chmod=755 <<one <<\"two\" /h/\n1\none\n2\ntwo\nONBUILD RUN <<X\ni\nX\nRUN <<P\n#!/usr/bin/python3\nimport \
                os\nP\nRUN <<-T\n\tj <<-U\n\t\tk\n\tU\n\tT\nADD [\"<<V\", \"/\"]\nUSER z";
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    assert_eq!(
        all(&file),
        [
            "from a as None",
            "run Bash { pipefail: false } set b c",
            "run Posix { pipefail: false } cat e",
            "copy [\"<<one\", \"<<\\\"two\\\"\"] to Some(\"/h/\")",
            "onbuild run Posix { pipefail: false } i",
            "run Other ",
            "run Posix { pipefail: false } j",
            "add [\"<<V\"] to Some(\"/\") json",
            "user z",
        ]
    );
    assert_eq!(file.faults, []);
    let documents = |index: usize| {
        let documents = file.instructions[index].heredocs.iter();
        documents
            .map(|it| {
                (source.slice(it.mark), it.name.as_str(), source.slice(it.content), it.strip, it.quoted, it.closed)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(documents(2), [("<<-'E'", "E", "\tf $g\n", true, true, true)]);
    assert_eq!(
        documents(3),
        [("<<one", "one", "1\n", false, false, true), ("<<\"two\"", "two", "2\n", false, true, true)]
    );
    assert_eq!(source.slice(file.instructions[3].span).lines().last(), Some("two"));
    assert_eq!(file.comments.len(), 0, "a line of a here-document is no comment");
    let Body::Run(Command::Shell(shell)) = &file.instructions[1].body else { panic!("it is a RUN") };
    assert_eq!(source.slice(shell.span), source.slice(file.instructions[1].heredocs[0].content));
}

#[test]
fn a_here_document_ends_where_its_name_stands_however_many_there_are() {
    // The first one without an end makes the parser look names up; the others must find theirs all the same.
    let text = "RUN <<NONE\na\nRUN <<E\nb\n\tE\nE\nRUN <<-E\nc\n\tE\nUSER d\n";
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let contents: Vec<_> =
        file.instructions.iter().flat_map(|it| &it.heredocs).map(|it| source.slice(it.content)).collect();
    assert_eq!(contents, ["a\n", "b\n\tE\n", "c\n"]);
    assert_eq!((file.instructions.len(), file.faults.len()), (4, 1));
}

#[test]
fn stages_know_their_base_and_shell() {
    let text = "ARG V=1\nFROM --platform=linux/arm64 a:$V AS One\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN b\nFROM \
                one\nRUN c\nSHELL [\"pwsh\"]\nRUN d | e\nFROM one AS one\nRUN f\nFROM ONE\nFROM two AS two\nRUN g\n";
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let stages: Vec<_> = file
        .stages
        .iter()
        .map(|it| (it.first, it.end, it.image.text.as_str(), it.name.as_ref().map(|name| name.text.as_str()), it.base))
        .collect();
    assert_eq!(
        stages,
        [
            (1, 4, "a:$V", Some("One"), None),
            (4, 8, "one", None, Some(0)),
            (8, 10, "one", Some("one"), Some(0)),
            (10, 11, "ONE", None, Some(2)),
            (11, 13, "two", Some("two"), None),
        ]
    );
    assert_eq!(file.stages[0].platform.as_ref().map(|it| it.text.as_str()), Some("linux/arm64"));
    let runs: Vec<_> = all(&file).into_iter().filter(|it| it.starts_with("run")).collect();
    let bash = "run Bash { pipefail: true }";
    let posix = "run Posix { pipefail: false }";
    assert_eq!(
        runs,
        [format!("{bash} b"), format!("{bash} c"), "run Other ".into(), format!("{bash} f"), format!("{posix} g")]
    );
    assert_eq!(file.instructions[0].stage, None);
    assert_eq!(file.instructions[9].stage, Some(2));
}

#[test]
fn directives_and_comments_are_kept() {
    let text = "\u{feff}# syntax = docker/dockerfile:1 \r\n#escape=`\n# check=skip=all\n# hadolint ignore=DL3006\n  ## b\nFROM a\nRUN c `\n  \
                # shell=d\n\n  C:\\ && e\n#f";
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let directives: Vec<_> = file.directives.iter().map(|it| (it.name.text.as_str(), it.value.text.as_str())).collect();
    assert_eq!(directives, [("syntax", "docker/dockerfile:1"), ("escape", "`"), ("check", "skip=all")]);
    assert_eq!(file.escape, '`');
    assert_eq!(texts(&file.comments), ["hadolint ignore=DL3006", "# b", "shell=d", "f"]);
    assert_eq!(source.slice(file.comments[2].span), "# shell=d");
    assert_eq!(file.instructions[1].rest.text, "c   C:\\ && e");
    assert_eq!(file.faults, []);

    for (text, fault) in [
        ("# escape=x\nFROM a", "`x` cannot be the escape character, only a backslash or a backtick can"),
        ("# syntax=a\n# SYNTAX=b\nFROM a", "the parser directive `SYNTAX` stands here a second time"),
        ("# no\n", "the file holds no instruction"),
    ] {
        let source = Source::new("Dockerfile", text);
        assert_eq!(parse(&source).faults[0].message, fault);
    }
    let late = Source::new("Dockerfile", "\n# escape=`\nFROM a");
    assert_eq!((parse(&late).escape, parse(&late).comments.len()), ('\\', 1));
}

#[test]
fn words_stand_where_they_were_written() {
    let text = "from  a \\\n  as b\nENV x=\"y z\" \\\n    w='v'\nCMD [\"p\", \\\n \"q\"]\nCOPY --from=b  /m \\\n  /n\n";
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let slice = |text: &Text| source.slice(text.span);
    assert_eq!(file.stages[0].name.as_ref().map(slice), Some("b"));
    let Body::Env(pairs) = &file.instructions[1].body else { panic!("it is an ENV") };
    let shown: Vec<_> =
        pairs.iter().map(|it| (source.slice(it.span), slice(&it.key), slice(it.value.as_ref().unwrap()))).collect();
    assert_eq!(shown, [("x=\"y z\"", "x", "\"y z\""), ("w='v'", "w", "'v'")]);
    let Body::Cmd(Command::Exec(words)) = &file.instructions[2].body else { panic!("it is a CMD") };
    assert_eq!(words.iter().map(slice).collect::<Vec<_>>(), ["\"p\"", "\"q\""]);
    let flag = &file.instructions[3].flags[0];
    assert_eq!((source.slice(flag.span), slice(flag.value.as_ref().unwrap())), ("--from=b", "b"));
    assert_eq!(slice(&file.instructions[3].rest), "/m \\\n  /n");
    let places: Vec<_> = file.instructions.iter().map(|it| source.line_column(it.span.start)).collect();
    assert_eq!(places, [(1, 1), (3, 1), (5, 1), (7, 1)]);
}

#[test]
fn the_json_form_is_that_of_conftest() {
    // As conftest 0.71 gives it.
    let text = "# syntax=x\n# one\n#\n# two\nFROM --platform=p a AS b\n # three\nENV k=\"v w\" l=m\nRUN n \\\n # no\n && o\nCMD [\"q\"]\nONBUILD \
                copy r s\nHEALTHCHECK CMD t u\nENTRYPOINT\n";
    let source = Source::new("Dockerfile", text);
    let entry = |cmd: &str, sub: &str, list: bool, flags: serde_json::Value, values: serde_json::Value| serde_json::json!({ "Cmd": cmd, "SubCmd": sub, "JSON": list, "Flags": flags, "Value": values, "Stage": 0 });
    let null = serde_json::Value::Null;
    let none = serde_json::json!([]);
    let expected = serde_json::json!([[
        entry("comment", "", false, null.clone(), serde_json::json!(["two"])),
        entry("from", "", false, serde_json::json!(["--platform=p"]), serde_json::json!(["a", "AS", "b"])),
        entry("comment", "", false, null.clone(), serde_json::json!(["# three"])),
        entry("env", "", false, none.clone(), serde_json::json!(["k", "\"v w\"", "=", "l", "m", "="])),
        entry("run", "", false, none.clone(), serde_json::json!(["n  && o"])),
        entry("cmd", "", true, none.clone(), serde_json::json!(["q"])),
        entry("onbuild", "copy", false, none.clone(), serde_json::json!(["r", "s"])),
        entry("healthcheck", "", false, none.clone(), serde_json::json!(["CMD", "t u"])),
        entry("entrypoint", "", false, null.clone(), null),
    ]]);
    assert_eq!(plimsoll_checks::dockerfile::json(&parse(&source)), expected);
}

#[test]
fn large_files_are_read_in_part_and_it_is_told() {
    use plimsoll_checks::dockerfile::parse::{MAX_FAULTS, MAX_FILE, MAX_INSTRUCTIONS};
    let line = "USER a\n";
    let many = line.repeat(MAX_INSTRUCTIONS + 1);
    let source = Source::new("Dockerfile", &many);
    let file = parse(&source);
    assert_eq!((file.instructions.len(), file.faults.len()), (MAX_INSTRUCTIONS, 1));
    assert_eq!(source.slice(file.faults[0].span), line);

    let long = format!("USER a\nRUN {}\nUSER b\n", "ç".repeat(MAX_FILE / 2));
    let source = Source::new("Dockerfile", &long);
    let file = parse(&source);
    assert_eq!((all(&file), file.faults.len()), (vec!["user a".to_owned()], 1));

    let broken = "x\n".repeat(MAX_FAULTS * 2);
    let source = Source::new("Dockerfile", &broken);
    let file = parse(&source);
    assert_eq!((file.instructions.len(), file.faults.len()), (MAX_FAULTS * 2, MAX_FAULTS + 1));
}

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
