//! Tokens of identity (JWT of OpenID Connect). In: text. Out: the token, whose text is wiped from memory here when it goes (what parsers,
//! flags and HTTP copied of it is not), and what it says of whom. What it does not do: believe it: the authority that is asked for a certificate looks at its signature, and nobody else has to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::json;
use crate::refusal::{Reason, Refusal, malformed};

/// Tokens have one or two kilobytes.
const MOST_BYTES: usize = 64 << 10;
/// Letters of another issuer's name that are shown.
const MOST_SHOWN: usize = 200;

/// A text of 256 random bits in letters that addresses have: what binds an answer to whoever asked (RFC 7636 §4.1).
///
/// # Errors
/// The system gives no random bytes.
pub fn random_text() -> Result<Zeroizing<String>, Refusal> {
    let mut bytes = Zeroizing::new([0; 32]);
    let none = |_| Refusal::new(Reason::NoRandomness, "the system gives no random bytes");
    SystemRandom::new().fill(bytes.as_mut_slice()).map_err(none)?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// A token of identity.
pub struct IdentityToken {
    text: Zeroizing<String>,
    subject: String,
    email: bool,
    expires: Option<Timestamp>,
    issuer: Option<String>,
    audiences: Vec<String>,
    party: Option<String>,
    nonce: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for IdentityToken {
    /// Of whom it is, and nothing of it: whoever has it can sign in that name.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "IdentityToken({:?})", self.subject)
    }
}

impl IdentityToken {
    /// The token in `text`, around which there may be white space.
    ///
    /// # Errors
    /// `malformed` for what is none, or names nobody, or an address of mail that nobody has looked at; `too-large`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let wrong = |why: &str| malformed(format!("the identity token {why}"));
        if text.len() > MOST_BYTES {
            return Err(Refusal::new(Reason::TooLarge, format!("an identity token of more than {MOST_BYTES} bytes")));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [_, claims, _] = parts.as_slice() else { return Err(wrong("is none: it has not three parts")) };
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            return Err(wrong("has letters that none has"));
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map(Zeroizing::new).map_err(|_| wrong("is no base64"))?;
        let claims = json::parse(&claims, "the identity token")?;
        let named = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (subject, email) = match (named("email"), named("sub")) {
            (Some(email), _) => {
                // Some issuers write it as a text.
                let verified = claims.get("email_verified");
                let verified =
                    verified.is_some_and(|v| *v == true || v.as_str().is_some_and(|v| v.eq_ignore_ascii_case("true")));
                if !verified {
                    return Err(wrong("names an address of mail that its issuer has not verified"));
                }
                (email.to_owned(), true)
            }
            (None, Some(subject)) => (subject.to_owned(), false),
            (None, None) => return Err(wrong("names nobody")),
        };
        let expires = claims.get("exp").and_then(Value::as_i64).and_then(|at| Timestamp::from_second(at).ok());
        let audiences = match claims.get("aud") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(all)) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
            Some(one) => one.as_str().map(|one| vec![one.to_owned()]),
        };
        let audiences = audiences.ok_or_else(|| wrong("is for a program whose name is no text"))?;
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            subject,
            email,
            expires,
            issuer: named("iss").map(str::to_owned),
            audiences,
            party: named("azp").map(str::to_owned),
            nonce: named("nonce").map(|nonce| Zeroizing::new(nonce.to_owned())),
        })
    }

    /// The token itself, for the authority alone.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whom it names: what is signed to prove that the key is at hand.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The address of mail that it names, which a certificate for it must name, too.
    pub fn email(&self) -> Option<&str> {
        self.email.then_some(self.subject.as_str())
    }

    /// Refuses one that does not answer a question of ours: of another issuer, for another program, or in answer to another question, where
    /// ours had a `nonce` (OpenID Connect Core 1.0 §3.1.3.7).
    ///
    /// # Errors
    /// `issuer-mismatch`, `token-other-question`.
    pub fn answers(&self, issuer: &str, client: &str, nonce: Option<&str>) -> Result<(), Refusal> {
        if self.issuer.as_deref() != Some(issuer) {
            let other: String = self.issuer.as_deref().unwrap_or_default().chars().take(MOST_SHOWN).collect();
            let why = format!("the identity token is of the issuer {other:?}, and {issuer:?} was asked");
            return Err(Refusal::new(Reason::IssuerMismatch, why));
        }
        let other = |why: &str| Err(Refusal::new(Reason::TokenOther, format!("the identity token is {why}")));
        let is_ours = match self.audiences.as_slice() {
            [one] => one == client,
            // One of several has to be said to be who asked.
            several => several.iter().any(|one| one == client) && self.party.as_deref() == Some(client),
        };
        if !is_ours || self.party.as_deref().is_some_and(|party| party != client) {
            return other("for another program");
        }
        if nonce.is_some_and(|nonce| self.nonce.as_ref().map(|nonce| nonce.as_str()) != Some(nonce)) {
            return other("not the answer to what was asked: its nonce is another");
        }
        Ok(())
    }

    /// Refuses one that is over: the authority would, in words that say less.
    ///
    /// # Errors
    /// `certificate-not-valid`.
    pub fn lasts(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.expires {
            Some(at) if at <= now => {
                Err(Refusal::new(Reason::CertificateNotValid, format!("the identity token was good until {at} alone")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn tokens_name_somebody_and_are_never_shown() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let text = token(r#"{"sub":"x","email":"a@example.com","email_verified":"true","exp":100}"#);
        let read = IdentityToken::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(
            (read.text(), read.subject(), read.email()),
            (text.as_str(), "a@example.com", Some("a@example.com"))
        );
        assert!(read.lasts(at(99)).is_ok() && read.lasts(at(100)).is_err());
        assert_eq!(format!("{read:?}"), "IdentityToken(\"a@example.com\")");
        let read = IdentityToken::parse(&token(r#"{"sub":"repo:acme/shop","email":""}"#)).unwrap();
        assert_eq!((read.subject(), read.email()), ("repo:acme/shop", None));
        assert!(read.lasts(at(i64::from(u32::MAX))).is_ok());
    }

    #[test]
    fn a_token_of_another_issuer_program_or_question_is_no_answer() {
        let held = |claims: &str, nonce| {
            let token = IdentityToken::parse(&token(claims)).unwrap();
            token.answers("https://i", "c", nonce).map_err(|why| why.reason)
        };
        for good in [
            r#"{"sub":"a","iss":"https://i","aud":"c","nonce":"n"}"#,
            r#"{"sub":"a","iss":"https://i","aud":["c"],"nonce":"n"}"#,
            r#"{"sub":"a","iss":"https://i","aud":["d","c"],"azp":"c","nonce":"n"}"#,
        ] {
            assert_eq!((held(good, Some("n")), held(good, None)), (Ok(()), Ok(())), "{good}");
            assert_eq!(held(good, Some("m")), Err(Reason::TokenOther), "{good}");
        }
        for (bad, why) in [
            (r#"{"sub":"a","iss":"https://i/","aud":"c","nonce":"n"}"#, Reason::IssuerMismatch),
            (r#"{"sub":"a","aud":"c","nonce":"n"}"#, Reason::IssuerMismatch),
            (r#"{"sub":"a","iss":"https://i","nonce":"n"}"#, Reason::TokenOther),
            (r#"{"sub":"a","iss":"https://i","aud":"d","nonce":"n"}"#, Reason::TokenOther),
            (r#"{"sub":"a","iss":"https://i","aud":["c","d"],"nonce":"n"}"#, Reason::TokenOther),
            (r#"{"sub":"a","iss":"https://i","aud":"c","azp":"d","nonce":"n"}"#, Reason::TokenOther),
            (r#"{"sub":"a","iss":"https://i","aud":[],"nonce":"n"}"#, Reason::TokenOther),
            (r#"{"sub":"a","iss":"https://i","aud":"c"}"#, Reason::TokenOther),
            (r#"{"sub":"a","iss":"https://i","aud":"c","nonce":7}"#, Reason::TokenOther),
        ] {
            assert_eq!(held(bad, Some("n")), Err(why), "{bad}");
        }
    }

    #[test]
    fn the_name_of_another_issuer_is_shown_in_part() {
        let text = token(&format!(r#"{{"sub":"a","iss":"{}"}}"#, "é".repeat(3000)));
        let why = IdentityToken::parse(&text).unwrap().answers("https://i", "c", None).unwrap_err().to_string();
        assert_eq!(why.matches('é').count(), MOST_SHOWN, "{why}");
    }

    #[test]
    fn what_names_nobody_or_nobody_has_looked_at_is_refused() {
        for claims in [
            "{}",
            r#"{"sub":""}"#,
            r#"{"sub":1}"#,
            r#"{"email":"a@example.com"}"#,
            r#"{"email":"a@example.com","email_verified":false,"sub":"x"}"#,
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","aud":["c",7]}"#,
            r#"{"sub":"a","aud":[["c"]]}"#,
            r#"{"sub":"a","aud":{"c":1}}"#,
            r#"{"sub":"a","aud":7}"#,
            "[]",
            "",
        ] {
            assert_eq!(IdentityToken::parse(&token(claims)).unwrap_err().reason, Reason::Malformed, "{claims}");
        }
        let good = token(r#"{"sub":"a"}"#);
        for bad in
            ["", "a.b", "/var/run/token", &format!("{good}.x"), &good.replace("e30", "e3\r\nX: y"), &format!("{good}=")]
        {
            assert_eq!(IdentityToken::parse(bad).unwrap_err().reason, Reason::Malformed, "{bad}");
        }
        assert_eq!(IdentityToken::parse(&"a".repeat(MOST_BYTES + 1)).unwrap_err().reason, Reason::TooLarge);
    }
}
