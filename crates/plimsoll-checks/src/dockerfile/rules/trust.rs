//! What comes into the image from outside, and whether anybody looked who sent it.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::walk::Ran;
use crate::dockerfile::{Dockerfile, Options, Rule, Run};
use crate::shell::{self, Part, Simple};
use crate::source::{Found, Span};

pub const PIPED_TO_SHELL: Rule = Rule {
    info: RuleInfo {
        id: "download-piped-to-shell",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "A download is run as it comes",
        why: "Whoever answers at that address, today or in a year, runs code in the build; a connection that breaks runs half \
              a script; and the image cannot be built the same way twice.",
        remedy: "download to a file, compare its checksum (`sha256sum -c`), and run that; or install a package",
        bad: "FROM debian:13-slim\nRUN curl -fsSL https://example.com/install.sh | sh\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN curl -fsSLo i.sh https://example.com/1.2/i.sh && echo \"ab12  i.sh\" | sha256sum -c && sh i.sh\nUSER 10001\n",
    },
    check: piped_to_shell,
};

const FETCHERS: [&str; 4] = ["curl", "wget", "fetch", "aria2c"];
const INTERPRETERS: [&str; 15] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "php", "eval", "source",
    ".",
];

fn piped_to_shell(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        let Some(script) = run.script(file) else { continue };
        for pipeline in script.pipelines().into_iter().filter(|pipeline| pipeline.commands.len() > 1) {
            let name = |command: &shell::Command| match command {
                shell::Command::Simple(simple) => simple.effective().and_then(|effective| effective.base_name()),
                shell::Command::Compound(_) => None,
            };
            let mut names = pipeline.commands.iter().filter_map(name);
            let fetcher = names.find(|name| FETCHERS.contains(&name.as_str()));
            let interpreter = names.find(|name| INTERPRETERS.contains(&name.as_str()));
            if let (Some(fetcher), Some(interpreter)) = (fetcher, interpreter) {
                let message = format!("what `{fetcher}` fetches is run by `{interpreter}` unseen");
                found.push(Found::new(&PIPED_TO_SHELL.info, pipeline.span, message));
            }
        }
        for command in script.commands() {
            let Some(name) = command.base_name().filter(|name| INTERPRETERS.contains(&name.as_str())) else { continue };
            if let Some(fetcher) = substituted(command) {
                let message = format!("what `{fetcher}` fetches is run by `{name}` unseen");
                found.push(Found::new(&PIPED_TO_SHELL.info, command.span, message));
            }
        }
    }
}

/// The program that fetches in `sh -c "$(curl …)"`, `bash <(curl …)`, `eval "$(wget …)"`.
fn substituted(command: &Simple) -> Option<String> {
    fn fetcher(parts: &[Part]) -> Option<String> {
        parts.iter().find_map(|part| match part {
            Part::Substitution(script, _) => {
                let mut commands = script.items.iter().flat_map(|item| &item.pipeline.commands);
                commands.find_map(|command| match command {
                    shell::Command::Simple(simple) => {
                        simple.base_name().filter(|name| FETCHERS.contains(&name.as_str()))
                    }
                    shell::Command::Compound(_) => None,
                })
            }
            // Quotes nest in one another only through substitutions.
            Part::Double(parts, _) => fetcher(parts),
            _ => None,
        })
    }
    command.words.iter().skip(1).find_map(|word| fetcher(&word.parts))
}

pub const TLS_VERIFICATION_OFF: Rule = Rule {
    info: RuleInfo {
        id: "tls-verification-off",
        severity: Severity::High,
        aliases: &[
            "CKV2_DOCKER_2",
            "CKV2_DOCKER_3",
            "CKV2_DOCKER_4",
            "CKV2_DOCKER_5",
            "CKV2_DOCKER_6",
            "CKV2_DOCKER_11",
            "CKV2_DOCKER_12",
            "CKV2_DOCKER_13",
            "CKV2_DOCKER_14",
        ],
        opt_in: false,
        title: "Certificates are not looked at",
        why: "Without the check, whoever stands between the build and the server sends what they like, and it lands in the \
              image.",
        remedy: "take the switch away; trust a private authority by adding its certificate instead",
        bad: "FROM debian:13-slim\nRUN curl -k -o /web https://example.com/web\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN curl -fsS -o /web https://example.com/web\nUSER 10001\n",
    },
    check: tls_verification_off,
};

/// Variables that switch the check off, and the values that do; none: any value does.
const SWITCHES: &[(&str, &[&str])] = &[
    ("NODE_TLS_REJECT_UNAUTHORIZED", &["0"]),
    ("PYTHONHTTPSVERIFY", &["0"]),
    ("GIT_SSL_NO_VERIFY", &["1", "true"]),
    ("NPM_CONFIG_STRICT_SSL", &["false", "0"]),
    ("npm_config_strict_ssl", &["false", "0"]),
    ("GOINSECURE", &[]),
    ("PIP_TRUSTED_HOST", &[]),
];

fn switches_off(name: &str, value: &str) -> bool {
    let known = SWITCHES.iter().find(|(known, _)| *known == name);
    known.is_some_and(|(_, values)| values.contains(&value) || (values.is_empty() && !value.is_empty()))
}

fn tls_verification_off(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let mut say = |words: String, span: Span| {
        let message = format!("`{words}` switches the check of certificates off");
        found.push(Found::new(&TLS_VERIFICATION_OFF.info, span, message));
    };
    for instruction in &file.instructions {
        let body = match &instruction.body {
            Body::OnBuild(inner) => &inner.body,
            body => body,
        };
        let (Body::Env(pairs) | Body::Arg(pairs)) = body else { continue };
        for pair in pairs {
            let value = pair.value.as_ref().map(|value| value.text.as_str()).unwrap_or_default();
            if switches_off(&pair.key.text, value) {
                say(format!("{}={value}", pair.key.text), pair.span);
            }
        }
    }
    for script in file.runs().iter().filter_map(|run| run.script(file)) {
        for assignment in script.commands().iter().flat_map(|command| &command.assignments) {
            let value = assignment.value.as_ref().map(|value| value.text()).unwrap_or_default();
            if switches_off(&assignment.name, &value) {
                say(format!("{}={value}", assignment.name), assignment.span);
            }
        }
    }
    for ran in file.runs().iter().flat_map(Run::ran) {
        if let Some((words, span)) = insecure(&ran) {
            say(format!("{} {words}", ran.name), span);
        }
    }
}

/// The argument that switches the check off.
fn insecure(run: &Ran<'_>) -> Option<(String, Span)> {
    let any =
        |is: &dyn Fn(&str) -> bool| run.args.iter().find(|arg| is(&arg.text)).map(|arg| (arg.text.clone(), arg.span));
    // `http.sslVerify false`: a key, and its value in the next word.
    let pair = |key: &str, values: &[&str]| {
        let at = run.args.iter().position(|arg| arg.text.trim_start_matches("--").eq_ignore_ascii_case(key))?;
        let value = run.args.get(at + 1).filter(|value| values.contains(&value.text.as_str()))?;
        Some((format!("{} {}", run.args[at].text, value.text), run.args[at].span.to(value.span)))
    };
    match run.name {
        "curl" => any(&|text| matches!(text, "--insecure" | "--proxy-insecure") || has_k(text)),
        "wget" => any(&|text| text == "--no-check-certificate"),
        "git" => any(&|text| matches!(text.to_ascii_lowercase().as_str(), "http.sslverify=false" | "http.sslverify=0"))
            .or_else(|| pair("http.sslVerify", &["false", "0"])),
        "pip" | "pip3" => any(&|text| text.starts_with("--trusted-host")),
        "python" | "python3" if run.has("pip") => any(&|text| text.starts_with("--trusted-host")),
        "npm" | "yarn" | "pnpm" => {
            any(&|text| text.ends_with("strict-ssl=false")).or_else(|| pair("strict-ssl", &["false"]))
        }
        "yum" | "dnf" | "microdnf" => {
            any(&|text| ["sslverify=false", "sslverify=0"].iter().any(|end| text.to_ascii_lowercase().ends_with(end)))
        }
        "apt-get" | "apt" => any(&|text| {
            let text = text.to_ascii_lowercase();
            text.contains("verify-peer=false") || text.contains("verify-host=false")
        }),
        _ => None,
    }
}

/// `-k` among the bundled short flags of curl, before one that takes the rest of the word for its value.
fn has_k(text: &str) -> bool {
    let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.starts_with('-')) else { return false };
    let with_value =
        ['o', 'H', 'd', 'u', 'U', 'X', 'A', 'e', 'b', 'c', 'C', 'm', 'T', 'w', 'x', 'E', 'F', 'r', 'y', 'Y', 'z'];
    letters.split(with_value).next().is_some_and(|flags| flags.contains('k'))
}

pub const UNSIGNED_PACKAGES: Rule = Rule {
    info: RuleInfo {
        id: "unsigned-packages",
        severity: Severity::High,
        aliases: &[
            "CKV2_DOCKER_7",
            "CKV2_DOCKER_8",
            "CKV2_DOCKER_9",
            "CKV2_DOCKER_10",
            "CKV2_DOCKER_15",
            "CKV2_DOCKER_16",
        ],
        opt_in: false,
        title: "Signatures of packages are not looked at",
        why: "The signature is all that ties a package to the distribution: without it a mirror, a cache or whoever owns the \
              network installs what they like, as root.",
        remedy: "take the switch away; add the repository's key where it is not known (`signed-by=`, `rpm --import`, /etc/apk/keys)",
        bad: "FROM alpine:3.20\nRUN apk add --no-cache --allow-untrusted web.apk\nUSER 10001\n",
        good: "FROM alpine:3.20\nCOPY acme.rsa.pub /etc/apk/keys/\nRUN apk add --no-cache web.apk\nUSER 10001\n",
    },
    check: unsigned_packages,
};

/// What a list of sources or a configuration says where nobody's signature is asked for, in small letters.
const UNSIGNED_SOURCES: &[&str] =
    &["trusted=yes", "gpgcheck=0", "gpgcheck=false", "allowunauthenticated=true", "allowinsecurerepositories=true"];

fn unsigned_packages(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs().iter().flat_map(Run::ran) {
        let flags: &[&str] = match run.name {
            "apt-get" | "apt" | "aptitude" => {
                &["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"]
            }
            "apk" => &["--allow-untrusted"],
            "yum" | "dnf" | "microdnf" | "tdnf" => &["--nogpgcheck", "--no-gpgchecks"],
            "zypper" => &["--no-gpg-checks", "--allow-unsigned-rpm"],
            "rpm" => &["--nosignature", "--nodigest"],
            "echo" | "printf" | "tee" | "sed" => &[],
            _ => continue,
        };
        for arg in run.args {
            let lowered = arg.text.to_ascii_lowercase();
            let flag = flags.iter().find(|flag| arg.text == **flag);
            let Some(words) = flag.or_else(|| UNSIGNED_SOURCES.iter().find(|words| lowered.contains(**words))) else {
                continue;
            };
            let whose = if flags.is_empty() { "the package manager" } else { run.name };
            let message = format!("`{words}` lets {whose} install what nobody signed");
            found.push(Found::new(&UNSIGNED_PACKAGES.info, arg.span, message));
        }
    }
}

pub const REMOTE_FILE_UNCHECKED: Rule = Rule {
    info: RuleInfo {
        id: "remote-file-unchecked",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A file is added from the network without a checksum",
        why: "What stands at the address tomorrow is another file, by accident or by an attacker's hand, and the build takes it.",
        remedy: "say what is expected: `ADD --checksum=sha256:… URL DEST`",
        bad: "FROM debian:13-slim\nADD https://example.com/web.tar.gz /opt/\nUSER 10001\n",
        good: "FROM debian:13-slim\nADD --checksum=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 https://example.com/web.tar.gz /opt/\nUSER 10001\n",
    },
    check: remote_file_unchecked,
};

fn remote_file_unchecked(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::Copy { add: true, sources, .. } = &instruction.body else { continue };
        if instruction.flags.iter().any(|flag| flag.name == "checksum") {
            continue;
        }
        for source in sources {
            let remote = ["http://", "https://"].iter().any(|scheme| source.text.starts_with(scheme));
            let repository = source.text.split('#').next().unwrap_or_default().ends_with(".git");
            if remote && !repository {
                let message = format!("nobody looks whether {} is the file that was meant", source.text);
                found.push(Found::new(&REMOTE_FILE_UNCHECKED.info, source.span, message));
            }
        }
    }
}
