//! Who the program runs as, and what it may write.

use plimsoll_model::{RuleInfo, Severity};

use super::base::has_shell;
use crate::dockerfile::ast::Body;
use crate::dockerfile::walk::base;
use crate::dockerfile::{Dockerfile, Options, Rule, Run};
use crate::source::Found;

pub const USER_MISSING: Rule = Rule {
    info: RuleInfo {
        id: "user-missing",
        severity: Severity::Medium,
        aliases: &["CKV_DOCKER_3", "DS-0002", "CIS-DI-0001"],
        opt_in: false,
        title: "No USER: the program runs as root",
        why: "Root in a container is root on the node as soon as one wall gives way, and may write every file of the image \
              until then.",
        remedy: "name a user by number at the end of the final stage: `USER 10001`",
        bad: "FROM debian:13-slim\nCOPY web /usr/bin/web\nCMD [\"/usr/bin/web\"]\n",
        good: "FROM debian:13-slim\nCOPY web /usr/bin/web\nUSER 10001\nCMD [\"/usr/bin/web\"]\n",
    },
    check: user_missing,
};

fn user_missing(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let Some(stage) = file.final_stage() else { return };
    if file.final_instructions().any(|instruction| matches!(instruction.body, Body::User(_))) {
        return;
    }
    let lowest = file.final_chain().first().map_or(&stage.image, |lowest| &lowest.image);
    // Images that bring a user, and names that a variable hides.
    if lowest.text.contains('$') || base(&lowest.text).is_some_and(|base| base.has_user()) {
        return;
    }
    let message = format!("the final stage (`FROM {}`) names no USER, so its program runs as root", stage.image.text);
    found.push(Found::new(&USER_MISSING.info, stage.image.span, message));
}

pub const WRITABLE_ETC: Rule = Rule {
    info: RuleInfo {
        id: "writable-etc",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: true,
        title: "The system's configuration may be written",
        why: "Whoever may write below /etc adds a user, another resolver or a start script. A read-only root file system \
              forbids it where the workload is described; the image can forbid it everywhere.",
        remedy: "take the right away in the final stage, `RUN chmod a-w /etc`, and run with `readOnlyRootFilesystem: true`",
        bad: "FROM alpine:3.20\nCOPY web /web\nUSER 10001\nCMD [\"/web\"]\n",
        good: "FROM alpine:3.20\nRUN chmod a-w /etc\nCOPY web /web\nUSER 10001\nCMD [\"/web\"]\n",
    },
    check: writable_etc,
};

fn writable_etc(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let Some(lowest) = file.final_chain().first().copied() else { return };
    if !has_shell(file) {
        return;
    }
    let takes =
        |text: &str| text.split(',').any(|part| part.ends_with("-w")) || matches!(text, "555" | "0555" | "a=rx");
    let closed = file.final_runs().flat_map(Run::ran).any(|run| {
        run.name == "chmod"
            && run.args.iter().any(|arg| takes(&arg.text))
            && run.args.iter().any(|arg| arg.text.trim_end_matches(['/', '*']) == "/etc")
    });
    if !closed {
        let message = format!("/etc of `{}` stays as writable as the base left it", lowest.image.text);
        found.push(Found::new(&WRITABLE_ETC.info, lowest.image.span, message));
    }
}

pub const WORLD_WRITABLE_PATH: Rule = Rule {
    info: RuleInfo {
        id: "world-writable-path",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A path is made writable for everybody",
        why: "What everybody may write, a program that was broken into may replace: a start script, a library, a page.",
        remedy: "give the path to the one user that writes it: `COPY --chown=10001`, or `chown` and `chmod 750`",
        bad: "FROM debian:13-slim\nRUN mkdir /data && chmod -R 777 /data\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN mkdir /data && chown 10001 /data && chmod 750 /data\nUSER 10001\n",
    },
    check: world_writable_path,
};

fn world_writable_path(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.final_runs().flat_map(Run::ran).filter(|run| run.name == "chmod") {
        let mut operands = run.args.iter().filter(|arg| !arg.is_flag());
        let (Some(mode), Some(path)) = (operands.next(), operands.next()) else { continue };
        let temporary = path.text == "/tmp" || path.text.starts_with("/tmp/") || path.text == "/var/tmp";
        if for_all(&mode.text) && !temporary {
            let message = format!("`chmod {}` lets everybody write {}", mode.text, path.text);
            found.push(Found::new(&WORLD_WRITABLE_PATH.info, mode.span, message));
        }
    }
    for instruction in file.final_instructions() {
        let chmod = instruction.flags.iter().find(|flag| flag.name == "chmod").and_then(|flag| flag.value.as_ref());
        if let (Body::Copy { .. }, Some(mode)) = (&instruction.body, chmod.filter(|mode| for_all(&mode.text))) {
            let message = format!("`--chmod={}` lets everybody write what is copied", mode.text);
            found.push(Found::new(&WORLD_WRITABLE_PATH.info, mode.span, message));
        }
    }
}

/// The mode gives the right to write to others, without the sticky bit that /tmp has.
fn for_all(mode: &str) -> bool {
    if let Ok(bits) = u32::from_str_radix(mode, 8) {
        return bits & 0o002 != 0 && bits & 0o1000 == 0;
    }
    mode.split(',').any(|part| {
        let (who, what) = part.split_at(part.find(['+', '=', '-']).unwrap_or(part.len()));
        !what.starts_with('-') && what.contains('w') && who.contains(['o', 'a'])
    })
}
