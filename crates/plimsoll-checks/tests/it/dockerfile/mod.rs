//! The Dockerfile parser: every instruction, recovery, places.

mod any;

use plimsoll_checks::dockerfile::ast::{Body, Command, Dockerfile, Instruction, Pair, Text};
use plimsoll_checks::dockerfile::parse;
use plimsoll_checks::source::Source;

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
