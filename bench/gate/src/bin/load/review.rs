//! A review's file in, requests with an uid of their own out, and whether an answer is the right one. What the answer
//! should decide is the caller's word (`Expect`); nothing here reads images or policies.

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;

/// How much of an uid's end is overwritten with the request's number: the last group of a UUID.
const NUMBERED: usize = 12;

#[derive(Clone, Copy, ValueEnum)]
pub enum Expect {
    Allowed,
    Denied,
    Any,
}

/// A request as it goes over the wire, but for the number in its uid.
pub struct Template {
    bytes: Vec<u8>,
    api_version: String,
    kind: String,
    /// Where the uid stands in `bytes`; an ImageReview has none.
    uid: Option<(usize, usize)>,
}

impl Template {
    pub fn new(path: &str, authority: &str, body: &[u8]) -> Result<Self, String> {
        let review: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
        let text = |value: &Value, name: &str| value.as_str().map(str::to_owned).ok_or(format!("no {name}"));
        let (api_version, kind) = (text(&review["apiVersion"], "apiVersion")?, text(&review["kind"], "kind")?);
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: kube-apiserver-admission\r\n\
             Accept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        let head = bytes.len();
        bytes.extend_from_slice(body);
        let uid = match kind.as_str() {
            "ImageReview" => None,
            "AdmissionReview" => {
                let uid = text(&review["request"]["uid"], "request.uid")?;
                let mut found = body.windows(uid.len()).enumerate().filter(|(_, window)| *window == uid.as_bytes());
                match (found.next(), found.next()) {
                    (Some((at, _)), None) if uid.len() >= NUMBERED => Some((head + at, uid.len())),
                    _ => {
                        return Err(format!(
                            "uid {uid:?} should be {NUMBERED} characters at least, and stand there once"
                        ));
                    }
                }
            }
            _ => return Err(format!("neither an AdmissionReview nor an ImageReview but {kind}")),
        };
        Ok(Self { bytes, api_version, kind, uid })
    }

    /// The request with this number: no two are alike, so that a server that remembers whole requests gains nothing.
    pub fn request(&mut self, number: u64) -> &[u8] {
        if let Some((at, length)) = self.uid {
            self.bytes[at + length - NUMBERED..at + length].copy_from_slice(&digits(number));
        }
        &self.bytes
    }

    /// Whether a body answers the request with this number as the protocol and `expect` want it.
    pub fn check(&self, number: u64, body: &[u8], expect: Expect) -> Result<(), String> {
        let answer: Answer = serde_json::from_slice(body).map_err(|error| format!("answer is no review: {error}"))?;
        if answer.kind != self.kind || answer.api_version != self.api_version {
            return Err(format!("answer is a {} of {}", answer.kind, answer.api_version));
        }
        let allowed = match (self.uid, &answer.response, &answer.status) {
            (Some((at, length)), Some(response), _) => {
                let uid = response.uid.as_bytes();
                let front = length - NUMBERED;
                if uid.len() != length || uid[..front] != self.bytes[at..at + front] || uid[front..] != digits(number) {
                    return Err(format!("answer has the uid {}", response.uid));
                }
                response.allowed
            }
            (None, _, Some(status)) => status.allowed,
            _ => return Err("answer has no decision".to_owned()),
        };
        match (expect, allowed) {
            (Expect::Allowed, false) => Err(format!("denied: {}", String::from_utf8_lossy(body))),
            (Expect::Denied, true) => Err("allowed".to_owned()),
            _ => Ok(()),
        }
    }
}

fn digits(number: u64) -> [u8; NUMBERED] {
    let mut rest = number;
    let mut digits = [b'0'; NUMBERED];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    digits
}

// Strings without escapes are borrowed; one with an escape is no uid, kind or version of ours.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
}

#[derive(Deserialize)]
struct Status {
    allowed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &[u8] = br#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"64ee7e32-3fed-4a18-b5c2-cda8ba8c8fe4"}}"#;
    const IMAGES: &[u8] = br#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{}}"#;

    fn answer(uid: &str, allowed: bool) -> Vec<u8> {
        format!(r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{{"uid":"{uid}","allowed":{allowed}}}}}"#).into()
    }

    #[test]
    fn each_request_has_an_uid_of_its_own() {
        let mut template = Template::new("/validate", "127.0.0.1:1", POD).unwrap();
        let text = String::from_utf8(template.request(0x2a).to_vec()).unwrap();
        assert!(text.ends_with(r#""uid":"64ee7e32-3fed-4a18-b5c2-00000000002a"}}"#), "{text}");
        assert!(text.starts_with("POST /validate HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"), "{text}");
        assert!(text.contains(&format!("Content-Length: {}\r\n\r\n{{", POD.len())), "{text}");
    }

    #[test]
    fn an_answer_needs_the_uid_of_its_request_and_the_expected_decision() {
        let template = Template::new("/", "127.0.0.1:1", POD).unwrap();
        let mine = "64ee7e32-3fed-4a18-b5c2-000000000007";
        assert!(template.check(7, &answer(mine, true), Expect::Allowed).is_ok());
        assert!(template.check(7, &answer(mine, false), Expect::Denied).is_ok());
        assert!(template.check(7, &answer(mine, false), Expect::Any).is_ok());
        assert!(template.check(7, &answer(mine, false), Expect::Allowed).is_err());
        assert!(template.check(7, &answer(mine, true), Expect::Denied).is_err());
        assert!(template.check(8, &answer(mine, true), Expect::Allowed).is_err());
        assert!(template.check(7, &answer("", true), Expect::Any).is_err());
        assert!(template.check(7, b"{}", Expect::Any).is_err());
    }

    #[test]
    fn an_image_review_is_answered_in_its_status() {
        let template = Template::new("/", "127.0.0.1:1", IMAGES).unwrap();
        let head = r#""kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1""#;
        assert!(
            template.check(1, format!(r#"{{{head},"status":{{"allowed":true}}}}"#).as_bytes(), Expect::Allowed).is_ok()
        );
        assert!(template.check(1, format!("{{{head}}}").as_bytes(), Expect::Any).is_err());
        assert!(template.check(1, &answer("", true), Expect::Any).is_err());
    }
}
