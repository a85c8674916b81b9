//! Somebody signs in at an issuer of tokens (OpenID Connect). In: the issuer's address, and what this program is called there. Out: a token
//! of identity that answers what was asked here, or why there is none. What it does not do: look at the token's signature, for it comes
//! from the issuer itself over TLS (OpenID Connect Core 1.0 §3.1.3.7), and the certificate authority looks at it.

mod browser;
mod callback;
mod credentials;
mod device;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Uri;
use plimsoll_sources::registry::answer::shown;
use plimsoll_sources::registry::endpoint::is_loopback;
use plimsoll_sources::service::form;
use plimsoll_sources::{ServiceRequest, Sources};
use plimsoll_trust::Hash;
use plimsoll_trust::signing::IdentityToken;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Failure;
pub use browser::signed_in as at_a_browser;
pub use credentials::signed_in as with_a_secret;
pub use device::signed_in as with_a_code;

/// Bytes of what issuers answer.
const MAX_ANSWER: u64 = 64 << 10;
/// How long somebody may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// What is asked of an issuer: a token of identity, with an address of mail where there is one.
const SCOPE: (&str, &str) = ("scope", "openid email");

/// The type of what an issuer is sent.
const FORM: &str = "application/x-www-form-urlencoded";

/// What this program is at an issuer.
pub struct Client {
    pub id: String,
    /// What it proves that with, where the issuer gave it one.
    pub secret: Option<Zeroizing<String>>,
}

/// An issuer of tokens that said what it speaks.
pub struct Issuer<'a> {
    /// As it calls itself.
    name: String,
    about: Value,
    client: &'a Client,
    sources: &'a Sources,
}

impl<'a> Issuer<'a> {
    /// The issuer at an address, which has to call itself by it (OpenID Connect Discovery 1.0 §4).
    ///
    /// # Errors
    /// It cannot be asked, or is another.
    pub fn at(address: &str, client: &'a Client, sources: &'a Sources) -> Result<Issuer<'a>, Failure> {
        let address = address.trim_end_matches('/');
        let about = format!("{address}/.well-known/openid-configuration");
        let about = asked(sources, &question("what the issuer of tokens speaks", &about))?;
        let name = about["issuer"].as_str().filter(|name| name.trim_end_matches('/') == address).map(str::to_owned);
        let name = name.ok_or_else(|| format!("the issuer of tokens at {address} calls itself otherwise"))?;
        Ok(Issuer { name, about, client, sources })
    }

    /// Where it takes something, which is safe.
    fn place(&self, name: &str) -> Result<&str, Failure> {
        let none = || {
            let issuer = &self.name;
            format!("the issuer of tokens at {issuer} names no {name}: give a token with --identity-token")
        };
        self.safe(self.about[name].as_str().ok_or_else(none)?)
    }

    /// An address that it names, if what goes there goes to nobody else.
    fn safe<'b>(&self, address: &'b str) -> Result<&'b str, Failure> {
        match is_safe(&self.name, address) {
            true => Ok(address),
            false => Err(format!(
                "the issuer of tokens at {} sends on to {}, which is not safe: over HTTPS it would be",
                self.name,
                plimsoll_sources::shown_address(&shown(address))
            )
            .into()),
        }
    }

    /// A form that says who asks (RFC 6749 §2.3.1).
    fn form(&self, pairs: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
        let secret = self.client.secret.as_ref().map(|secret| ("client_secret", secret.as_str()));
        let all = [("client_id", self.client.id.as_str())].into_iter().chain(secret).chain(pairs.iter().copied());
        Zeroizing::new(form(&all.collect::<Vec<_>>()))
    }

    /// Asks for a token (RFC 6749 §3.2), which has to have the nonce where there was one. The issuer's own word for a refusal is the inner
    /// error.
    fn token(&self, pairs: &[(&str, &str)], nonce: Option<&str>) -> Result<Result<IdentityToken, String>, Failure> {
        let (place, body) = (self.place("token_endpoint")?, self.form(pairs));
        let question = ServiceRequest {
            body: Some((FORM, &body)),
            statuses: &[200, 400, 401],
            // An issuer that sees a code again takes it for stolen (RFC 6749 §4.1.2).
            once: pairs.iter().any(|(name, _)| *name == "code"),
            ..question("an identity token", place)
        };
        let answer = asked(self.sources, &question)?;
        if let Some(text) = answer["id_token"].as_str() {
            let token = IdentityToken::parse(text)?;
            token.answers(&self.name, &self.client.id, nonce)?;
            return Ok(Ok(token));
        }
        match answer["error"].as_str() {
            Some(why) => Ok(Err(shown(why))),
            None => Err("the issuer of tokens answers with neither a token nor a reason".into()),
        }
    }
}

/// What an issuer is asked, whose answers are nobody else's to see.
pub fn question<'a>(what: &'a str, address: &'a str) -> ServiceRequest<'a> {
    ServiceRequest {
        what,
        address,
        accept: "application/json",
        bearer: None,
        body: None,
        is_secret: true,
        once: false,
        statuses: &[200],
        limit: MAX_ANSWER,
    }
}

/// The JSON that an issuer answers.
pub fn asked(sources: &Sources, question: &ServiceRequest<'_>) -> Result<Value, Failure> {
    let bytes = Zeroizing::new(sources.ask(question)?.bytes);
    serde_json::from_slice(&bytes).map_err(|_| format!("{} is not the JSON that belongs there", question.what).into())
}

/// What of a verifier an issuer is told before it has to see it (RFC 7636 §4.2, S256).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Hash::Sha256.of(verifier.as_bytes()))
}

/// Whether an issuer may send on to an address: over TLS; or to this machine, where it is on this machine itself. Another's could have
/// whoever signs in here speak to whatever listens here.
fn is_safe(issuer: &str, address: &str) -> bool {
    let of = |address: &str| {
        let uri = address.parse::<Uri>().ok()?;
        Some((uri.scheme_str()?.to_owned(), is_loopback(uri.host()?)))
    };
    match of(address) {
        Some((scheme, _)) if scheme == "https" => true,
        Some((scheme, true)) if scheme == "http" => of(issuer) == Some((scheme, true)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_that_of_the_specification() {
        // RFC 7636, appendix B.
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_issuer_sends_on_over_tls_or_from_this_machine_to_itself() {
        let (far, near) = ("https://i.example", "http://127.0.0.1:1");
        for good in ["https://i.example/auth?a=b", "https://else.example", "https://localhost/"] {
            assert!(is_safe(far, good) && is_safe(near, good), "{good}");
        }
        for here in ["http://127.0.0.1:1/auth", "http://localhost/", "http://[::1]:1/"] {
            assert!(is_safe(near, here) && is_safe("http://localhost", here), "{here}");
            for issuer in [far, "https://localhost", "http://i.example", "http://localhost.i.example"] {
                assert!(!is_safe(issuer, here), "{issuer}, {here}");
            }
        }
        for bad in [
            "http://i.example/auth",
            "http://localhost.i.example/",
            "http://localhost@i.example/",
            "http://localhost\\@i.example/",
            "https://i.example/\nVerified OK",
            "file:///etc/passwd",
            "javascript:1",
            "--help",
            "/auth",
            "",
        ] {
            assert!(!is_safe(far, bad) && !is_safe(near, bad), "{bad}");
        }
    }
}
