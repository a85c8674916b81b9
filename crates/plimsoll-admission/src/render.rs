//! An answer to the bytes of the protocol that was asked in. What it does not do: decide anything, but for one thing:
//! a patch never goes where the API server would call it an error.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::answer::Answer;
use crate::review::Envelope;
use crate::words;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageReview<'a> {
    api_version: &'static str,
    kind: &'static str,
    status: ImageStatus<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageStatus<'a> {
    allowed: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionReview<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

/// The bytes of the answer.
pub fn render(envelope: &Envelope, answer: &Answer) -> Vec<u8> {
    let bytes = match envelope {
        Envelope::ImageReview => {
            let mut reason = answer.message.clone();
            // This protocol has no warnings; that there are some is all that fits.
            if !answer.allowed && !answer.warnings.is_empty() {
                reason = format!("{reason} (and {})", words::count(answer.warnings.len(), "warning"));
            }
            let status = ImageStatus { allowed: answer.allowed, reason, audit_annotations: &answer.audit };
            serde_json::to_vec(&ImageReview { api_version: "imagepolicy.k8s.io/v1alpha1", kind: "ImageReview", status })
        }
        Envelope::Admission { version, uid, mutating } => {
            // The API server turns a denial's code under 400 into 400; ours says what it means.
            let code = if answer.code < 400 { 403 } else { answer.code };
            let status = (!answer.allowed).then_some(Status { code, message: &answer.message });
            let patch = answer.patch.as_ref().filter(|patch| *mutating && answer.allowed && !patch.is_empty());
            serde_json::to_vec(&AdmissionReview {
                api_version: version.api_version(),
                kind: "AdmissionReview",
                response: Response {
                    uid,
                    allowed: answer.allowed,
                    status,
                    patch_type: patch.map(|_| "JSONPatch"),
                    patch: patch.map(|patch| STANDARD.encode(patch)),
                    warnings: &answer.warnings,
                    audit_annotations: &answer.audit,
                },
            })
        }
    };
    bytes.expect("texts, numbers and maps of texts always serialise, and memory is the only writer")
}
