//! What the fixes of Dockerfile rules make of a file, and where there is none.

use plimsoll_checks::dockerfile::{self, Options, RULES, Rule};
use plimsoll_checks::source::{Found, Source};

fn findings<'a>(rules: impl IntoIterator<Item = &'a &'static Rule>, text: &str, options: &Options) -> Vec<Found> {
    let source = Source::new("Dockerfile", text);
    let file = dockerfile::parse(&source);
    let mut found = Vec::new();
    for rule in rules {
        (rule.check)(&file, options, &mut found);
    }
    found
}

/// What an example says of its project: `# trusted: registry`.
fn example_options(text: &str) -> Options {
    let trusted = text.lines().filter_map(|line| line.strip_prefix("# trusted: "));
    Options { trusted_registries: trusted.map(str::to_owned).collect(), ..Options::default() }
}

fn of_rule(rule: &'static Rule, text: &str) -> Vec<Found> {
    findings([&rule], text, &example_options(text))
}

/// The text with a finding's fix.
fn fixed(text: &str, found: &Found) -> Option<String> {
    let fix = found.fix.as_ref()?;
    let mut out = text.to_owned();
    for edit in fix.edits.iter().rev() {
        out.replace_range(edit.start..edit.end, &edit.text);
    }
    Some(out)
}

#[test]
fn fixes_take_their_fault_away_and_leave_a_file_that_is_read() {
    let all = RULES.iter().flat_map(|rule| of_rule(rule, rule.info.bad).into_iter().map(move |found| (rule, found)));
    let mut fixes = 0;
    for (rule, found) in all {
        let Some(text) = fixed(rule.info.bad, &found) else { continue };
        fixes += 1;
        let left = of_rule(rule, &text);
        let before = of_rule(rule, rule.info.bad).len();
        assert!(left.len() < before, "{}: still there in {text}: {left:?}", rule.info.id);
        let source = Source::new("Dockerfile", &text);
        assert!(dockerfile::parse(&source).faults.is_empty(), "{}: {text}", rule.info.id);
    }
    assert!(fixes > 10, "{fixes} fixes only");
}

#[test]
fn fixes_keep_the_style_of_the_file() {
    for (id, before, after) in [
        ("apt-asks", "RUN apt-get install curl", "RUN apt-get install -y curl"),
        ("apt-asks", "RUN [\"apt-get\", \"install\", \"curl\"]", "RUN [\"apt-get\", \"install\", \"-y\", \"curl\"]"),
        (
            "apt-asks",
            "RUN [\"sh\", \"-c\", \"true && apt-get install curl\"]",
            "RUN [\"sh\", \"-c\", \"true && apt-get install -y curl\"]",
        ),
        (
            "apt-asks",
            "RUN apt-get install \\\n    # tools\n    curl",
            "RUN apt-get install -y \\\n    # tools\n    curl",
        ),
        ("apk-cache-kept", "ONBUILD RUN apk add curl", "ONBUILD RUN apk add --no-cache curl"),
        ("apt-lists-left-behind", "RUN apt-get update", "RUN apt-get update && rm -rf /var/lib/apt/lists/*"),
        (
            "apt-lists-left-behind",
            "RUN apt-get update \\\n && apt-get install a \\\n    b # why\nUSER a",
            "RUN apt-get update \\\n && apt-get install a \\\n    b \\\n && rm -rf /var/lib/apt/lists/* # why\nUSER a",
        ),
        (
            "apt-lists-left-behind",
            "RUN <<EOF\nset -e\napt-get update\nEOF\n",
            "RUN <<EOF\nset -e\napt-get update\nrm -rf /var/lib/apt/lists/*\nEOF\n",
        ),
        ("apt-in-script", "RUN apt install -y a && true", "RUN apt-get install -y a && true"),
        ("apt-in-script", "RUN apt show a", "RUN apt-cache show a"),
        ("add-instead-of-copy", "add a /b", "copy a /b"),
        ("add-instead-of-copy", "ONBUILD COPY a /b\nADD --chown=1:1 a /b", "ONBUILD COPY a /b\nCOPY --chown=1:1 a /b"),
        ("copy-target-without-slash", "COPY a b /c", "COPY a b /c/"),
        ("copy-target-without-slash", "COPY a b \"/c\"", "COPY a b \"/c/\""),
        ("copy-target-without-slash", "COPY [\"a\", \"b\", \"/c\"]", "COPY [\"a\", \"b\", \"/c/\"]"),
        ("relative-workdir", "WORKDIR /a\nWORKDIR bc", "WORKDIR /a\nWORKDIR /a/bc"),
        ("relative-workdir", "WORKDIR /\nWORKDIR bc", "WORKDIR /\nWORKDIR /bc"),
        ("sudo-used", "RUN a && sudo  make", "RUN a && make"),
        ("shell-form-command", "CMD a 'b c' \\\n  d", "CMD [\"a\", \"b c\", \"d\"]"),
    ] {
        let rule = RULES.iter().find(|rule| rule.info.id == id).unwrap_or_else(|| panic!("{id}"));
        let head = "FROM debian:12\n";
        let text = format!("{head}{before}");
        let found = of_rule(rule, &text);
        let found = found.first().unwrap_or_else(|| panic!("{id}: nothing found in {before}"));
        let fixed = fixed(&text, found).unwrap_or_else(|| panic!("{id}: no fix for {before}"));
        assert_eq!(fixed, format!("{head}{after}"), "{id}");
    }
}

#[test]
fn what_cannot_be_mended_surely_has_no_fix() {
    for (id, text) in [
        ("add-instead-of-copy", "ADD $SRC /a"),
        ("add-instead-of-copy", "ADD git@example.com:a/b.git /a"),
        ("add-instead-of-copy", "ADD --checksum=sha256:00 a /a"),
        ("add-instead-of-copy", "ADD a* /a"),
        ("add-instead-of-copy", "ADD a.tar b /a/"),
        ("apt-lists-left-behind", "RUN apt-get update || true"),
        ("apt-lists-left-behind", "RUN apt-get update &"),
        ("apt-in-script", "RUN apt list"),
        ("relative-workdir", "WORKDIR a"),
        ("relative-workdir", "WORKDIR /a\nWORKDIR ../b"),
        ("relative-workdir", "WORKDIR $A\nWORKDIR b"),
        ("sudo-used", "RUN sudo -u a make"),
        ("shell-form-command", "CMD a $B"),
        ("shell-form-command", "CMD a && b"),
        ("shell-form-command", "CMD a > b"),
        ("shell-form-command", "CMD A=1 b"),
    ] {
        let rule = RULES.iter().find(|rule| rule.info.id == id).unwrap_or_else(|| panic!("{id}"));
        let found = of_rule(rule, &format!("FROM debian:12\n{text}\n"));
        assert!(found.first().unwrap_or_else(|| panic!("{id}: {text}")).fix.is_none(), "{id}: {text}");
    }
}
