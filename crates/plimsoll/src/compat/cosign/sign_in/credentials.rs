//! The flow of a program that signs in its own name (RFC 6749 §4.4). In: an issuer, and the secret that it gave the program. Out: a token.

use plimsoll_trust::signing::IdentityToken;

use super::super::Failure;
use super::{Issuer, SCOPE};

/// The program's own token.
///
/// # Errors
/// There is no secret, or the issuer gives no token for it.
pub fn signed_in(issuer: &Issuer<'_>) -> Result<IdentityToken, Failure> {
    if issuer.client.secret.is_none() {
        return Err("--fulcio-auth-flow client_credentials wants --oidc-client-secret-file".into());
    }
    let answered = issuer.token(&[("grant_type", "client_credentials"), SCOPE], None)?;
    answered.map_err(|why| format!("the issuer of tokens gives none: {why}").into())
}
