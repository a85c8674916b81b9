//! The Dockerfile rules: each over its own examples and over cases that are awkward, with what their fixes make of a file.

use plimsoll_checks::dockerfile::{LabelForm, Options, RULES, Rule, parse};
use plimsoll_checks::source::{Found, Source};

/// What a rule finds in a text.
fn found(rule: &Rule, text: &str, options: &Options) -> Vec<Found> {
    let source = Source::new("Dockerfile", text);
    let file = parse(&source);
    let mut found = Vec::new();
    (rule.check)(&file, options, &mut found);
    found
}

fn rule(code: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.info.aliases.contains(&code)).unwrap_or_else(|| panic!("no rule {code}"))
}

/// The project that the examples of a rule are of.
fn options(rule: &Rule) -> Options {
    let form = match rule.info.aliases.first().copied().unwrap_or_default() {
        "DL3049" | "DL3050" => None,
        "DL3051" => Some(LabelForm::Text),
        "DL3052" => Some(LabelForm::Url),
        "DL3053" => Some(LabelForm::Rfc3339),
        "DL3054" => Some(LabelForm::Spdx),
        "DL3055" => Some(LabelForm::Hash),
        "DL3056" => Some(LabelForm::Semver),
        "DL3058" => Some(LabelForm::Email),
        "DL3026" => return Options { trusted_registries: vec!["registry.example.com".into()], ..Options::default() },
        _ => return Options::default(),
    };
    let (name, form) = form.map_or(("version", LabelForm::Text), |form| ("it", form));
    Options { label_schema: [(name.to_owned(), form)].into(), strict_labels: true, ..Options::default() }
}

/// A text with all edits of all fixes.
fn mended(text: &str, found: &[Found]) -> String {
    let mut edits: Vec<_> =
        found.iter().filter_map(|found| found.fix.as_ref()).flat_map(|fix| fix.edits.clone()).collect();
    edits.sort();
    edits.dedup();
    let mut out = text.to_owned();
    for edit in edits.iter().rev() {
        out.replace_range(edit.start..edit.end, &edit.text);
    }
    out
}

#[test]
fn each_rule_finds_its_bad_example_and_not_its_good_one() {
    for rule in RULES {
        let options = options(rule);
        for (text, bad) in [(rule.info.bad, true), (rule.info.good, false)] {
            let found = found(rule, text, &options);
            assert_eq!(!found.is_empty(), bad, "{}: {text}{found:?}", rule.info.id);
            for one in &found {
                assert!(one.span.end <= text.len() && text.is_char_boundary(one.span.start), "{}", rule.info.id);
                assert!(!one.message.ends_with('.') && !one.message.contains('\n'), "{}", one.message);
            }
        }
    }
}

#[test]
fn ids_are_words_and_stand_once() {
    let mut seen = std::collections::HashSet::new();
    for rule in RULES {
        let id = rule.info.id;
        assert!(seen.insert(id), "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{id}");
        assert!(!rule.info.aliases.is_empty() && !rule.info.remedy.ends_with('.'), "{id}");
    }
}

#[test]
fn fixes_leave_the_rest_as_it_is_and_then_nothing_is_found() {
    for (code, text, want) in [
        ("DL3029", "FROM  --platform=linux/amd64  debian:1 AS a\n", "FROM  debian:1 AS a\n"),
        ("DL3065", "FROM --platform=$TARGETPLATFORM debian:1\n", "FROM debian:1\n"),
        ("DL3030", "FROM a:1\nRUN yum -q install x # c\n", "FROM a:1\nRUN yum -q install -y x # c\n"),
        ("DL3034", "FROM a:1\nRUN zypper in x\n", "FROM a:1\nRUN zypper in -y x\n"),
        (
            "DL3038",
            "FROM a:1\nRUN x && \\\n  # c\n  dnf install \\\n  y\n",
            "FROM a:1\nRUN x && \\\n  # c\n  dnf install -y \\\n  y\n",
        ),
        ("DL3032", "FROM a:1\nRUN yum install -y x\n", "FROM a:1\nRUN yum install -y x && yum clean all\n"),
        (
            "DL3040",
            "FROM a:1\nRUN a \\\n    && dnf install -y x\n",
            "FROM a:1\nRUN a \\\n    && dnf install -y x \\\n    && dnf clean all\n",
        ),
        ("DL3036", "FROM a:1\nRUN zypper -n in x; y\n", "FROM a:1\nRUN zypper -n in x; y && zypper clean\n"),
        (
            "DL3042",
            "FROM a:1\nRUN pip install x && python3 -m pip install y\n",
            "FROM a:1\nRUN pip install --no-cache-dir x && python3 -m pip install --no-cache-dir y\n",
        ),
        ("DL3046", "FROM a:1\nRUN useradd -u 123456 x\n", "FROM a:1\nRUN useradd -l -u 123456 x\n"),
        ("DL3047", "FROM a:1\nRUN wget x\n", "FROM a:1\nRUN wget --progress=dot:giga x\n"),
        ("DL3059", "FROM a:1\nRUN a\n\nRUN b\nRUN c\n", "FROM a:1\nRUN a && \\\n    b && \\\n    c\n"),
        ("DL3060", "FROM a:1\nRUN yarn install\n", "FROM a:1\nRUN yarn install && yarn cache clean\n"),
        (
            "DL4000",
            "FROM a:1\nMAINTAINER A <a@b.c>\n",
            "FROM a:1\nLABEL org.opencontainers.image.authors=\"A <a@b.c>\"\n",
        ),
        (
            "DL4006",
            "FROM a:1\nRUN a | b\n",
            "FROM a:1\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b\n",
        ),
        (
            "DL4006",
            "FROM a:1\nSHELL [\"bash\", \"-c\"]\nRUN a | b\n",
            "FROM a:1\nSHELL [\"bash\", \"-c\"]\nRUN set -o pipefail && a | b\n",
        ),
    ] {
        let rule = rule(code);
        let out = mended(text, &found(rule, text, &Options::default()));
        assert_eq!(out, want, "{code}");
        assert!(found(rule, &out, &Options::default()).is_empty(), "{code}: {out}");
    }
}

#[test]
fn where_a_fix_would_not_fit_there_is_none() {
    for (code, text) in [
        ("DL3038", "FROM a:1\nRUN [\"dnf\", \"install\", \"x\"]\n"),
        ("DL3040", "FROM a:1\nRUN dnf install -y x || true\n"),
        ("DL3042", "FROM a:1\nRUN [\"pip\", \"install\", \"x\"]\n"),
        ("DL3059", "FROM a:1\nRUN a\n# why\nRUN b\n"),
        ("DL4000", "FROM a:1\nMAINTAINER \"$A\" b\n"),
    ] {
        let found = found(rule(code), text, &Options::default());
        assert!(found.len() == 1 && found[0].fix.is_none(), "{code}: {found:?}");
    }
}

#[test]
fn pip_is_seen_wherever_it_stands_and_its_variable_where_it_holds() {
    for (text, lines) in [
        ("RUN x\nFROM a:1\nRUN pip install x\n", &[3][..]),
        (
            "FROM a:1 AS a\nENV PIP_NO_CACHE_DIR=yes\nRUN pip install x\nFROM a\nRUN pip install x\nFROM b:1\nRUN pip install x\n",
            &[7],
        ),
        ("FROM a:1\nENV PIP_NO_CACHE_DIR=off\nRUN pip install x\nRUN PIP_NO_CACHE_DIR=1 pip install y\n", &[3]),
        ("FROM a:1\nONBUILD ENV PIP_NO_CACHE_DIR=1\nONBUILD RUN pip install x\nRUN pip install y\n", &[4]),
        ("FROM a:1\nRUN --mount=type=cache,target=/root/.cache/pip pip install x\n", &[]),
        ("FROM a:1\nRUN --mount=type=cache,target=/x pip install x\n", &[2]),
    ] {
        let source = Source::new("f", text);
        let found = found(rule("DL3042"), text, &Options::default());
        let at: Vec<u32> = found.iter().map(|found| source.line(found.span.start)).collect();
        assert_eq!(at, lines, "{text}");
    }
}

#[test]
fn labels_are_asked_of_what_is_shipped() {
    let options =
        Options { label_schema: [("a".to_owned(), LabelForm::Text)].into(), strict_labels: true, ..Options::default() };
    for (text, lines) in [
        ("FROM x:1 as a\nFROM y:1\n", &[1, 2][..]),
        ("FROM x:1 as a\nLABEL a=b\nFROM a as b\nFROM b\n", &[]),
        ("FROM x:1 as a\nFROM a\nLABEL a=b\n", &[]),
        ("FROM x:1 as a\nFROM y:1\nCOPY --from=a b c\n", &[2]),
        ("FROM x:1\nONBUILD LABEL a=b\n", &[1]),
    ] {
        let source = Source::new("f", text);
        let found = found(rule("DL3049"), text, &options);
        let at: Vec<u32> = found.iter().map(|found| source.line(found.span.start)).collect();
        assert_eq!(at, lines, "{text}");
    }
}

#[test]
fn ten_thousand_instructions_cost_each_rule_little() {
    let mut text = String::from("FROM a:1 AS s0\n");
    for i in 1..1_000 {
        text.push_str(&format!(
            "FROM s{} AS s{i}\nENV A{i}=1 B=$A{i}\nRUN dnf install x | y\nCOPY --from=s0 a b\nLABEL l{i}=x\n",
            i - 1
        ));
    }
    text.push_str("RUN ");
    text.push_str(&"pip install x && \\\n".repeat(5_000));
    text.push_str("true\n");
    let source = Source::new("f", &text);
    let file = parse(&source);
    let options = Options { label_schema: [("a".to_owned(), LabelForm::Text)].into(), ..Options::default() };
    for rule in RULES {
        let start = std::time::Instant::now();
        let mut found = Vec::new();
        (rule.check)(&file, &options, &mut found);
        assert!(start.elapsed().as_secs() < 10, "{}: {:?}", rule.info.id, start.elapsed());
    }
}
