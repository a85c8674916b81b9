//! Trust policies (`trustpolicy.json`, of version 1.0). In: JSON. Out: statements, each for its repositories: how strictly, with which
//! stores, whose signatures. What it does not do: open stores, or verify.
//! <https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md>
//!
//! A member that the specification does not have is refused: misspelt, it would be passed over.

use serde_json::{Map, Value};

use crate::json;
use crate::notation::DistinguishedName;
use crate::refusal::{Reason, Refusal, malformed};

/// Bytes of a policy, statements of one, and whatever a statement lists.
const MOST_BYTES: usize = 1 << 20;
const MOST: usize = 1_000;

/// What is looked at in a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    /// That it is a signature, and of this artifact. Always enforced.
    Integrity,
    /// That it is somebody's who is trusted.
    Authenticity,
    /// That it was made while its certificates were valid.
    AuthenticTimestamp,
    /// That the signer does not call it out of date.
    Expiry,
    /// That none of its certificates was revoked.
    Revocation,
}

impl Check {
    /// As policies and Notation call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

/// What a failure of a check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The signature does not count.
    Enforce,
    /// It is told.
    Log,
    /// The check is not made.
    Skip,
}

impl Action {
    /// As policies call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Log => "log",
            Self::Skip => "skip",
        }
    }
}

/// How strictly: what each check's failure does. Integrity is always enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    authenticity: Action,
    authentic_timestamp: Action,
    expiry: Action,
    revocation: Action,
}

impl Level {
    /// Everything is enforced.
    pub const STRICT: Self = Self::of(Action::Enforce, Action::Enforce, Action::Enforce);
    /// Times and revocation are told.
    pub const PERMISSIVE: Self = Self::of(Action::Enforce, Action::Log, Action::Log);
    /// All but integrity is told.
    pub const AUDIT: Self = Self::of(Action::Log, Action::Log, Action::Log);

    const fn of(authenticity: Action, times: Action, revocation: Action) -> Self {
        Self { authenticity, authentic_timestamp: times, expiry: times, revocation }
    }

    /// What a failure of that check does.
    pub const fn action(&self, check: Check) -> Action {
        match check {
            Check::Integrity => Action::Enforce,
            Check::Authenticity => self.authenticity,
            Check::AuthenticTimestamp => self.authentic_timestamp,
            Check::Expiry => self.expiry,
            Check::Revocation => self.revocation,
        }
    }

    /// The same with whatever revocation's failure does.
    pub const fn with_revocation(self, revocation: Action) -> Self {
        Self { revocation, ..self }
    }
}

/// When a time stamp is asked for, where the policy has a store for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum VerifyTimestamp {
    /// Always.
    #[default]
    Always,
    /// Once a certificate is no longer valid.
    AfterCertExpiry,
}

/// What the certificates of a store vouch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoreKind {
    /// Signers.
    Ca,
    /// Authorities that sign for others.
    SigningAuthority,
    /// Authorities of time stamps.
    Tsa,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ca, Self::SigningAuthority, Self::Tsa];

    /// As policies and folders call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }
}

/// A store: `ca:acme`. Its name is one of a folder, and leads nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreName {
    /// What it vouches for.
    pub kind: StoreKind,
    /// Letters, digits, `_`, `.` and `-`.
    pub name: String,
}

/// Whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identities {
    /// Everybody's whom the stores vouch for.
    Any,
    /// Theirs whose certificates name all of what one of these says.
    Subjects(Vec<DistinguishedName>),
}

impl Identities {
    /// Those of a list: `*` alone, or `x509.subject: C=…, ST=…, O=…`. Others are a plugin's, and nobody's here.
    ///
    /// # Errors
    /// `malformed`, also where one is within another; `too-large`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        let texts: Vec<&str> = texts.into_iter().collect();
        if texts == ["*"] {
            return Ok(Self::Any);
        }
        let mut names: Vec<DistinguishedName> = Vec::new();
        for text in &texts {
            if *text == "*" {
                return Err(malformed("the identity `*` stands beside others"));
            }
            let (kind, name) = text.split_once(':').ok_or_else(|| malformed(format!("{text:?} is no identity")))?;
            if kind != "x509.subject" {
                continue;
            }
            let name = DistinguishedName::parse(name)?;
            if names.iter().any(|other| other.covers(&name) || name.covers(other)) {
                return Err(malformed(format!("the identity {text:?} overlaps with another")));
            }
            names.push(name);
        }
        if texts.is_empty() { Err(malformed("there is no identity")) } else { Ok(Self::Subjects(names)) }
    }
}

/// What holds for some repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, which no other has.
    pub name: String,
    /// Repositories in full, or `*`.
    pub scopes: Vec<String>,
    /// None: nothing is verified at all.
    pub level: Option<Level>,
    /// When a time stamp is asked for.
    pub verify_timestamp: VerifyTimestamp,
    /// Whose certificates vouch for signers.
    pub stores: Vec<StoreName>,
    /// Whose signatures count.
    pub identities: Identities,
}

/// A policy: a statement for each repository that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    statements: Vec<Statement>,
}

impl Document {
    /// The policy in `bytes`.
    ///
    /// # Errors
    /// `malformed`, also for what contradicts itself; `unsupported` for another version; `too-large`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MOST_BYTES {
            return Err(Refusal::new(Reason::TooLarge, format!("a trust policy of more than {MOST_BYTES} bytes")));
        }
        let what = "a trust policy";
        let value = json::parse_holder(bytes, what)?;
        members(&value, &["version", "trustPolicies"], what)?;
        let version = json::text(&value, "version", what)?;
        if version != "1.0" {
            return Err(Refusal::new(Reason::Unsupported, format!("a trust policy of version {version:?}")));
        }
        let list = value.get("trustPolicies").and_then(Value::as_array).filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| malformed("a trust policy without statements"))?;
        bounded(list.len(), "statements")?;
        let statements: Vec<Statement> = list.iter().map(statement).collect::<Result<_, _>>()?;
        let mut names = std::collections::BTreeSet::new();
        let mut scopes = std::collections::BTreeSet::new();
        for statement in &statements {
            if !names.insert(&statement.name) {
                return Err(malformed(format!("two statements of a trust policy are called {:?}", statement.name)));
            }
            if let Some(twice) = statement.scopes.iter().find(|scope| !scopes.insert(*scope)) {
                return Err(malformed(format!("the scope {twice:?} stands twice in a trust policy")));
            }
        }
        Ok(Self { statements })
    }

    /// The statement for a repository, `registry/path`: its own, or the one for all.
    ///
    /// # Errors
    /// `trust-policy-missing`.
    pub fn statement(&self, repository: &str) -> Result<&Statement, Refusal> {
        let of = |scope: &str| self.statements.iter().find(|one| one.scopes.iter().any(|own| own == scope));
        of(repository).or_else(|| of("*")).ok_or_else(|| {
            let why = format!("no statement of the trust policy is about {repository}");
            Refusal::new(Reason::TrustPolicyMissing, why)
        })
    }
}

fn statement(value: &Value) -> Result<Statement, Refusal> {
    let what = "a statement of a trust policy";
    let known = ["name", "registryScopes", "signatureVerification", "trustStores", "trustedIdentities"];
    members(value, &known, what)?;
    let name = json::text(value, "name", what)?.to_owned();
    if name.is_empty() {
        return Err(malformed("a statement of a trust policy without a name"));
    }
    let wrong =
        |why: Refusal| Refusal { message: format!("statement {name:?} of the trust policy: {}", why.message), ..why };
    let (level, verify_timestamp) = verification(value.get("signatureVerification")).map_err(wrong)?;
    let scopes = texts(value, "registryScopes").map_err(wrong)?;
    if scopes.is_empty() || (scopes.len() > 1 && scopes.contains(&"*")) {
        return Err(wrong(malformed("it has no scope, or `*` beside others")));
    }
    if let Some(bad) = scopes.iter().find(|scope| **scope != "*" && !is_repository(scope)) {
        return Err(wrong(malformed(format!("the scope {bad:?} is no repository in full"))));
    }
    let stores = texts(value, "trustStores").map_err(wrong)?;
    let identities = texts(value, "trustedIdentities").map_err(wrong)?;
    let Some(level) = level else {
        // Whoever trusts all of one registry says which.
        if scopes == ["*"] || !stores.is_empty() || !identities.is_empty() {
            let why = "it skips verification for `*`, or has stores or identities beside that";
            return Err(wrong(malformed(why)));
        }
        let scopes = owned(&scopes);
        let identities = Identities::Subjects(Vec::new());
        return Ok(Statement { name, scopes, level: None, verify_timestamp, stores: Vec::new(), identities });
    };
    if stores.is_empty() || identities.is_empty() {
        return Err(wrong(malformed("it has no trust stores, or no trusted identities")));
    }
    let scopes = owned(&scopes);
    let stores = stores.into_iter().map(store).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let identities = Identities::parse(identities).map_err(wrong)?;
    Ok(Statement { name, scopes, level: Some(level), verify_timestamp, stores, identities })
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn verification(value: Option<&Value>) -> Result<(Option<Level>, VerifyTimestamp), Refusal> {
    let what = "`signatureVerification`";
    let value = value.ok_or_else(|| malformed("it has no `signatureVerification`"))?;
    members(value, &["level", "override", "verifyTimestamp"], what)?;
    let base = match json::text(value, "level", what)? {
        "strict" => Some(Level::STRICT),
        "permissive" => Some(Level::PERMISSIVE),
        "audit" => Some(Level::AUDIT),
        "skip" => None,
        other => return Err(malformed(format!("there is no level {other:?}"))),
    };
    let verify_timestamp = match value.get("verifyTimestamp").map(Value::as_str) {
        None | Some(Some("always" | "")) => VerifyTimestamp::Always,
        Some(Some("afterCertExpiry")) => VerifyTimestamp::AfterCertExpiry,
        Some(_) => return Err(malformed("`verifyTimestamp` is neither `always` nor `afterCertExpiry`")),
    };
    let overrides = match json::member(value, "override") {
        None => return Ok((base, verify_timestamp)),
        Some(overrides) => overrides.as_object().ok_or_else(|| malformed("`override` is no object"))?,
    };
    let mut level = match base {
        Some(level) => level,
        None if overrides.is_empty() => return Ok((None, verify_timestamp)),
        None => return Err(malformed("the level `skip` is not overridden")),
    };
    for (check, action) in overrides {
        let action = match action.as_str() {
            Some("enforce") => Action::Enforce,
            Some("log") => Action::Log,
            Some("skip") if check == Check::Revocation.name() => Action::Skip,
            _ => return Err(malformed(format!("{check:?} is overridden by {action}, which it cannot be"))),
        };
        match check.as_str() {
            "authenticity" => level.authenticity = action,
            "authenticTimestamp" => level.authentic_timestamp = action,
            "expiry" => level.expiry = action,
            "revocation" => level.revocation = action,
            _ => return Err(malformed(format!("{check:?} cannot be overridden"))),
        }
    }
    Ok((Some(level), verify_timestamp))
}

fn store(text: &str) -> Result<StoreName, Refusal> {
    let wrong =
        || malformed(format!("the trust store {text:?} is not `ca:NAME`, `signingAuthority:NAME` or `tsa:NAME`"));
    let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
    let kind = StoreKind::ALL.into_iter().find(|one| one.name() == kind).ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    // Two points name the folder above.
    if name.is_empty() || !name.bytes().all(plain) || name.bytes().all(|b| b == b'.') {
        return Err(wrong());
    }
    Ok(StoreName { kind, name: name.to_owned() })
}

/// `registry/path`, as images' names have them; a made-up registry for a folder will do.
fn is_repository(scope: &str) -> bool {
    let Some((domain, path)) = scope.split_once('/') else { return false };
    let (host, port) = domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let part = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(plain)
    };
    host.split('.').all(label)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
        && path.split('/').all(part)
}

fn members(value: &Value, known: &[&str], what: &str) -> Result<(), Refusal> {
    let object: &Map<String, Value> = value.as_object().ok_or_else(|| malformed(format!("{what} is no object")))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(malformed(format!("{what} has the member {other:?}, which it does not have"))),
        None => Ok(()),
    }
}

/// The list of texts of that name, empty where it is missing.
fn texts<'a>(value: &'a Value, name: &str) -> Result<Vec<&'a str>, Refusal> {
    let Some(list) = json::member(value, name) else { return Ok(Vec::new()) };
    let texts = list.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let texts = texts.ok_or_else(|| malformed(format!("`{name}` is no list of texts")))?;
    bounded(texts.len(), name)?;
    Ok(texts)
}

fn bounded(count: usize, what: &str) -> Result<(), Refusal> {
    if count > MOST {
        return Err(Refusal::new(Reason::TooLarge, format!("a trust policy with more than {MOST} {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(change: impl FnOnce(&mut Value)) -> Result<Document, Refusal> {
        let mut one = json!({
            "name": "a",
            "registryScopes": ["registry.example.com:5000/shop/web"],
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:acme", "tsa:clock"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
        });
        change(&mut one);
        let all = json!({"version": "1.0", "trustPolicies": [one, {
            "name": "rest", "registryScopes": ["*"], "signatureVerification": {"level": "audit", "override": {"revocation": "skip"}},
            "trustStores": ["signingAuthority:acme"], "trustedIdentities": ["*"],
        }]});
        Document::from_json(all.to_string().as_bytes())
    }

    #[test]
    fn a_repository_has_its_own_statement_or_that_of_all() {
        let all = policy(|_| {}).unwrap();
        let own = all.statement("registry.example.com:5000/shop/web").unwrap();
        assert_eq!((own.name.as_str(), own.level), ("a", Some(Level::STRICT)));
        let rest = all.statement("registry.example.com:5000/shop").unwrap();
        assert_eq!(rest.name, "rest");
        assert_eq!(rest.level.unwrap().action(Check::Revocation), Action::Skip);
        assert_eq!(rest.level.unwrap().action(Check::Integrity), Action::Enforce);
        assert_eq!(rest.identities, Identities::Any);
        let alone = json!({"version": "1.0", "trustPolicies": [{
            "name": "a", "registryScopes": ["a/b"], "signatureVerification": {"level": "skip"}}]});
        let alone = Document::from_json(alone.to_string().as_bytes()).unwrap();
        assert_eq!(alone.statement("a/b").unwrap().level, None);
        assert_eq!(alone.statement("a/c").unwrap_err().reason, Reason::TrustPolicyMissing);
    }

    #[test]
    fn what_contradicts_itself_or_is_misspelt_is_refused() {
        let changes: &[(&str, Value)] = &[
            ("name", json!("rest")),
            ("name", json!("")),
            ("registryScopes", json!([])),
            ("registryScopes", json!(["*"])),
            ("registryScopes", json!(["a/b", "*"])),
            ("registryScopes", json!(["a/b", "a/b"])),
            ("registryScopes", json!(["a"])),
            ("registryScopes", json!(["a/*"])),
            ("registryScopes", json!(["https://a/b"])),
            ("registryScopes", json!(["a/b:tag"])),
            ("registryScopes", json!(["a//b"])),
            ("signatureVerification", json!({})),
            ("signatureVerification", json!({"level": "Strict"})),
            ("signatureVerification", json!({"level": "skip"})),
            ("signatureVerification", json!({"level": "strict", "overide": {}})),
            ("signatureVerification", json!({"level": "strict", "override": {"integrity": "log"}})),
            ("signatureVerification", json!({"level": "strict", "override": {"expiry": "skip"}})),
            ("signatureVerification", json!({"level": "strict", "override": {"expiry": "no"}})),
            ("signatureVerification", json!({"level": "strict", "verifyTimestamp": "never"})),
            ("trustStores", json!([])),
            ("trustStores", json!(["acme"])),
            ("trustStores", json!(["ca:../acme"])),
            ("trustStores", json!(["ca:.."])),
            ("trustStores", json!(["CA:acme"])),
            ("trustedIdentities", json!([])),
            ("trustedIdentities", json!(["*", "x509.subject: C=US, ST=WA, O=acme"])),
            ("trustedIdentities", json!(["x509.subject: C=US, ST=WA, O=a", "x509.subject: C=US, ST=WA, O=a, CN=b"])),
            ("trustedIdentities", json!(["acme"])),
            ("trustedIdentities", json!("*")),
            ("comment", json!("")),
        ];
        for (name, value) in changes {
            let refused = policy(|one| one[*name] = value.clone()).unwrap_err();
            assert_eq!(refused.reason, Reason::Malformed, "{name} {value}");
        }
        let two = br#"{"version":"1.0","version":"1.0","trustPolicies":[]}"#;
        assert_eq!(Document::from_json(two).unwrap_err().reason, Reason::Malformed);
        let next = br#"{"version":"2.0","trustPolicies":[{}]}"#;
        assert_eq!(Document::from_json(next).unwrap_err().reason, Reason::Unsupported);
    }

    #[test]
    fn an_identity_of_a_plugin_is_nobody_here() {
        assert_eq!(Identities::parse(["com.example: a"]), Ok(Identities::Subjects(vec![])));
    }
}
