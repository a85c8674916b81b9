//! Tokens of identity. In: a flag, the environment of a CI, or somebody at a browser. Out: a token. What it does not do: look at its
//! signature: the certificate authority does.

use std::time::{Duration, Instant};

use plimsoll_sources::service::{form, with_query};
use plimsoll_sources::{ServiceRequest, Sources};
use plimsoll_trust::Hash;
use plimsoll_trust::signing::{IdentityToken, random_text};
use serde_json::Value;
use zeroize::Zeroizing;

use super::flags::Services as Flags;
use super::{Failure, say};

/// Whom a token is for.
const AUDIENCE: &str = "sigstore";
/// Bytes of a token's file, and of what issuers answer.
const MAX_TOKEN: u64 = 64 << 10;
/// Where a token lies that was put there for this.
const PLACE: &str = "/var/run/sigstore/cosign/oidc-token";
/// How long somebody may take at a browser.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long to wait between two questions whether somebody is done, where the issuer does not say (RFC 8628 §3.5), at least and at most.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The token that the flags lead to, else the environment's, else what somebody signs in for.
pub fn found(flags: &Flags, issuer: Option<&str>, sources: &Sources) -> Result<IdentityToken, Failure> {
    let signs_in = match flags.fulcio_auth_flow.as_deref().unwrap_or("device") {
        "device" | "" => true,
        "token" => false,
        other => return Err(format!("--fulcio-auth-flow {other} is not spoken here: device and token are").into()),
    };
    if let Some(given) = flags.identity_token.as_deref().filter(|given| !given.is_empty()) {
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
        && let Some(token) = ambient(flags.oidc_provider.as_deref().filter(|name| !name.is_empty()), sources)?
    {
        return Ok(token);
    }
    if !signs_in {
        return Err("--fulcio-auth-flow token wants --identity-token".into());
    }
    let issuer = issuer.ok_or("the signing configuration names no issuer of tokens: give one with --identity-token")?;
    device(issuer, flags.oidc_client_id.as_deref().unwrap_or(AUDIENCE), sources)
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
    let answer = asked(sources, "an identity token of GitHub Actions", &address, Some(bearer), None, &[200])?;
    let token = answer["value"].as_str().ok_or("GitHub Actions answers without an identity token")?;
    Ok(IdentityToken::parse(token)?)
}

/// JSON of an issuer, whose answers are nobody else's to see.
fn asked(
    sources: &Sources,
    what: &str,
    address: &str,
    bearer: Option<&str>,
    body: Option<&[u8]>,
    statuses: &[u16],
) -> Result<Value, Failure> {
    let request = ServiceRequest {
        what,
        address,
        accept: "application/json",
        bearer,
        body: body.map(|bytes| ("application/x-www-form-urlencoded", bytes)),
        is_secret: true,
        statuses,
        limit: MAX_TOKEN,
    };
    let bytes = Zeroizing::new(sources.ask(&request)?.bytes);
    serde_json::from_slice(&bytes).map_err(|_| format!("{what} is not the JSON that belongs there").into())
}

/// Somebody signs in at a browser, anywhere, with a code that is shown here (RFC 8628), bound to this process (RFC 7636).
fn device(issuer: &str, client: &str, sources: &Sources) -> Result<IdentityToken, Failure> {
    let issuer = issuer.trim_end_matches('/');
    let about = format!("{issuer}/.well-known/openid-configuration");
    let about = asked(sources, "what the issuer of tokens speaks", &about, None, None, &[200])?;
    if about["issuer"].as_str().map(|name| name.trim_end_matches('/')) != Some(issuer) {
        return Err(format!("the issuer of tokens at {issuer} calls itself otherwise").into());
    }
    let place = |name: &str| {
        let place = about[name].as_str();
        place.ok_or_else(|| {
            Failure::from(format!(
                "the issuer of tokens at {issuer} names no {name}: give a token with --identity-token"
            ))
        })
    };
    let (codes, tokens) = (place("device_authorization_endpoint")?, place("token_endpoint")?);
    let verifier = random_text()?;
    let challenge = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Hash::Sha256.of(verifier.as_bytes()))
    };
    let scope = ("scope", "openid email");
    let wanted =
        form(&[("client_id", client), scope, ("code_challenge_method", "S256"), ("code_challenge", &challenge)]);
    let opened = asked(sources, "a code to sign in with", codes, None, Some(&wanted), &[200])?;
    let text = |name: &str| opened[name].as_str().unwrap_or_default();
    let (code, at) = (text("user_code"), [text("verification_uri_complete"), text("verification_uri")]);
    let at = at.into_iter().find(|at| !at.is_empty()).ok_or("the issuer of tokens does not say where to sign in")?;
    say(&format!("Enter the verification code {code} in your browser at: {at}"));
    let seconds = |name: &str| opened[name].as_u64().map(Duration::from_secs);
    let until = Instant::now() + seconds("expires_in").unwrap_or(PATIENCE).min(PATIENCE);
    let mut pause = seconds("interval").unwrap_or(PAUSE).clamp(Duration::from_secs(1), LONGEST_PAUSE);
    let wanted = Zeroizing::new(form(&[
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client),
        ("device_code", text("device_code")),
        scope,
        ("code_verifier", &verifier),
    ]));
    while Instant::now() + pause < until {
        std::thread::sleep(pause);
        let answer = asked(sources, "an identity token", tokens, None, Some(&wanted), &[200, 400, 401])?;
        if let Some(token) = answer["id_token"].as_str() {
            return Ok(IdentityToken::parse(token)?);
        }
        match answer["error"].as_str() {
            Some("authorization_pending") => {}
            Some("slow_down") => pause = (pause + PAUSE).min(LONGEST_PAUSE),
            Some(why) => return Err(format!("nobody signed in: {why}").into()),
            None => return Err("the issuer of tokens answers with neither a token nor a reason".into()),
        }
    }
    Err("nobody signed in in time".into())
}
