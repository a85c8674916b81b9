//! The Dockerfile parser: every instruction, recovery, places.

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
