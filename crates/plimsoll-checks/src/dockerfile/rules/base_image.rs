//! What FROM names: tags, and registries.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Text;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const UNTAGGED: Rule = Rule {
    info: RuleInfo {
        id: "untagged-base",
        severity: Severity::Medium,
        aliases: &["DL3006", "DS-0001"],
        opt_in: false,
        title: "FROM names no tag",
        why: "Without a tag, FROM means `latest`: whatever was pushed last. Tomorrow's build may stand on another release.",
        remedy: "write a tag, and best a digest: `debian:12@sha256:…`",
        bad: "FROM debian\n",
        good: "FROM debian:12\n",
    },
    check: untagged,
};

pub const LATEST: Rule = Rule {
    info: RuleInfo {
        id: "latest-base-tag",
        severity: Severity::Medium,
        aliases: &["DL3007", "DS-0001", "CKV_DOCKER_7", "DKL-DI-0006"],
        opt_in: false,
        title: "FROM takes whatever was pushed last",
        why: "`latest` is moved with every release. Tomorrow's build may stand on another one, and nobody can tell from the file which \
              it was.",
        remedy: "write the tag of a release, and best a digest: `debian:12@sha256:…`",
        bad: "FROM debian:latest\n",
        good: "FROM debian:12\n",
    },
    check: latest,
};

pub const UNTRUSTED: Rule = Rule {
    info: RuleInfo {
        id: "untrusted-base-registry",
        severity: Severity::High,
        aliases: &["DL3026"],
        opt_in: false,
        title: "FROM takes its image from a registry that is not trusted",
        why: "Whoever owns the registry of a base owns what is built on it. The project names the registries that it trusts; where it \
              names none, this rule says nothing.",
        remedy: "take the base from a trusted registry, or add the registry to the trusted ones",
        bad: "# trusted: registry.example.com\nFROM registry.example.org/debian:12\n",
        good: "# trusted: registry.example.com\nFROM registry.example.com/debian:12\n",
    },
    check: untrusted,
};

/// An image's name as FROM has it. Quotes around it are gone.
struct Name<'a> {
    text: &'a str,
    /// The first component, where it has a dot: that is a host, and no folder of the default registry.
    registry: Option<&'a str>,
    tag: Option<&'a str>,
    digest: bool,
}

impl<'a> Name<'a> {
    fn of(image: &'a Text) -> Name<'a> {
        let text = image.text.trim_matches(['"', '\'']);
        let (name, digest) = text.split_once('@').map_or((text, false), |(name, _)| (name, true));
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let tag =
            if name.starts_with('$') { variable_tag(name) } else { name[last..].split_once(':').map(|(_, tag)| tag) };
        let registry = name.split_once('/').map(|(first, _)| first).filter(|first| first.contains('.'));
        Name { text, registry, tag, digest }
    }
}

/// The tag after a variable: colons in its braces are not meant.
fn variable_tag(name: &str) -> Option<&str> {
    let rest = name.rsplit_once('}').map_or(name, |(_, rest)| rest);
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    rest[last..].split_once(':').map(|(_, tag)| tag)
}

/// Images of FROM that are no earlier stage, nor nothing at all.
fn images<'a>(file: &'a Dockerfile<'_>) -> impl Iterator<Item = &'a Text> {
    let mut names: std::collections::HashSet<&str> = std::collections::HashSet::new();
    file.stages.iter().filter_map(move |stage| {
        let foreign = stage.image.text != "scratch" && !names.contains(stage.image.text.as_str());
        names.extend(stage.name.as_ref().map(|name| name.text.as_str()));
        (foreign && !stage.image.text.is_empty()).then_some(&stage.image)
    })
}

fn untagged(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for image in images(file) {
        let name = Name::of(image);
        if name.tag.is_none() && !name.digest && !name.text.starts_with('$') {
            found.push(Found::new(&UNTAGGED.info, image.span, format!("`{}` has no tag", name.text)));
        }
    }
}

fn latest(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for stage in &file.stages {
        let name = Name::of(&stage.image);
        if name.tag == Some("latest") && !name.digest {
            found.push(Found::new(
                &LATEST.info,
                stage.image.span,
                format!("`{}` is another image tomorrow", name.text),
            ));
        }
    }
}

fn untrusted(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    if options.trusted_registries.is_empty() {
        return;
    }
    for image in images(file) {
        let name = Name::of(image);
        let trusted = options.trusted_registries.iter().any(|trusted| match name.registry {
            Some(registry) => matches(trusted, registry),
            None if name.text.starts_with('$') => false,
            None => ["docker.io", "hub.docker.com"].iter().any(|hub| matches(trusted, hub)),
        });
        if !trusted {
            let registry = match name.registry {
                Some(registry) => format!("`{registry}`"),
                None if name.text.starts_with('$') => format!("whatever `{}` names", name.text),
                None => "`docker.io`".to_owned(),
            };
            found.push(Found::new(
                &UNTRUSTED.info,
                image.span,
                format!("{registry} is no registry that the project trusts"),
            ));
        }
    }
}

/// `*`, `*.example.com`, `example.*` or the registry itself.
fn matches(trusted: &str, registry: &str) -> bool {
    match (trusted.strip_prefix('*'), trusted.strip_suffix('*')) {
        (Some(end), _) => registry.ends_with(end),
        (_, Some(start)) => registry.starts_with(start),
        _ => trusted == registry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_trusted_by_name_and_by_star() {
        for (trusted, registry, matched) in [
            ("*", "a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "b", false),
            ("a.*", "a.b:5000", true),
            ("a.*.c", "a.b.c", false),
            ("a.b", "a.b", true),
            ("a.b", "a.b:5000", false),
            ("a.b", "a.b.c", false),
        ] {
            assert_eq!(matches(trusted, registry), matched, "{trusted} {registry}");
        }
    }
}
