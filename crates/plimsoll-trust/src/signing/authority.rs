//! The authority that issues certificates to signers, Fulcio by its second API. In: a key and a token; its answer. Out: what it is asked;
//! the certificate, not believed yet.

use serde_json::{Value, json};

use super::token::IdentityToken;
use crate::certificate::Certificate;
use crate::dsse::encode;
use crate::json;
use crate::keys;
use crate::public_key::{PublicKey, Scheme};
use crate::refusal::{Reason, Refusal, malformed};

/// The body of a request for a certificate of this key's, for whom the token names: the token's subject, signed, proves that the key is
/// at hand. The token itself goes beside it.
///
/// # Errors
/// The key's keeper does not sign.
pub fn certificate_request(token: &IdentityToken, key: &dyn keys::Signer) -> Result<Vec<u8>, Refusal> {
    let public = PublicKey::from_spki(key.spki())?;
    let algorithm = match public.scheme() {
        Scheme::EcdsaP256 | Scheme::EcdsaP384 => "ECDSA",
        Scheme::Ed25519 => "ED25519",
        Scheme::Rsa => "RSA_PSS",
    };
    let body = json!({"publicKeyRequest": {
        "publicKey": {"algorithm": algorithm, "content": public.to_pem()},
        "proofOfPossession": encode(&key.sign(token.subject().as_bytes())?),
    }});
    Ok(body.to_string().into_bytes())
}

/// The certificate in the answer, which is for this key.
///
/// # Errors
/// `malformed`; `key-mismatch` where it is another key's; `identity-mismatch` where the token names an address of mail and the
/// certificate another.
pub fn certificate(answer: &[u8], token: &IdentityToken, key: &dyn keys::Signer) -> Result<Certificate, Refusal> {
    let what = "the answer of the certificate authority";
    let value = json::parse_holder(answer, what)?;
    let forms = ["signedCertificateEmbeddedSct", "signedCertificateDetachedSct"];
    let first = forms.iter().find_map(|form| {
        let chain = json::member(&value, form)?.get("chain")?;
        chain.get("certificates")?.as_array()?.first().and_then(Value::as_str)
    });
    let first = first.ok_or_else(|| malformed(format!("{what} holds no certificate")))?;
    let all = Certificate::all_from_pem(first.as_bytes())?;
    let [certificate] = all.as_slice() else {
        return Err(malformed(format!("{what} holds {} certificates where one is expected", all.len())));
    };
    if certificate.key().spki() != key.spki() {
        let why = "the certificate authority issued a certificate for another key than was asked for";
        return Err(Refusal::new(Reason::KeyMismatch, why));
    }
    let name = certificate.name()?;
    if let Some(email) = token.email()
        && name.text() != email
    {
        let why = format!(
            "the certificate authority issued a certificate for {:?}, and the token is of {email:?}",
            name.text()
        );
        return Err(Refusal::new(Reason::IdentityMismatch, why));
    }
    Ok(certificate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;

    fn token() -> IdentityToken {
        use base64::Engine as _;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"sub":"somebody"}"#);
        IdentityToken::parse(&format!("e30.{claims}.AAAA")).unwrap()
    }

    #[test]
    fn a_request_proves_that_the_key_is_at_hand_and_holds_no_token() {
        let key = PrivateKey::generate().unwrap();
        let request = certificate_request(&token(), &key).unwrap();
        let value: Value = serde_json::from_slice(&request).unwrap();
        let asked = &value["publicKeyRequest"];
        let public = PublicKey::from_pem(asked["publicKey"]["content"].as_str().unwrap().as_bytes()).unwrap();
        let proof = json::bytes(asked, "proofOfPossession", "it").unwrap();
        assert_eq!(
            (public.verify(b"somebody", &proof), asked["publicKey"]["algorithm"].as_str()),
            (Ok(()), Some("ECDSA"))
        );
        assert!(!String::from_utf8(request).unwrap().contains(token().text()));
    }

    #[test]
    fn answers_without_a_certificate_are_refused() {
        let key = PrivateKey::generate().unwrap();
        for answer in [
            "",
            "{}",
            r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":[]}}}"#,
            r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":[7]}}}"#,
            r#"{"signedCertificateEmbeddedSct":{"chain":{"certificates":["x"]}}}"#,
        ] {
            assert_eq!(
                certificate(answer.as_bytes(), &token(), &key).unwrap_err().reason,
                Reason::Malformed,
                "{answer}"
            );
        }
    }
}
