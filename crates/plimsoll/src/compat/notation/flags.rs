//! Notation's flags as data. In: arguments. Out: what is asked. Help derives from what stands here.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::compat::truth;

#[derive(Debug, Parser)]
#[command(
    name = "notation",
    bin_name = "plimsoll notation",
    about = "Notation's command line: verify, list and inspect signatures of the Notary Project",
    after_help = "Examples:\n  plimsoll notation verify registry.example.com/app@sha256:…\n  plimsoll notation ls registry.example.com/app:v1\n  NOTATION_CONFIG=trust plimsoll notation verify registry.example.com/app:v1\n\nTrust is read from $NOTATION_CONFIG, or notation in $XDG_CONFIG_HOME or ~/.config: trustpolicy.oci.json or\ntrustpolicy.json, and truststore/x509/{ca,signingAuthority,tsa}/NAME/.\n\nExit codes: 0 done, verified; 1 whatever else"
)]
pub struct Line {
    #[command(subcommand)]
    pub command: Sub,
}

#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Verify the signatures of an artifact: one that counts under the trust policy is enough
    #[command(
        after_help = "Examples:\n  plimsoll notation verify registry.example.com/app@sha256:…\n  plimsoll notation verify -m build=7 registry.example.com/app:v1"
    )]
    Verify(Verify),
    /// List the signatures of an artifact
    #[command(visible_alias = "ls", after_help = "Examples:\n  plimsoll notation list registry.example.com/app:v1")]
    List(List),
    /// Show what the signatures of an artifact say; nothing of it is believed
    #[command(
        after_help = "Examples:\n  plimsoll notation inspect registry.example.com/app:v1\n  plimsoll notation inspect -o json registry.example.com/app@sha256:…"
    )]
    Inspect(Inspect),
    /// The trust policy
    #[command(subcommand)]
    Policy(Policy),
    /// Print the version
    Version,
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Show the trust policy
    #[command(after_help = "Examples:\n  plimsoll notation policy show > my_policy.json")]
    Show,
}

/// How registries are spoken to, and how much is looked at.
#[derive(Debug, Args, Default)]
pub struct Registry {
    /// Speak plain HTTP
    #[arg(long, alias = "plain-http", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub insecure_registry: bool,
    /// How many signatures are looked at, at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_signatures: u32,
    /// Taken and without meaning: why something fails is always told
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub debug: bool,
    /// Taken and without meaning
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub verbose: bool,
    /// Taken and without meaning: the registry tells how it lists referrers
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub allow_referrers_api: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The artifact, by digest or tag
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// Metadata that must be signed along with it, KEY=VALUE (repeatable)
    #[arg(short = 'm', long, value_name = "KEY=VALUE")]
    pub user_metadata: Vec<String>,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct List {
    /// The artifact, by digest or tag
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    #[command(flatten)]
    pub registry: Registry,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The artifact, by digest or tag
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The form: text or json
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    pub output: String,
    #[command(flatten)]
    pub registry: Registry,
}

/// Commands of Notation's that are not here.
const NO_COMMANDS: [&str; 9] =
    ["blob", "cert", "certificate", "completion", "key", "login", "logout", "plugin", "sign"];
/// Flags of its that are not, and what to do instead.
const NO_FLAGS: [(&str, &str); 8] = [
    ("--username", "sign in with docker login"),
    ("-u", "sign in with docker login"),
    ("--password", "sign in with docker login"),
    ("-p", "sign in with docker login"),
    ("--plugin-config", "no plugin is run"),
    ("--oci-layout", "signatures are read from registries"),
    ("--scope", "signatures are read from registries"),
    ("--force-referrers-tag", "the registry tells how it lists referrers"),
];

/// The line that arguments are.
pub fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    Line::try_parse_from(std::iter::once(OsString::from("notation")).chain(args.iter().cloned()))
}

/// Why a line is refused that the real one would take.
pub fn not_built(args: &[OsString]) -> Option<String> {
    let command = args.first().and_then(|command| command.to_str())?;
    if NO_COMMANDS.contains(&command) {
        return Some(format!("notation's command {command} is not built: signatures are read here, and not made"));
    }
    if command == "policy" && args.get(1).is_some_and(|word| word != "show" && !word.to_string_lossy().starts_with('-'))
    {
        return Some("of notation's command policy only show is built".to_owned());
    }
    let names = args.iter().skip(1).filter_map(|arg| arg.to_str()).take_while(|arg| *arg != "--");
    names.filter(|arg| arg.starts_with('-')).find_map(|arg| {
        let name = arg.split('=').next().unwrap_or(arg);
        let (name, why) = NO_FLAGS.iter().find(|(known, _)| *known == name)?;
        Some(format!("{name} is a flag of notation's that is not taken: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn line(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn what_is_not_built_is_refused_by_name_and_nothing_else() {
        for words in ["sign a", "cert add a", "policy import a", "verify -u a b", "verify --oci-layout a", "login"] {
            assert!(not_built(&line(words)).is_some(), "{words}");
        }
        for words in ["verify a", "ls a", "policy show", "inspect -o json a", "verify -- --oci-layout", "version"] {
            assert_eq!(not_built(&line(words)), None, "{words}");
        }
        let command = Line::command();
        assert!(NO_COMMANDS.iter().all(|name| command.find_subcommand(name).is_none()), "what is built is refused");
    }

    #[test]
    fn its_flags_are_taken_as_it_writes_them() {
        for words in [
            "verify --insecure-registry -m a=b -m c=d,e --max-signatures 3 -v a",
            "ls --plain-http a",
            "inspect --output json a",
        ] {
            assert!(parse(&line(words)).is_ok(), "{words}");
        }
        for words in ["verify", "verify --nosuch a", "ls --max-signatures 0 a"] {
            assert!(parse(&line(words)).is_err(), "{words}");
        }
    }
}
