//! The main process runs as user 0, by name, by number or because nobody said otherwise.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "runs-as-root",
        severity: Severity::High,
        aliases: &["CIS-DI-0001"],
        opt_in: false,
        title: "The image runs as root",
        why: "Root in a container is root on the node as soon as one wall of the container gives way: a writable host \
              path, a kernel fault, a mounted socket. An application that listens on a port above 1023 needs none of it.",
        remedy: "make a user while building and name it by number: `USER 10001`",
        bad: "FROM debian:13\nUSER root\nCMD [\"/app/web\"]",
        good: "FROM debian:13\nUSER 10001\nCMD [\"/app/web\"]",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(config) = facts.config() else { return Vec::new() };
    let user = config.user.as_deref().unwrap_or_default().trim();
    let message = match user {
        "" => "the image runs as root because it names no user".to_owned(),
        user if is_root(user) => format!("the image runs as root (USER {user})"),
        _ => return Vec::new(),
    };
    vec![finding(&RULE.info, message)]
}

/// `USER` is `user`, `user:group`, by name or number; a number may have leading zeros.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name == "root" || name.parse::<u64>() == Ok(0) || (name.is_empty() && user.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_apart() {
        for root in ["root", "0", "0:0", "root:staff", "000", ":1000"] {
            assert!(is_root(root), "{root}");
        }
        for other in ["10001", "nobody", "rootless", "65532:0", "1000:root"] {
            assert!(!is_root(other), "{other}");
        }
    }
}
