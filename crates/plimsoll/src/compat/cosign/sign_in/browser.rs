//! The flow of a browser on this machine (RFC 8252): a code comes to loopback, and is worth a token to this process alone (RFC 7636). In: an
//! issuer. Out: the token of whoever signs in there.

use std::process::{Command, Stdio};

use plimsoll_sources::service::with_query;
use plimsoll_trust::signing::{IdentityToken, random_text};

use super::super::{Failure, environment, say};
use super::callback::{Callback, Expected};
use super::{Issuer, PATIENCE, SCOPE, challenge};

/// What opens an address in somebody's browser.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// The token of whoever signs in at a browser, whose answer comes to `redirect` where that is named.
///
/// # Errors
/// The issuer speaks otherwise, nothing can listen there, or nobody signs in.
pub fn signed_in(issuer: &Issuer<'_>, redirect: Option<&str>) -> Result<IdentityToken, Failure> {
    binds_codes(issuer)?;
    let at = issuer.place("authorization_endpoint")?;
    issuer.place("token_endpoint")?;
    let callback = Callback::at(redirect)?;
    let (state, nonce, verifier) = (random_text()?, random_text()?, random_text()?);
    let address = with_query(
        at,
        &[
            ("response_type", "code"),
            ("client_id", &issuer.client.id),
            ("redirect_uri", callback.address()),
            SCOPE,
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge(&verifier)),
        ],
    )?;
    say(&format!("Your browser will now be opened to:\n{address}"));
    open(&address);
    let place = callback.address().to_owned();
    let expected = Expected {
        state: &state,
        issuer: &issuer.name,
        names_issuer: issuer.about["authorization_response_iss_parameter_supported"] == true,
    };
    let code = callback.answer(&expected, PATIENCE)?;
    let answered = issuer.token(
        &[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &place),
            ("code_verifier", &verifier),
        ],
        Some(&nonce),
    )?;
    answered.map_err(|why| format!("the issuer of tokens gives none: {why}").into())
}

/// Refuses an issuer that does not say that it binds codes: whoever else on this machine sees a code could turn it into a token.
fn binds_codes(issuer: &Issuer<'_>) -> Result<(), Failure> {
    let ways = issuer.about["code_challenge_methods_supported"].as_array();
    match ways.is_some_and(|ways| ways.iter().any(|way| way == "S256")) {
        true => Ok(()),
        false => Err(format!(
            "the issuer of tokens at {} does not say that it binds codes to whoever asked (PKCE, S256): --fulcio-auth-flow device needs no such \
             code",
            issuer.name
        )
        .into()),
    }
}

/// Opens a browser where there is one. What it prints would stand between our own words, and it is told no secret of ours.
fn open(address: &str) {
    let mut opener = Command::new(OPENER);
    opener.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in environment::secrets() {
        opener.env_remove(name);
    }
    let none = || {
        say(
            "No browser could be opened here: open the address in one on this machine; on another, --fulcio-auth-flow device does.",
        );
    };
    match opener.spawn() {
        // It may last as long as the browser.
        Ok(mut opened) => drop(std::thread::spawn(move || {
            if !opened.wait().is_ok_and(|status| status.success()) {
                none();
            }
        })),
        Err(_) => none(),
    }
}
