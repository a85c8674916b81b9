//! Dockerfile rules beyond those that other linters have: what fires, what does not, and where.

use plimsoll_checks::dockerfile::{Options, RULES, parse};
use plimsoll_checks::source::Source;

/// What one rule says of a file: the texts at fault.
fn said(rule: &str, text: &str) -> Vec<String> {
    let rule = RULES.iter().find(|one| one.info.id == rule).unwrap_or_else(|| panic!("no rule {rule}"));
    let source = Source::new("Dockerfile", text);
    let mut found = Vec::new();
    (rule.check)(&parse(&source), &Options::default(), &mut found);
    found.iter().map(|one| source.slice(one.span).to_owned()).collect()
}

/// Files below one base that runs as a user.
fn on(line: &str) -> String {
    format!("FROM debian:13-slim\n{line}\nUSER 10001\n")
}

#[test]
fn download_that_is_run_as_it_comes_is_found_in_every_spelling() {
    for bad in [
        "RUN curl -sSL https://x.example/i | bash -s -- --yes",
        "RUN wget -qO- https://x.example/i | tee /tmp/i | sudo -E sh",
        "RUN set -eux; (curl https://x.example/i | python3 -)",
        "RUN bash <(curl -s https://x.example/i)",
        "RUN sh -c \"$(curl -fsSL https://x.example/i)\"",
        "RUN eval \"$(wget -qO- https://x.example/i)\"",
        "RUN if true; then curl x | sh; fi",
        "ONBUILD RUN curl x | sh",
        "RUN [\"sh\", \"-c\", \"set -e; curl x | sh\"]",
    ] {
        assert_eq!(said("download-piped-to-shell", &on(bad)).len(), 1, "{bad}");
    }
    for good in [
        "RUN curl -fsSLo i https://x.example/i && echo 'ab  i' | sha256sum -c && sh i",
        "RUN curl https://x.example/a.tar.gz | tar -xz",
        "RUN echo curl | sh",
        "RUN cat list | sh && curl x",
        "RUN VERSION=\"$(curl -s https://x.example/version)\" && echo \"$VERSION\"",
    ] {
        assert_eq!(said("download-piped-to-shell", &on(good)), [""; 0], "{good}");
    }
}

#[test]
fn switches_of_tls_are_found_and_their_neighbours_are_not() {
    for (bad, at) in [
        ("RUN curl -fsSkL https://x.example/a -o a", "-fsSkL"),
        ("RUN curl --insecure https://x.example/a", "--insecure"),
        ("RUN wget --no-check-certificate https://x.example/a", "--no-check-certificate"),
        ("RUN git -c http.sslVerify=false clone https://x.example/a", "http.sslVerify=false"),
        ("RUN git config --global http.sslVerify false", "http.sslVerify false"),
        ("RUN npm config set strict-ssl false", "strict-ssl false"),
        ("RUN pip install --trusted-host x.example a==1", "--trusted-host"),
        ("RUN python3 -m pip install --trusted-host=x.example a==1", "--trusted-host=x.example"),
        ("RUN yum -y --setopt=sslverify=false install a-1", "--setopt=sslverify=false"),
        ("RUN apt-get -o Acquire::https::Verify-Peer=false update", "Acquire::https::Verify-Peer=false"),
        ("ENV NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_TLS_REJECT_UNAUTHORIZED=0"),
        ("RUN GIT_SSL_NO_VERIFY=true git clone https://x.example/a", "GIT_SSL_NO_VERIFY=true"),
        ("ONBUILD RUN GIT_SSL_NO_VERIFY=true git clone https://x.example/a", "GIT_SSL_NO_VERIFY=true"),
        ("ONBUILD ENV PYTHONHTTPSVERIFY=0", "PYTHONHTTPSVERIFY=0"),
    ] {
        assert_eq!(said("tls-verification-off", &on(bad)), [at], "{bad}");
    }
    for good in [
        "RUN curl -fsSLo k https://x.example/a",
        "RUN curl -H 'X-k: k' -ok https://x.example/a",
        "ENV NODE_TLS_REJECT_UNAUTHORIZED=1",
        "RUN npm config set strict-ssl true",
        "RUN git config --global http.sslVerify true",
        "RUN grep -k a",
    ] {
        assert_eq!(said("tls-verification-off", &on(good)), [""; 0], "{good}");
    }
}

#[test]
fn packages_without_signatures_are_found() {
    for bad in [
        "RUN apt-get install -y --allow-unauthenticated a=1",
        "RUN sudo apt-get install -y --force-yes a=1",
        "RUN apk add --allow-untrusted a.apk",
        "RUN dnf install -y --nogpgcheck a-1",
        "RUN echo 'deb [trusted=yes] https://x.example stable main' > /etc/apt/sources.list.d/x.list",
        "RUN sed -i 's/gpgcheck=1/gpgcheck=0/' /etc/yum.repos.d/x.repo",
        "RUN rpm -i --nosignature a.rpm",
    ] {
        assert_eq!(said("unsigned-packages", &on(bad)).len(), 1, "{bad}");
    }
    for good in ["RUN apt-get install -y a=1", "RUN echo --nogpgcheck", "RUN apt-get install -y nogpgcheck=1"] {
        assert_eq!(said("unsigned-packages", &on(good)), [""; 0], "{good}");
    }
}

#[test]
fn base_of_the_final_stage_counts_and_no_other() {
    for (text, count) in [
        ("FROM ubuntu:24.04\n", 1),
        ("FROM docker.io/library/debian:13\n", 1),
        ("FROM python:3.12\n", 1),
        ("FROM mcr.microsoft.com/dotnet/sdk:9.0\n", 1),
        ("FROM ubuntu:24.04 AS base\nFROM base\n", 1),
        ("FROM ubuntu:24.04 AS build\nFROM debian:13-slim\n", 0),
        ("FROM python:3.12-slim\n", 0),
        ("FROM eclipse-temurin:21-jre\n", 0),
        ("FROM example.com/acme/sdk:1\n", 0),
        ("FROM gcr.io/distroless/base\n", 0),
        ("ARG B\nFROM $B\n", 0),
        ("FROM scratch\n", 0),
        ("", 0),
    ] {
        assert_eq!(said("full-os-base", text).len(), count, "{text}");
    }
}

#[test]
fn single_stage_that_compiles_is_found_where_it_runs_something() {
    for (text, at) in [
        ("FROM golang:1.23\nRUN CGO_ENABLED=0 go build -o /a .\nCMD [\"/a\"]\n", vec!["go build -o /a ."]),
        ("FROM node:22\nRUN npm ci && npm run build\nCMD [\"node\", \"a\"]\n", vec!["npm run build"]),
        ("FROM maven:3 AS b\nRUN mvn -B package\nFROM b\nENTRYPOINT [\"java\"]\n", vec!["mvn -B package"]),
        ("FROM golang:1.23\nRUN go build -o /a .\n", vec![]),
        ("FROM golang:1.23 AS b\nRUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /a\nCMD [\"/a\"]\n", vec![]),
        ("FROM node:22\nRUN npm ci --omit=dev\nCMD [\"node\", \"a\"]\n", vec![]),
    ] {
        assert_eq!(said("single-stage-build", text), at, "{text}");
    }
}

#[test]
fn root_is_told_by_what_the_final_image_rests_on() {
    for (text, count) in [
        ("FROM debian:13-slim\n", 1),
        ("FROM a:1 AS x\nUSER 1\nFROM b:1\n", 1),
        ("FROM a:1 AS x\nUSER 1\nFROM x\n", 0),
        ("FROM gcr.io/distroless/static:nonroot\n", 0),
        ("FROM cgr.dev/chainguard/static\n", 0),
        ("FROM nginxinc/nginx-unprivileged:1.27\n", 0),
        ("FROM scratch\n", 1),
        ("FROM $BASE\n", 0),
    ] {
        assert_eq!(said("user-missing", text).len(), count, "{text}");
    }
}

#[test]
fn tools_that_are_taken_away_again_are_not_left_behind() {
    for (line, at) in [
        ("RUN apt-get update && apt-get install -y gcc=1 make vim", vec!["gcc=1"]),
        ("RUN apk add --no-cache --virtual .build gcc && make && apk del .build", vec![]),
        ("RUN apt-get install -y gcc && apt-get purge -y gcc", vec![]),
        ("RUN apt-get install -y $DEPS gcc && apt-get purge -y $DEPS", vec![]),
        ("RUN apt-get install -y openjdk-21-jre-headless", vec![]),
        ("RUN apt-get install -y openjdk-21-jdk-headless", vec!["openjdk-21-jdk-headless"]),
    ] {
        assert_eq!(said("build-tool-left-behind", &on(line)), at, "{line}");
    }
    assert_eq!(said("debug-tool-left-behind", &on("RUN apk add vim curl strace")), ["vim"]);
    assert_eq!(said("build-tool-left-behind", "FROM a:1 AS b\nRUN apk add gcc\nFROM a:1\n"), [""; 0]);
}

#[test]
fn secrets_are_found_by_what_they_are_and_shown_by_their_beginning() {
    let key = format!("ghp_{}", "x7Kp2mQ9vR4tY8wZ1aB3cD5eF6gH0jL2nM4p");
    for line in [
        format!("ENV TOKEN={key}"),
        format!("ARG TOKEN=\"{key}\""),
        format!("RUN git clone https://x:{key}@github.com/acme/a"),
        format!("ONBUILD ENV A={key}"),
    ] {
        let text = on(&line);
        let found = said("secret-in-dockerfile", &text);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains(&key), "{line}: {found:?}");
    }
    for good in ["ENV TOKEN=$TOKEN", "ARG TOKEN", "ENV PASSWORD=changeme", "ENV KEY_FILE=/run/secrets/key"] {
        assert_eq!(said("secret-in-dockerfile", &on(good)), [""; 0], "{good}");
    }
    for (line, count) in [
        ("COPY id_rsa /k", 1),
        ("COPY deploy/.env .netrc /a/", 2),
        ("ADD server.key /k", 1),
        ("COPY .git /src/.git", 1),
        ("COPY .env.example /a/", 0),
        ("COPY --from=build /root/.netrc /a/", 0),
        ("COPY keyboard /k", 0),
    ] {
        assert_eq!(said("secret-file-copied", &on(line)).len(), count, "{line}");
    }
}

#[test]
fn state_ports_lists_modes_and_upgrades() {
    for (rule, line, count) in [
        ("state-in-image", "COPY shop.db /var/lib/", 1),
        ("state-in-image", "RUN mysqld --initialize-insecure", 1),
        ("state-in-image", "VOLUME /data\nRUN mkdir -p /data/x", 1),
        ("state-in-image", "RUN mkdir -p /data/x\nVOLUME /data", 0),
        ("state-in-image", "VOLUME /data\nRUN mkdir -p /database", 0),
        ("ssh-port-exposed", "EXPOSE 80 22/tcp", 1),
        ("ssh-port-exposed", "EXPOSE 2222", 0),
        ("package-lists-updated-alone", "RUN apt-get update", 1),
        ("package-lists-updated-alone", "RUN apt-get -qq update && rm -rf /x", 1),
        ("package-lists-updated-alone", "RUN apt-get update && ./install.sh", 0),
        ("package-lists-updated-alone", "RUN --mount=type=cache,target=/var/lib/apt apt-get update", 0),
        ("distribution-upgrade", "RUN apt-get update && apt-get dist-upgrade -y", 1),
        ("distribution-upgrade", "RUN apt-get update && apt-get upgrade -y", 0),
        ("world-writable-path", "RUN chmod -R 0777 /a", 1),
        ("world-writable-path", "RUN chmod a+rwx /a", 1),
        ("world-writable-path", "COPY --chmod=666 a /a", 1),
        ("world-writable-path", "RUN chmod 1777 /a && chmod 777 /tmp && chmod o-w /a && chmod u+w /a", 0),
        ("remote-file-unchecked", "ADD https://x.example/a.tgz /a", 1),
        ("remote-file-unchecked", "ADD https://github.com/acme/a.git#v1 /a", 0),
        ("writable-etc", "RUN chmod a-w /etc", 0),
        ("shell-left-behind", "RUN rm -rf /bin/*", 0),
    ] {
        assert_eq!(said(rule, &on(line)).len(), count, "{rule}: {line}");
    }
}

/// What the linter says with these rules, and the codes that hadolint's users get.
fn lines(text: &str, select: &[&str]) -> Vec<String> {
    let selection = plimsoll_checks::lint::Selection {
        select: select.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    let options = plimsoll_checks::lint::Options { selection, inline_ignores: true, ..Default::default() };
    let input = plimsoll_checks::lint::Input { path: "Dockerfile", text, kind: plimsoll_model::FileKind::Dockerfile };
    let file = plimsoll_checks::lint::lint(&[input], &options).unwrap().remove(0);
    file.findings.iter().map(|found| found.finding.rule.clone()).collect()
}

#[test]
fn each_fault_is_said_once_and_by_the_rule_that_knows_most() {
    for (text, select, said) in [
        ("FROM a:1\nUSER root\n", &["DL3002", "DL3066"][..], "last-user-root"),
        ("FROM a:1\nUSER root\n", &["DL3066"], "user-by-name"),
        ("FROM a:1\nONBUILD FROM b\n", &["DL3043", "DL1000"], "onbuild-cannot-hold"),
        ("FROM a:1\nCMD [1]\n", &["DL3025", "DL1000"], "not-understood"),
        ("FROM a:1\nRUN apt-get update\n", &["DL3009", "DS-0017"], "package-lists-updated-alone"),
        ("FROM a:1\nENV DB_PASSWORD=tK8-pq2.Vw9xLm4\n", &["DS-0031"], "secret-in-dockerfile"),
        ("FROM a:1\nENV DB_PASSWORD \"tK8-pq2.Vw9xLm4\"\n", &["DS-0031"], "secret-in-dockerfile"),
        ("FROM a:1\nARG DB_PASSWORD=hunter2\n", &["DS-0031"], "secret-in-variable"),
        ("FROM a:1\nARG DB_PASSWORD\n", &["DS-0031"], "secret-in-variable"),
    ] {
        assert_eq!(lines(text, select), [said], "{text}");
    }
    // An ignore of the one is no invitation to the other.
    let text = "FROM a:1\n# plimsoll: allow last-user-root the supervisor drops it\nUSER root\n";
    assert_eq!(lines(text, &["DL3002", "DL3066"]), [""; 0]);
    // Two variables are two faults.
    let text = "FROM a:1\nENV A_TOKEN=$X DB_PASSWORD=tK8-pq2.Vw9xLm4\n";
    assert_eq!(lines(text, &["DS-0031"]), ["secret-in-variable", "secret-in-dockerfile"]);
}

#[test]
fn what_is_no_fault_is_left_to_those_who_ask_as_hadolint_does() {
    for (rule, good) in [
        ("last-user-root", "FROM a:1 AS build\nUSER root\nFROM b:1\nUSER 1\n"),
        ("secret-in-variable", "FROM a:1\nENV GITHUB_TOKEN= PASSWORD_MIN_LENGTH=8 TOKENIZERS_PARALLELISM=false\n"),
        ("secret-in-variable", "FROM a:1\nENV TOKEN=\"\" SECRET_NAME=web\n"),
        ("shell-form-command", "FROM a:1\nHEALTHCHECK CMD curl -f http://localhost/ || exit 1\n"),
        ("apk-cache-kept", "FROM a:1\nRUN apk add -U curl~8 && rm -rf /var/cache/apk/*\n"),
    ] {
        assert_eq!(said(rule, good), [""; 0], "{good}");
        let rule = RULES.iter().find(|one| one.info.id == rule).unwrap();
        let source = Source::new("Dockerfile", good);
        let mut found = Vec::new();
        (rule.check)(&parse(&source), &Options { as_hadolint: true, ..Options::default() }, &mut found);
        assert!(!found.is_empty(), "{good}");
    }
    assert_eq!(said("last-user-root", "FROM a:1 AS base\nUSER 0\nFROM base\nRUN a\n"), ["0"]);
    assert_eq!(said("secret-in-variable", "FROM a:1\nENV TOKEN=12345 API_KEY=x\n").len(), 2);
    // hadolint takes any `rm -rf` for the lists'.
    assert_eq!(said("apt-lists-left-behind", "FROM a:1\nRUN apt-get update && rm -rf /tmp/x\n"), ["apt-get update"]);
    assert_eq!(said("apt-lists-left-behind", "FROM a:1\nRUN apt-get update && rm -r /var/lib/apt/lists/*\n"), [""; 0]);
}

#[test]
fn lists_that_a_later_install_needs_are_not_removed() {
    let fixes = |text: &str| {
        let rule = RULES.iter().find(|one| one.info.id == "apt-lists-left-behind").unwrap();
        let source = Source::new("Dockerfile", text);
        let mut found = Vec::new();
        (rule.check)(&parse(&source), &Options::default(), &mut found);
        found.iter().map(|one| one.fix.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(fixes("FROM a:1\nRUN apt-get update\nRUN apt-get -y install b\n"), [false]);
    assert_eq!(fixes("FROM a:1\nRUN apt-get update && apt-get install b\nRUN apt-get -y -t x install b\n"), [false]);
    assert_eq!(fixes("FROM a:1\nRUN apt-get update && apt-get install b\nRUN make\n"), [true]);
    let both = "RUN apt-get update && apt-get install b\n";
    assert_eq!(fixes(&format!("FROM a:1\n{both}{both}")), [true, true]);
}

#[test]
fn a_compiler_that_goes_in_the_same_run_is_not_shipped() {
    let file = |run: &str| format!("FROM alpine:3.22\nRUN {run}\nUSER 1\nCMD [\"/a\"]\n");
    assert_eq!(said("single-stage-build", &file("apk add --virtual .b gcc && make && apk del .b")), [""; 0]);
    assert_eq!(said("single-stage-build", &file("apk add gcc && make")), ["make"]);
}

#[test]
fn a_stage_is_copied_from_by_its_number_too() {
    let text = "FROM a:1\nFROM b:1\nCOPY --from=0 /a /a\nCOPY --from=1 /a /b\n";
    assert_eq!(said("copy-from-own-stage", text), ["1"]);
}

#[test]
fn what_is_below_a_volume_is_found_by_its_folders() {
    let file = |run: &str| format!("FROM a:1\nVOLUME /data /var/lib/x/\nRUN {run}\nUSER 1\n");
    for (run, at) in
        [("touch /data/a/b", "/data/a/b"), ("chown a /data/", "/data/"), ("mkdir /var/lib/x", "/var/lib/x")]
    {
        assert_eq!(said("state-in-image", &file(run)), [at]);
    }
    for run in ["touch /database", "touch /var/lib/y", "touch /", "touch data"] {
        assert_eq!(said("state-in-image", &file(run)), [""; 0], "{run}");
    }
}

#[test]
fn a_java_that_only_runs_is_no_build_tool() {
    let kept = |package: &str| said("build-tool-left-behind", &on(&format!("RUN dnf install -y {package}"))).len();
    for package in ["openjdk-21-jdk-headless", "openjdk21", "java-21-openjdk-devel", "default-jdk"] {
        assert_eq!(kept(package), 1, "{package}");
    }
    for package in ["openjdk-21-jre", "openjdk21-jre-headless", "java-1.8.0-openjdk", "java-21-openjdk-headless"] {
        assert_eq!(kept(package), 0, "{package}");
    }
}
