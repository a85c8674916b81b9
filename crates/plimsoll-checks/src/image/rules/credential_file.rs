//! Files that hold credentials by their very name; those in which a secret was found by its content are that rule's.

use std::collections::HashSet;

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "credential-file",
        severity: Severity::Medium,
        aliases: &["CIS-DI-0010", "DKL-LI-0003"],
        opt_in: false,
        title: "A file that holds credentials is in the image",
        why: "Private keys, key stores and login files are copied along with a home folder or a project, and whoever may \
              pull the image has them. Their content may be encrypted or unknown to a scanner; the name is enough to look.",
        remedy: "leave it out (.dockerignore), hand it over when the container runs (a mounted Secret) or while building \
                 (`RUN --mount=type=secret`), and change what it holds",
        bad: "FROM gcr.io/distroless/static\nCOPY id_rsa /root/.ssh/id_rsa",
        good: "FROM gcr.io/distroless/static\nCOPY id_rsa.pub /root/.ssh/authorized_keys",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let read = facts.inventory.content_findings.iter().flat_map(|finding| &finding.locations);
    let read: HashSet<&str> = read.map(|place| place.path.as_str()).collect();
    let mut files = facts.files(FileFactKind::CredentialFile);
    files.retain(|file| !read.contains(file.location.path.as_str()));
    finding_of_files(&RULE.info, "credential file", &files)
}
