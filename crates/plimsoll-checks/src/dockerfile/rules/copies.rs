//! COPY and ADD: which of them, where to, and archives.

use std::collections::HashMap;

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Instruction, Text};
use crate::dockerfile::{Call, Dockerfile, Options, Rule};
use crate::source::{Found, insert, replace};

pub const ADD: Rule = Rule {
    info: RuleInfo {
        id: "add-instead-of-copy",
        severity: Severity::High,
        aliases: &["DL3020", "DS-0005", "CKV_DOCKER_4", "CIS-DI-0009"],
        opt_in: false,
        title: "ADD where COPY does",
        why: "ADD also unpacks archives and fetches from the network. For plain files, COPY does what is meant and nothing else.",
        remedy: "write COPY",
        bad: "FROM debian:12\nADD app /app\n",
        good: "FROM debian:12\nCOPY app /app\n",
    },
    check: add,
};

pub const NO_SLASH: Rule = Rule {
    info: RuleInfo {
        id: "copy-target-without-slash",
        severity: Severity::High,
        aliases: &["DL3021", "DS-0011"],
        opt_in: false,
        title: "COPY of several files names a target that is no folder",
        why: "Several sources need a folder to go to, and only a `/` at its end says that it is one: the build fails.",
        remedy: "end the target with `/`",
        bad: "FROM debian:12\nCOPY a b /app\n",
        good: "FROM debian:12\nCOPY a b /app/\n",
    },
    check: no_slash,
};

pub const UNPACKED: Rule = Rule {
    info: RuleInfo {
        id: "archive-copied-then-unpacked",
        severity: Severity::Low,
        aliases: &["DL3010"],
        opt_in: false,
        title: "an archive is copied and then unpacked",
        why: "The archive stays in the layer of COPY although nobody needs it after it was unpacked. ADD unpacks a local archive while \
              it copies.",
        remedy: "write `ADD archive folder/` in place of both",
        bad: "FROM debian:12\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz -C /app\n",
        good: "FROM debian:12\nADD app.tar.gz /app/\n",
    },
    check: unpacked,
};

/// Ends of names of archives that ADD unpacks, and that are unpacked by hand.
const ARCHIVES: [&str; 15] = [
    ".tar", ".gz", ".bz2", ".xz", ".lz", ".lzma", ".Z", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz", ".txz", ".tZ",
];

fn is_archive(name: &str) -> bool {
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

fn base(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn add(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for add in &file.instructions {
        let Body::Copy { add: true, sources, .. } = &add.body else { continue };
        let marks: Vec<_> = add.heredocs.iter().map(|heredoc| heredoc.mark).collect();
        let wanted = |source: &Text| {
            let name = unquoted(&source.text);
            is_archive(name)
                || name.starts_with("http://")
                || name.starts_with("https://")
                || marks.binary_search(&source.span).is_ok()
        };
        let plain: Vec<&Text> = sources.iter().filter(|source| !wanted(source)).collect();
        let Some((first, others)) = plain.split_first() else { continue };
        let message = format!("ADD of `{}` does no more than COPY", first.text);
        let fault = others
            .iter()
            .fold(Found::new(&ADD.info, add.keyword.span, message), |fault, other| fault.related(other.span));
        found.push(match same_as_copy(add, sources) {
            true => {
                let lower = add.keyword.text.chars().all(char::is_lowercase);
                fault.fix("write COPY", vec![replace(add.keyword.span, if lower { "copy" } else { "COPY" })])
            }
            false => fault,
        });
    }
}

/// Whether COPY would do exactly the same: nothing is fetched or unpacked, and nothing that a variable or a pattern hides.
fn same_as_copy(add: &Instruction, sources: &[Text]) -> bool {
    let of_add_alone = |name: &str| matches!(name, "checksum" | "keep-git-dir" | "unpack");
    let flags = add.flags.iter().all(|flag| !of_add_alone(&flag.name));
    flags
        && sources.iter().all(|source| {
            let name = unquoted(&source.text);
            let hidden = name.contains(['$', '*', '?', '[']);
            let remote = name.contains("://") || name.starts_with("git@") || name.contains(".git");
            // What ADD unpacks is told by the content: only names that no archive has are sure.
            let archive = is_archive(name) || [".zst", ".tzst", ".TAR", ".taz"].iter().any(|end| name.ends_with(end));
            !hidden && !remote && !archive
        })
}

fn no_slash(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for copy in &file.instructions {
        let Body::Copy { add: false, sources, dest: Some(dest), .. } = &copy.body else { continue };
        if sources.len() < 2 || unquoted(&dest.text).ends_with('/') {
            continue;
        }
        let quoted = file.source.slice(dest.span).ends_with(['"', '\'']);
        let at = dest.span.end - usize::from(quoted);
        let message = format!("`{}` must end with `/` to take {} sources", dest.text, sources.len());
        found.push(Found::new(&NO_SLASH.info, dest.span, message).fix("add the `/`", vec![insert(at, "/")]));
    }
}

fn unpacked(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let mut runs = file.runs().iter().filter(|run| !run.onbuild).peekable();
    // Names of archives that were copied in this stage, to the instructions and words that copied them.
    let mut copied: HashMap<String, Vec<(usize, &Text)>> = HashMap::new();
    let mut told: Vec<(usize, Found)> = Vec::new();
    for (index, instruction) in file.instructions.iter().enumerate() {
        match &instruction.body {
            // Layers of earlier stages are not in the image.
            Body::From { .. } => {
                copied.clear();
                told.clear();
            }
            Body::Copy { add: false, sources, dest, .. }
                if instruction.flags.iter().all(|flag| flag.name != "from") =>
            {
                let target = dest.as_ref().filter(|dest| is_archive(base(unquoted(&dest.text))));
                match (target, sources.first()) {
                    (Some(target), Some(source)) => {
                        let name = base(unquoted(&target.text)).to_owned();
                        copied.entry(name).or_default().push((index, source));
                    }
                    _ => {
                        for source in sources {
                            let name = base(unquoted(&source.text));
                            if is_archive(name) {
                                copied.entry(name.to_owned()).or_default().push((index, source));
                            }
                        }
                    }
                }
            }
            Body::Run(_) => {
                let Some(run) = runs.next_if(|run| run.instruction == index) else { continue };
                for call in run.calls.iter().filter(|call| unpacks(call)) {
                    for arg in call.operands() {
                        for (copy, source) in copied.remove(base(&arg.text)).unwrap_or_default() {
                            let message = format!("`{}` is copied here and unpacked later", source.text);
                            told.push((copy, Found::new(&UNPACKED.info, source.span, message).related(call.span)));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    told.sort_by_key(|(copy, found)| (*copy, found.span));
    found.extend(told.into_iter().map(|(_, found)| found));
}

fn unpacks(call: &Call) -> bool {
    let extracts = |text: &str| text.starts_with('-') && (text.contains('x') || text == "--get");
    match call.name.as_str() {
        "tar" => call.args.iter().any(|arg| extracts(&arg.text)),
        "gunzip" | "bunzip2" | "unlzma" | "unxz" | "unzip" | "uncompress" | "zcat" | "gzcat" | "zgz" => true,
        _ => false,
    }
}
