//! The device flow (RFC 8628), bound to this process (RFC 7636). In: an issuer. Out: a token, after somebody entered a code that is shown
//! here in a browser on whatever machine.

use std::time::{Duration, Instant};

use plimsoll_sources::ServiceRequest;
use plimsoll_trust::signing::{IdentityToken, random_text};
use zeroize::Zeroizing;

use super::super::{Failure, say};
use super::{FORM, Issuer, PATIENCE, SCOPE, asked, challenge, question, shown};

/// How long to wait between two questions whether somebody is done, where the issuer does not say (RFC 8628 §3.5), at least and at most.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The token of whoever enters the code.
///
/// # Errors
/// The issuer speaks otherwise, or nobody signs in.
pub fn signed_in(issuer: &Issuer<'_>) -> Result<IdentityToken, Failure> {
    let codes = issuer.place("device_authorization_endpoint")?;
    issuer.place("token_endpoint")?;
    let verifier = random_text()?;
    let challenge = challenge(&verifier);
    let wanted = issuer.form(&[SCOPE, ("code_challenge_method", "S256"), ("code_challenge", &challenge)]);
    let question = ServiceRequest { body: Some((FORM, &wanted)), ..question("a code to sign in with", codes) };
    let opened = asked(issuer.sources, &question)?;
    let text = |name: &str| opened[name].as_str().unwrap_or_default();
    let (code, at) = (text("user_code"), [text("verification_uri_complete"), text("verification_uri")]);
    let at = at.into_iter().find(|at| !at.is_empty()).ok_or("the issuer of tokens does not say where to sign in")?;
    let at = issuer.safe(at)?;
    say(&format!("Enter the verification code {} in your browser at: {at}", shown(code)));
    let seconds = |name: &str| opened[name].as_u64().map(Duration::from_secs);
    let until = Instant::now() + seconds("expires_in").unwrap_or(PATIENCE).min(PATIENCE);
    let mut pause = seconds("interval").unwrap_or(PAUSE).clamp(Duration::from_secs(1), LONGEST_PAUSE);
    let device = Zeroizing::new(text("device_code").to_owned());
    let wanted = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", &device),
        SCOPE,
        ("code_verifier", &verifier),
    ];
    while Instant::now() + pause < until {
        std::thread::sleep(pause);
        match issuer.token(&wanted, None)? {
            Ok(token) => return Ok(token),
            Err(why) if why == "authorization_pending" => {}
            Err(why) if why == "slow_down" => pause = (pause + PAUSE).min(LONGEST_PAUSE),
            Err(why) => return Err(format!("nobody signed in: {why}").into()),
        }
    }
    Err("nobody signed in in time".into())
}
