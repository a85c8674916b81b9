//! Secrets that a Dockerfile writes into the image.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Instruction};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::secrets;
use crate::source::{Found, Source, Span};

pub const SECRET_IN_DOCKERFILE: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-dockerfile",
        severity: Severity::High,
        aliases: &["DS-0031", "CIS-DI-0010"],
        opt_in: false,
        title: "A secret stands in the Dockerfile",
        why: "The file is in the repository's history and each instruction in the image's: whoever may read either has the \
              secret, and taking the line away takes it from neither.",
        remedy: "change the secret, and hand the new one to the build: `RUN --mount=type=secret,id=token …`",
        bad: "FROM debian:13-slim\nENV DB_PASSWORD=tK8-pq2.Vw9xLm4\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN --mount=type=secret,id=db cat /run/secrets/db > /dev/null\nUSER 10001\n",
    },
    check: secret_in_dockerfile,
};

/// Secrets after which a file is not read on: it is known to leak.
const MAX_FOUND: usize = 50;

fn secret_in_dockerfile(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let before = found.len();
    for instruction in &file.instructions {
        if found.len() - before >= MAX_FOUND {
            return;
        }
        of_instruction(file.source, instruction, found);
    }
}

fn of_instruction(source: &Source<'_>, instruction: &Instruction, found: &mut Vec<Found>) {
    let keyword = instruction.keyword.text.to_ascii_uppercase();
    match &instruction.body {
        Body::Env(pairs) | Body::Arg(pairs) | Body::Label(pairs) => {
            for pair in pairs {
                let Some(value) = pair.value.as_ref().filter(|value| !value.text.contains('$')) else { continue };
                if let Some(secret) = secrets::in_variable(&pair.key.text, &value.text) {
                    let message = format!("{keyword} {} holds {}: {}", pair.key.text, secret.what, secret.masked());
                    found.push(Found::new(&SECRET_IN_DOCKERFILE.info, value.span, message).severity(secret.severity));
                }
            }
        }
        Body::OnBuild(inner) => of_instruction(source, inner, found),
        Body::Run(_) | Body::Cmd(_) | Body::Entrypoint(_) | Body::Healthcheck(_) => {
            let text = source.slice(instruction.span);
            for secret in secrets::in_command(text) {
                let start = instruction.span.start + secret.at;
                let span = Span::new(start, start + secret.value.len());
                // Of a key that is not told apart from what follows it, the instruction is the place.
                let exact = !secret.value.is_empty() && source.slice(span) == secret.value;
                let span = if exact { span } else { instruction.keyword.span };
                let message = format!("{keyword} holds {}: {}", secret.what, secret.masked());
                found.push(Found::new(&SECRET_IN_DOCKERFILE.info, span, message).severity(secret.severity));
            }
        }
        _ => {}
    }
}

pub const SECRET_FILE_COPIED: Rule = Rule {
    info: RuleInfo {
        id: "secret-file-copied",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "A file that holds secrets is copied into the image",
        why: "A layer keeps what it was given for ever: removing the file later hides it from `ls` and from nobody else.",
        remedy: "leave it out (.dockerignore), and mount it where it is needed: `RUN --mount=type=secret`, or a Secret in the cluster",
        bad: "FROM debian:13-slim\nCOPY id_rsa /root/.ssh/id_rsa\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN --mount=type=ssh ssh-add -l\nUSER 10001\n",
    },
    check: secret_file_copied,
};

fn secret_file_copied(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::Copy { sources, .. } = &instruction.body else { continue };
        // From another stage or image: what is there was put there by another line.
        if instruction.flags.iter().any(|flag| flag.name == "from") {
            continue;
        }
        for source in sources {
            if let Some(what) = holds_secrets(&source.text) {
                let message = format!("`{}` is {what}, and every copy of the image will hold it", source.text);
                found.push(Found::new(&SECRET_FILE_COPIED.info, source.span, message));
            }
        }
    }
}

/// What a file or folder of that name is, where it holds secrets by its nature.
fn holds_secrets(path: &str) -> Option<&'static str> {
    let path = path.trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let sample = ["example", "sample", "template", "dist", "test"].iter().any(|word| name.contains(word));
    let ends = |suffixes: &[&str]| !sample && suffixes.iter().any(|suffix| name.ends_with(suffix));
    match name.as_str() {
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => Some("a private SSH key"),
        ".ssh" => Some("a folder of SSH keys"),
        ".aws" | ".azure" | ".gcloud" => Some("a folder of cloud credentials"),
        ".kube" | "kubeconfig" => Some("credentials for a cluster"),
        ".netrc" | ".git-credentials" | ".pypirc" | ".dockercfg" | ".pgpass" => Some("a file of logins"),
        ".git" | ".hg" | ".svn" => Some("the history of the repository, with every secret that ever stood in it"),
        ".htpasswd" => Some("a file of password hashes"),
        "terraform.tfstate" => Some("Terraform's state, which keeps secrets in plain text"),
        ".env" => Some("a file of settings and secrets"),
        _ if name.starts_with(".env.") && !sample => Some("a file of settings and secrets"),
        _ if ends(&[".pfx", ".p12", ".jks", ".keystore"]) => Some("a key store"),
        _ if ends(&[".key", "-key.pem", "_key.pem", ".ppk"]) => Some("a private key"),
        _ if path.ends_with(".docker/config.json") => Some("logins for registries"),
        _ => None,
    }
}
