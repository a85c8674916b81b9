//! State and services that have no place in an image.

use std::collections::HashMap;

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::walk::Ran;
use crate::dockerfile::{Dockerfile, Options, Rule, Run};
use crate::source::Found;

pub const STATE_IN_IMAGE: Rule = Rule {
    info: RuleInfo {
        id: "state-in-image",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "Data that changes is built into the image",
        why: "A container's own layer goes with the container: what the program writes is lost at the next restart, differs \
              between replicas, and cannot be backed up. What is copied in is the same for everyone who pulls.",
        remedy: "keep data in a volume that the workload mounts, and set it up when the program starts or in a Job",
        bad: "FROM debian:13-slim\nCOPY shop.sqlite /var/lib/shop/\nUSER 10001\n",
        good: "FROM debian:13-slim\nVOLUME /var/lib/shop\nUSER 10001\n",
    },
    check: state_in_image,
};

/// Ends of the names of database files.
const DATABASES: [&str; 7] = [".sqlite", ".sqlite3", ".db", ".mdb", ".rdb", ".ldf", ".ibd"];

fn state_in_image(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Where each was declared first.
    let mut volumes: HashMap<&str, usize> = HashMap::new();
    for instruction in file.final_instructions() {
        match &instruction.body {
            Body::Copy { sources, .. } => {
                for source in sources {
                    let name = source.text.to_ascii_lowercase();
                    if DATABASES.iter().any(|end| name.ends_with(end)) {
                        let message = format!("the database file `{}` is part of the image", source.text);
                        found.push(Found::new(&STATE_IN_IMAGE.info, source.span, message));
                    }
                }
            }
            Body::Volume { paths, .. } => {
                for path in paths {
                    volumes.entry(path.text.trim_end_matches('/')).or_insert(path.span.start);
                }
            }
            _ => {}
        }
    }
    for ran in file.final_runs().flat_map(Run::ran) {
        if sets_up(&ran) {
            let message = format!("`{}` sets a database up inside the image", ran.name);
            found.push(Found::new(&STATE_IN_IMAGE.info, ran.span, message));
        }
        written(&ran, &volumes, found);
    }
}

fn sets_up(run: &Ran<'_>) -> bool {
    match run.name {
        "initdb" | "mysql_install_db" | "mariadb-install-db" | "pg_createcluster" => true,
        "mysqld" | "mariadbd" => run.args.iter().any(|arg| arg.text.starts_with("--initialize")),
        _ => false,
    }
}

/// Folders above a path that are looked up: no real path has as many.
const MAX_DEPTH: usize = 64;

/// What a command writes below a volume that was declared before.
fn written(run: &Ran<'_>, volumes: &HashMap<&str, usize>, found: &mut Vec<Found>) {
    if !matches!(run.name, "cp" | "mv" | "touch" | "mkdir" | "install" | "tar" | "chown" | "chmod") {
        return;
    }
    if let Some((arg, volume)) =
        run.args.iter().find_map(|arg| Some((arg, volume_above(&arg.text, run.span.start, volumes)?)))
    {
        let message =
            format!("`{}` is in the VOLUME {volume}: classic builders throw away what is done to it", arg.text);
        found.push(Found::new(&STATE_IN_IMAGE.info, arg.span, message));
    }
}

/// The path itself, or the nearest folder above it, that was declared a volume before.
fn volume_above<'t>(path: &'t str, before: usize, volumes: &HashMap<&str, usize>) -> Option<&'t str> {
    let ends = path.match_indices('/').map(|(at, _)| at).take(MAX_DEPTH).chain([path.len()]);
    let folders = ends.filter_map(|end| path.get(..end)).filter(|folder| !folder.is_empty());
    folders.filter(|folder| volumes.get(folder).is_some_and(|at| *at < before)).last()
}

pub const SSH_PORT_EXPOSED: Rule = Rule {
    info: RuleInfo {
        id: "ssh-port-exposed",
        severity: Severity::Medium,
        aliases: &["DS-0004", "CKV_DOCKER_1"],
        opt_in: false,
        title: "The image offers SSH",
        why: "A second way in with its own users, keys and patches. The cluster has one already: `kubectl exec` and `kubectl debug`.",
        remedy: "take the SSH server and `EXPOSE 22` away",
        bad: "FROM debian:13-slim\nEXPOSE 22\nUSER 10001\n",
        good: "FROM debian:13-slim\nEXPOSE 8080\nUSER 10001\n",
    },
    check: ssh_port_exposed,
};

fn ssh_port_exposed(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::Expose(ports) = &instruction.body else { continue };
        for port in ports.iter().filter(|port| matches!(port.text.as_str(), "22" | "22/tcp")) {
            found.push(Found::new(&SSH_PORT_EXPOSED.info, port.span, "port 22 is SSH's"));
        }
    }
}
