//! Compilers, linkers and the like.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "build-tool-left-behind",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "Compilers or build tools are in the image",
        why: "They make the image large, bring vulnerabilities of their own, and turn uploaded source into a running program.",
        remedy: "compile in a build stage and copy only the result: `COPY --from=build /out/web /app/web`",
        bad: "FROM debian:13\nRUN apt-get install -y gcc",
        good: "FROM debian:13 AS build\nRUN apt-get install -y gcc\nFROM gcr.io/distroless/static\nCOPY --from=build /out/web /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "build tool", &facts.files(FileFactKind::BuildTool))
}
