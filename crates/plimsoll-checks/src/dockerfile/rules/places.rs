//! WORKDIR, USER, EXPOSE and HEALTHCHECK.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Stage, Text};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, insert};

pub const WORKDIR: Rule = Rule {
    info: RuleInfo {
        id: "relative-workdir",
        severity: Severity::High,
        aliases: &["DL3000", "DS-0009", "CKV_DOCKER_10"],
        opt_in: false,
        title: "WORKDIR is not absolute",
        why: "A relative WORKDIR stands on the one before it, which may be the base's and change with it.",
        remedy: "write the whole path",
        bad: "FROM debian:12\nWORKDIR app\n",
        good: "FROM debian:12\nWORKDIR /app\n",
    },
    check: workdir,
};

pub const ROOT: Rule = Rule {
    info: RuleInfo {
        id: "last-user-root",
        severity: Severity::Medium,
        aliases: &["DL3002", "DS-0002", "CKV_DOCKER_8", "CIS-DI-0001"],
        opt_in: false,
        title: "the last USER is root",
        why: "The container then runs as root. Who breaks in is root too, and one hole of the kernel away from the node.",
        remedy: "end the stage with a USER that is not root, best a number: `USER 10001`",
        bad: "FROM debian:12\nUSER root\nRUN make\n",
        good: "FROM debian:12\nUSER root\nRUN make\nUSER 10001\n",
    },
    check: root,
};

pub const PORT: Rule = Rule {
    info: RuleInfo {
        id: "exposed-port-out-of-range",
        severity: Severity::High,
        aliases: &["DL3011", "DS-0008"],
        opt_in: false,
        title: "EXPOSE names a port that cannot be",
        why: "Ports go from 0 to 65535. The build fails, or whoever reads EXPOSE is misled.",
        remedy: "write the port that the program listens on",
        bad: "FROM debian:12\nEXPOSE 80443\n",
        good: "FROM debian:12\nEXPOSE 8443\n",
    },
    check: port,
};

pub const HEALTHCHECKS: Rule = Rule {
    info: RuleInfo {
        id: "several-healthchecks",
        severity: Severity::High,
        aliases: &["DL3012", "DS-0023"],
        opt_in: false,
        title: "a stage has several HEALTHCHECKs",
        why: "Only the last HEALTHCHECK of a stage counts; those before it are silently dropped.",
        remedy: "keep one HEALTHCHECK",
        bad: "FROM debian:12\nHEALTHCHECK CMD [\"a\"]\nHEALTHCHECK CMD [\"b\"]\n",
        good: "FROM debian:12\nHEALTHCHECK CMD [\"b\"]\n",
    },
    check: healthchecks,
};

/// The longest path that the kernel takes: a longer one, made of many WORKDIRs, is not put together.
const MAX_PATH: usize = 4096;

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// From the root, from a drive of Windows, or from what a variable says.
fn is_absolute(path: &str) -> bool {
    let drive = path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && path.as_bytes().get(1) == Some(&b':');
    path.starts_with(['/', '$']) || drive
}

fn workdir(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Where the stage stands, as far as it is known.
    let mut at: Option<String> = None;
    for instruction in &file.instructions {
        let path = match &instruction.body {
            Body::From { .. } => {
                at = None;
                continue;
            }
            Body::Workdir(path) => path,
            _ => continue,
        };
        let text = unquoted(&path.text);
        if is_absolute(text) {
            at = (text.starts_with('/') && text == path.text).then(|| text.trim_end_matches('/').to_owned());
            continue;
        }
        let fault = Found::new(&WORKDIR.info, path.span, format!("`{text}` stands on whatever folder was before"));
        let plain = text == path.text && !text.starts_with(['.', '~', '[', '\\']);
        let whole = at.take().filter(|_| plain);
        found.push(match &whole {
            Some(folder) => fault.fix("write the whole path", vec![insert(path.span.start, format!("{folder}/"))]),
            None => fault,
        });
        let path = whole.map(|folder| format!("{folder}/{}", text.trim_end_matches('/')));
        at = path.filter(|path| path.len() <= MAX_PATH);
    }
}

fn root(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    let last_user = |stage: &Stage| {
        file.of(stage).iter().rev().find_map(|instruction| match &instruction.body {
            Body::User(user) => Some(user),
            _ => None,
        })
    };
    let users: Vec<&Text> = if options.as_hadolint {
        file.stages.iter().filter_map(last_user).collect()
    } else {
        // Who a stage runs as that is only copied from matters to nobody.
        file.final_chain().into_iter().rev().find_map(last_user).into_iter().collect()
    };
    for user in users {
        if matches!(user.text.split(':').next(), Some("root" | "0")) {
            found.push(Found::new(&ROOT.info, user.span, format!("the stage ends as user `{}`", user.text)));
        }
    }
}

fn port(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    const HIGHEST: u64 = 65_535;
    for instruction in &file.instructions {
        let Body::Expose(ports) = &instruction.body else { continue };
        for port in ports {
            let numbers = port.text.split('/').next().unwrap_or_default().split('-');
            let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // What is too long for a number is too high as well.
            let too_high = |text: &str| text.parse::<u64>().map_or(true, |number| number > HIGHEST);
            if numbers.filter(is_number).any(too_high) {
                found.push(Found::new(&PORT.info, port.span, format!("`{}` is above {HIGHEST}", port.text)));
            }
        }
    }
}

fn healthchecks(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let mut seen = false;
    for instruction in &file.instructions {
        match &instruction.body {
            Body::From { .. } => seen = false,
            Body::Healthcheck(_) if std::mem::replace(&mut seen, true) => {
                let message = "the stage has a HEALTHCHECK already, and only the last one counts";
                found.push(Found::new(&HEALTHCHECKS.info, instruction.keyword.span, message));
            }
            _ => {}
        }
    }
}
