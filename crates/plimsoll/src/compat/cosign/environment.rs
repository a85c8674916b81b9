//! `env`. In: the environment. Out: the variables of it that are read here, and what they are for.

use clap::Args;

use super::{Failure, print};
use crate::compat::truth;

#[derive(Debug, Args)]
pub struct Variables {
    /// What each is for
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = truth)]
    pub show_descriptions: bool,
    /// Passwords and tokens, too
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = truth)]
    pub show_sensitive_values: bool,
}

/// A variable, what it holds, and whether that is a secret.
struct Variable(&'static str, &'static str, bool);

/// By their names.
const VARIABLES: &[Variable] = &[
    Variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GitHub Actions: who asks for an identity token", true),
    Variable("ACTIONS_ID_TOKEN_REQUEST_URL", "GitHub Actions: where one is asked for", false),
    Variable("COSIGN_FULCIO_URL", "the certificate authority, as --fulcio-url", false),
    Variable("COSIGN_IDENTITY_TOKEN", "an identity token or its file, as --identity-token", true),
    Variable(
        "COSIGN_OIDC_CLIENT_ID",
        "what this program is called by the issuer of tokens, as --oidc-client-id",
        false,
    ),
    Variable("COSIGN_OIDC_CLIENT_SECRET_FILE", "the file of its secret there, as --oidc-client-secret-file", false),
    Variable("COSIGN_OIDC_ISSUER", "who issues identity tokens, as --oidc-issuer", false),
    Variable("COSIGN_OIDC_PROVIDER", "where an identity token comes from, as --oidc-provider", false),
    Variable("COSIGN_OIDC_REDIRECT_URL", "where a browser brings its answer, as --oidc-redirect-url", false),
    Variable("COSIGN_PASSWORD", "the password of a key's file", true),
    Variable("COSIGN_PKCS11_MODULE_PATH", "the library of a token of hardware", false),
    Variable("COSIGN_PKCS11_PIN", "the PIN of a token of hardware", true),
    Variable("COSIGN_REKOR_URL", "the transparency log, as --rekor-url", false),
    Variable("COSIGN_REPOSITORY", "the repository where signatures lie, where it is not the image's", false),
    Variable("COSIGN_SIGNING_CONFIG", "a signing configuration, as --signing-config", false),
    Variable("COSIGN_TIMESTAMP_SERVER_URL", "an authority of timestamps, as --timestamp-server-url", false),
    Variable("COSIGN_TRUSTED_ROOT", "what is trusted, as --trusted-root", false),
    Variable("COSIGN_YES", "no questions, as --yes", false),
    Variable("SIGSTORE_ID_TOKEN", "an identity token", true),
    Variable("TRANSIT_SECRET_ENGINE_PATH", "where Vault's transit engine is mounted", false),
    Variable("TUF_MIRROR", "which mirror of those that are kept counts", false),
    Variable("TUF_ROOT", "where what `initialize` fetched is kept", false),
    Variable("VAULT_ADDR", "where Vault is", false),
    Variable("VAULT_CACERT", "the authority of its certificate", false),
    Variable("VAULT_KEY_PREFIX", "the version of its key that is verified with", false),
    Variable("VAULT_NAMESPACE", "its namespace", false),
    Variable("VAULT_TOKEN", "who asks Vault", true),
];

/// Those that hold secrets: what is started from here does without.
pub fn secrets() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().filter(|Variable(_, _, is_secret)| *is_secret).map(|Variable(name, ..)| *name)
}

pub fn run(asked: &Variables) -> Result<(), Failure> {
    let lines = lines(asked, &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    print(lines)
}

fn lines(asked: &Variables, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for Variable(name, what, is_secret) in VARIABLES {
        let value = environment(name).unwrap_or_default();
        let shown = match *is_secret && !asked.show_sensitive_values && !value.is_empty() {
            true => "******".to_owned(),
            false => plimsoll_report::safe(&value).into_owned(),
        };
        if asked.show_descriptions {
            out += &format!("# {name}: {what}\n");
        }
        out += &format!("{name}={shown}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_where_that_is_asked_alone() {
        let of = |show_sensitive_values, show_descriptions| {
            lines(&Variables { show_descriptions, show_sensitive_values }, &|name| {
                matches!(name, "COSIGN_PASSWORD" | "COSIGN_YES").then(|| "value".to_owned())
            })
        };
        let plain = of(false, false);
        assert!(plain.contains("\nCOSIGN_PASSWORD=******\n") && plain.contains("\nCOSIGN_YES=value\n"), "{plain}");
        assert!(plain.contains("\nCOSIGN_PKCS11_PIN=\n") && !plain.contains('#'), "{plain}");
        assert!(of(true, true).contains(": the password of a key's file\nCOSIGN_PASSWORD=value\n"));
    }

    #[test]
    fn every_variable_of_a_flag_is_told_and_each_once() {
        use clap::CommandFactory as _;
        fn of(command: &clap::Command) -> Vec<String> {
            let own = command.get_arguments().filter_map(|one| one.get_env()?.to_str().map(str::to_owned));
            own.chain(command.get_subcommands().flat_map(of)).collect()
        }
        let line = super::super::flags::Line::command();
        for name in of(&line) {
            assert!(VARIABLES.iter().any(|Variable(known, ..)| *known == name), "{name}");
        }
        assert!(VARIABLES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
