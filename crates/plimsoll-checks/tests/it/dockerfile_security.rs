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
