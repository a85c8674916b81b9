//! Tokens of identity. In: a flag, the environment of a CI, or somebody at a browser. Out: a token. What it does not do: look at its
//! signature: the certificate authority does.

use std::io::IsTerminal as _;

use plimsoll_sources::registry::answer::shown;
use plimsoll_sources::service::with_query;
use plimsoll_sources::{ServiceRequest, Sources};
use plimsoll_trust::signing::IdentityToken;
use zeroize::Zeroizing;

use super::flags::{Services as Flags, given};
use super::{Failure, say, sign_in};

/// Whom a token is for.
const AUDIENCE: &str = "sigstore";
/// Bytes of a token's file.
const MAX_TOKEN: u64 = 64 << 10;
/// Bytes of the file of a client's secret.
const MAX_SECRET: u64 = 4 << 10;
/// Where a token lies that was put there for this.
const PLACE: &str = "/var/run/sigstore/cosign/oidc-token";

/// How somebody signs in where there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// At a browser on this machine.
    Browser,
    /// At a browser on whatever machine, with a code.
    Device,
    /// Not at all.
    Given,
    /// A program does, in its own name.
    Credentials,
}

/// The same as `--fulcio-auth-flow` names them.
const FLOWS: &[(&str, Flow)] = &[
    ("normal", Flow::Browser),
    ("device", Flow::Device),
    ("token", Flow::Given),
    ("client_credentials", Flow::Credentials),
];

impl Flow {
    /// The flow of that name; without one, Cosign's: a browser where somebody is there, else a code.
    fn of(name: Option<&str>, somebody: bool) -> Result<Flow, Failure> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(if somebody { Flow::Browser } else { Flow::Device });
        };
        let found = FLOWS.iter().find(|(known, _)| *known == name).map(|(_, flow)| *flow);
        found.ok_or_else(|| {
            let known: Vec<&str> = FLOWS.iter().map(|(name, _)| *name).collect();
            format!("--fulcio-auth-flow {name} is not spoken here: {} are", known.join(", ")).into()
        })
    }
}

/// The token that the flags lead to, else the environment's, else what somebody signs in for.
pub fn found(flags: &Flags, issuer: Option<&str>, sources: &Sources) -> Result<IdentityToken, Failure> {
    let flow = Flow::of(flags.fulcio_auth_flow.as_deref(), std::io::stdin().is_terminal())?;
    if let Some(given) = given(&flags.identity_token) {
        // The token itself, or its file.
        return match IdentityToken::parse(given) {
            Ok(token) => Ok(token),
            Err(why) if !std::path::Path::new(given).exists() => {
                Err(format!("--identity-token is neither a token nor a file: {why}").into())
            }
            Err(_) => of_file(given),
        };
    }
    if !flags.oidc_disable_ambient_providers
        && let Some(token) = ambient(given(&flags.oidc_provider), sources)?
    {
        return Ok(token);
    }
    let issuer = issuer.ok_or("the signing configuration names no issuer of tokens: give one with --identity-token")?;
    signed_in(flow, flags, issuer, sources)
}

/// The token of whoever signs in at an issuer.
fn signed_in(flow: Flow, flags: &Flags, issuer: &str, sources: &Sources) -> Result<IdentityToken, Failure> {
    let redirect = given(&flags.oidc_redirect_url);
    let sign_in: &dyn Fn(&sign_in::Issuer<'_>) -> Result<IdentityToken, Failure> = match flow {
        Flow::Browser => &|issuer| sign_in::at_a_browser(issuer, redirect),
        Flow::Device => &sign_in::with_a_code,
        Flow::Credentials => &sign_in::with_a_secret,
        Flow::Given => return Err("--fulcio-auth-flow token wants --identity-token".into()),
    };
    if redirect.is_some() && flow != Flow::Browser {
        say(
            "WARNING: --oidc-redirect-url is where a browser's answer comes (--fulcio-auth-flow normal): none comes here",
        );
    }
    let client = sign_in::Client {
        id: given(&flags.oidc_client_id).unwrap_or(AUDIENCE).to_owned(),
        secret: given(&flags.oidc_client_secret_file).map(secret).transpose()?,
    };
    let token = sign_in(&sign_in::Issuer::at(issuer, &client, sources)?)?;
    // Whoever else sees what was asked could have signed in for it: then it is another name.
    say(&format!("Signed in as {}", shown(token.subject())));
    Ok(token)
}

/// A client's secret, around which there may be white space.
fn secret(path: &str) -> Result<Zeroizing<String>, Failure> {
    let text = Zeroizing::new(super::read(path, MAX_SECRET)?);
    let text = std::str::from_utf8(&text).map_err(|_| format!("{path} holds no secret: it is no text"))?.trim();
    match text.is_empty() {
        true => Err(format!("{path} holds no secret: it is empty").into()),
        false => Ok(Zeroizing::new(text.to_owned())),
    }
}

fn of_file(path: &str) -> Result<IdentityToken, Failure> {
    let text = Zeroizing::new(super::read(path, MAX_TOKEN)?);
    let text = std::str::from_utf8(&text).map_err(|_| format!("{path} holds no token: it is no text"))?;
    IdentityToken::parse(text).map_err(|why| format!("{path} holds no token: {why}").into())
}

/// What the environment of a CI gives; nothing where this is none.
fn ambient(only: Option<&str>, sources: &Sources) -> Result<Option<IdentityToken>, Failure> {
    let known = ["envvar", "filesystem", "github-actions"];
    if let Some(name) = only.filter(|name| !known.contains(name)) {
        return Err(format!("--oidc-provider {name} is not spoken here: {} are", known.join(", ")).into());
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new);
    for name in known.iter().filter(|name| only.is_none_or(|only| only == **name)) {
        let token = match *name {
            // GitLab's pipelines set it, and whoever else wants to.
            "envvar" => variable("SIGSTORE_ID_TOKEN")
                .map(|text| {
                    IdentityToken::parse(&text).map_err(|why| format!("SIGSTORE_ID_TOKEN holds no token: {why}"))
                })
                .transpose()?,
            "filesystem" => std::path::Path::new(PLACE).exists().then(|| of_file(PLACE)).transpose()?,
            _ => match (variable("ACTIONS_ID_TOKEN_REQUEST_URL"), variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")) {
                (Some(address), Some(bearer)) => Some(of_github(&address, &bearer, sources)?),
                _ => None,
            },
        };
        if token.is_some() {
            return Ok(token);
        }
    }
    match only {
        Some(name) => Err(format!("--oidc-provider {name} gives no token here").into()),
        None => Ok(None),
    }
}

fn of_github(address: &str, bearer: &str, sources: &Sources) -> Result<IdentityToken, Failure> {
    let address = with_query(address, &[("audience", AUDIENCE)])?;
    let question = sign_in::question("an identity token of GitHub Actions", &address);
    let answer = sign_in::asked(sources, &ServiceRequest { bearer: Some(bearer), ..question })?;
    let token = answer["value"].as_str().ok_or("GitHub Actions answers without an identity token")?;
    Ok(IdentityToken::parse(token)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_for_somebody_and_a_code_for_nobody_unless_a_flow_is_named() {
        let of = |name, somebody| Flow::of(name, somebody).map_err(|failure| failure.why);
        for (name, flow) in FLOWS {
            assert_eq!((of(Some(name), true), of(Some(name), false)), (Ok(*flow), Ok(*flow)));
        }
        for none in [None, Some("")] {
            assert_eq!((of(none, true), of(none, false)), (Ok(Flow::Browser), Ok(Flow::Device)));
        }
        let why = of(Some("Normal"), true).unwrap_err();
        assert!(why.ends_with("is not spoken here: normal, device, token, client_credentials are"), "{why}");
    }
}
