//! `verify`. In: an artifact and the trust policy. Out: that one of its signatures counts, or why none does.

use std::collections::BTreeMap;

use plimsoll_trust::notation::{Target, Verified, verify};

use super::registry::{self, Artifact, Signature};
use super::{Failure, flags, print, say, settings};

pub fn run(asked: &flags::Verify) -> Result<(), Failure> {
    let policy = settings::policy()?;
    let metadata = metadata(&asked.user_metadata)?;
    let artifact = registry::artifact(&asked.registry, &asked.reference, "verify")?;
    let name = artifact.resolved();
    let statement = policy.statement(&artifact.reference.name()).map_err(|why| {
        let words = "Trust policy applicability for a given artifact is determined by registryScopes.";
        Failure(format!(
            "signature verification failed: artifact {name:?} has no applicable trust policy statement ({why}). {words}"
        ))
    })?;
    let Some(level) = statement.level else {
        return print(&format!("Trust policy is configured to skip signature verification for {name}\n"));
    };
    let stores = settings::stores(statement);
    let digest = artifact.holding.digest.to_string();
    let target =
        Target { digest: &digest, media_type: Some(&artifact.holding.media_type), size: Some(artifact.holding.size) };
    let now = jiff::Timestamp::now();
    let (mut verified, mut refused, mut untold) = (None, Vec::new(), Vec::new());
    let judge = |one: Signature| {
        // A stranger's words make no line of their own.
        let words = |why: String| {
            format!("failed to verify signature with digest {}, {}", one.digest, why.replace(['\n', '\r'], " "))
        };
        match one.envelope {
            Ok((media_type, bytes)) => match verify(&media_type, &bytes, &target, statement, &stores, &metadata, now) {
                Ok(good) => verified = Some(good),
                Err(why) if why.reason.is_doubt() => untold.push(words(why.to_string())),
                Err(why) => refused.push(words(why.to_string())),
            },
            Err(why) => untold.push(words(why.0)),
        }
        verified.is_some()
    };
    let found = registry::each(&artifact, asked.registry.max_signatures, judge)?;
    untold.extend(found.unread);
    if found.more {
        let most = asked.registry.max_signatures;
        untold.push(format!(
            "signature evaluation stopped. The configured limit of {most} signatures to verify per artifact exceeded"
        ));
    }
    match (verified, untold.as_slice(), refused.as_slice()) {
        (Some(verified), ..) => report(&verified, |check| level.action(check).name(), &name),
        (None, [], []) => Err(Failure(format!(
            "signature verification failed: no signature is associated with {name:?}, make sure the artifact was signed successfully"
        ))),
        (None, [], refused) => Err(none(&artifact, refused)),
        (None, untold, refused) => {
            let all: Vec<&str> = untold.iter().chain(refused).map(String::as_str).collect();
            Err(Failure(format!("could not tell whether a signature of {name} counts: {}", all.join("\n"))))
        }
    }
}

fn none(artifact: &Artifact, refused: &[String]) -> Failure {
    say(&refused.iter().map(|why| format!("Warning: {why}")).collect::<Vec<_>>().join("\n"));
    let name = artifact.resolved();
    Failure(format!("signature verification failed for all the signatures associated with {name}"))
}

/// Pairs as flags have them.
fn metadata(flags: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Failure("could not parse flag user-metadata: key-value pair requires \"=\" as separator".to_owned())),
    };
    flags.iter().map(pair).collect()
}

fn report(
    verified: &Verified,
    action: impl Fn(plimsoll_trust::notation::Check) -> &'static str,
    name: &str,
) -> Result<(), Failure> {
    for (check, why) in &verified.told {
        say(&format!("Warning: {} was set to {:?} and failed with error: {why}", check.name(), action(*check)));
    }
    let mut text = format!("Successfully verified signature for {name}\n");
    let metadata = verified.envelope.annotations();
    if !metadata.is_empty() {
        text += "\nThe artifact was signed with the following user metadata.\n\n";
        let rows: Vec<(&str, &str)> = std::iter::once(("KEY", "VALUE"))
            .chain(metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())))
            .collect();
        let wide = |of: fn(&(&str, &str)) -> usize| rows.iter().map(of).max().unwrap_or_default() + 3;
        let (keys, values) = (wide(|row| row.0.chars().count()), wide(|row| row.1.chars().count()));
        for (key, value) in rows {
            let [key, value] = [key, value].map(|text| text.replace(['\n', '\r'], " "));
            text += &format!("{key:keys$}{value:values$}\n");
        }
    }
    print(&text)
}
