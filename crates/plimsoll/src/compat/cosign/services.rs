//! Signing with what vouches for it: an authority of certificates, transparency logs, authorities of timestamps. In: flags, and what is to
//! be signed. Out: a bundle that was held to the trusted root before anybody else sees it: what a service answers is believed no more
//! than what a stranger sends.

use plimsoll_sources::{ServiceRequest, SourceOptions, Sources};
use plimsoll_trust::keys;
use plimsoll_trust::signing::{self, IdentityToken, LogVersion, SigningConfig, Unsigned};
use plimsoll_trust::{
    Artifact, Bundle, Certificate, Demand, Entry, Hash, Identity, Pattern, PrivateKey, PublicKey, Signer, Statement,
    Subject, TimeSource, TrustMaterial, verify_bundle,
};

use super::flags::Services as Flags;
use super::{Failure, attest, demand, key, roots, say, token};

/// Bytes of a signing configuration. Sigstore's own has some two kilobytes.
const MAX_CONFIG: u64 = 1 << 20;
/// Bytes of a service's answer: certificates, entries and timestamps have some kilobytes.
const MAX_ANSWER: u64 = 4 << 20;
/// Sigstore's public services, where Cosign goes, too.
const PUBLIC_AUTHORITY: &str = "https://fulcio.sigstore.dev";
const PUBLIC_LOG: &str = "https://rekor.sigstore.dev";
const PUBLIC_ISSUER: &str = "https://oauth2.sigstore.dev/auth";

/// Where a signature goes.
struct Places {
    authority: Option<String>,
    issuer: Option<String>,
    logs: Vec<(String, LogVersion)>,
    timestamps: Vec<String>,
}

impl Places {
    /// Nobody vouches for a signature: no certificate is asked for with a key.
    fn are_none(&self) -> bool {
        self.logs.is_empty() && self.timestamps.is_empty()
    }
}

/// Somebody who signs: a key, the certificate of its holder where it is made for this alone, and the services.
pub struct Signing {
    key: Box<dyn keys::Signer>,
    public: PublicKey,
    certificate: Option<Certificate>,
    places: Places,
    sources: Sources,
    trust: TrustMaterial,
}

/// Who signs without a key, and where: for whoever speaks another protocol than Cosign's.
pub struct Keyless<'a> {
    /// A token, or its file.
    pub identity_token: &'a str,
    /// The files of what is trusted, and of where the services are; else Sigstore's public ones, as they are built in.
    pub trusted_root: Option<&'a str>,
    pub signing_config: Option<&'a str>,
}

impl Keyless<'_> {
    /// A bundle with the signature of bytes, or of the in-toto statement that they are.
    ///
    /// # Errors
    /// Words that say why there is none.
    pub fn bundle(&self, bytes: &[u8], in_toto: bool) -> Result<Vec<u8>, String> {
        let flags = Flags {
            identity_token: Some(self.identity_token.to_owned()),
            signing_config: self.signing_config.map(str::to_owned),
            yes: true,
            ..Flags::default()
        };
        let signed = || -> Result<Bundle, Failure> {
            let places = places(&flags, jiff::Timestamp::now())?;
            let prepared = Prepared::of(&flags, None, places, || demand::named(self.trusted_root))?;
            if !in_toto {
                return prepared.ready()?.sign(Unsigned::Message(bytes), &Artifact::Bytes(bytes));
            }
            let digest = attest::stated_of(&Statement::from_json(bytes)?);
            let digest = digest.ok_or("the statement is about nothing that has a SHA-256")?;
            prepared.ready()?.sign(Unsigned::Statement(bytes), &Artifact::Digest(Hash::Sha256, digest.to_vec()))
        };
        signed().map(|bundle| bundle.to_json().to_string().into_bytes()).map_err(|failure| failure.why)
    }
}

/// Somebody who is about to sign: what the flags name is read, and none of those who vouch for it has been asked.
pub struct Prepared<'a> {
    flags: &'a Flags,
    key: Option<Box<dyn keys::Signer>>,
    places: Places,
    trust: TrustMaterial,
}

impl<'a> Prepared<'a> {
    /// Who is to sign, as the flags say: with a key, or with one that will be made and a certificate for it.
    ///
    /// # Errors
    /// What is asked is not to be had, or could not be verified afterwards; nobody agrees that it is written into a log.
    pub fn new(flags: &'a Flags, key: Option<&str>) -> Result<Prepared<'a>, Failure> {
        let places = places(flags, jiff::Timestamp::now())?;
        let alone = key.is_some() && places.are_none();
        let named = flags.trusted_root.as_deref().filter(|path| !path.is_empty());
        Self::of(flags, key, places, || demand::root(named, alone))
    }

    /// The same of who is trusted and where it goes.
    fn of(
        flags: &'a Flags,
        key: Option<&str>,
        places: Places,
        trust: impl FnOnce() -> Result<TrustMaterial, Failure>,
    ) -> Result<Prepared<'a>, Failure> {
        let keyless = key.is_none();
        let v2 = places.logs.iter().any(|(_, version)| *version == LogVersion::V2);
        // A certificate lasts ten minutes: without somebody who vouches for the time, nobody could verify it later.
        if keyless && places.timestamps.is_empty() && (v2 || places.logs.is_empty()) {
            let why = "without a key, somebody has to vouch for the time of signing: a log of Rekor's first version, or a timestamp \
                       authority (--timestamp-server-url)";
            return Err(why.into());
        }
        // The question comes before the password: both may come from standard input.
        if !places.logs.is_empty() && !flags.yes {
            confirmed(&places, keyless)?;
        }
        let key = key.map(key::private).transpose()?;
        Ok(Prepared { flags, key, places, trust: trust()? })
    }

    /// Whether nobody but a key will vouch for what is signed.
    pub fn is_alone(&self) -> bool {
        self.key.is_some() && self.places.are_none()
    }

    /// Whether an entry goes into a log.
    pub fn has_logs(&self) -> bool {
        !self.places.logs.is_empty()
    }

    /// Whether an entry goes into a log whose entries the classic form cannot hold.
    pub fn has_log_without_promises(&self) -> bool {
        self.places.logs.iter().any(|(_, version)| *version == LogVersion::V2)
    }

    /// Whether an authority of timestamps is asked.
    pub fn has_timestamps(&self) -> bool {
        !self.places.timestamps.is_empty()
    }

    /// Gets a certificate where there is no key.
    ///
    /// # Errors
    /// There is no identity token, or the authority gives no certificate for it.
    pub fn ready(self) -> Result<Signing, Failure> {
        let Prepared { flags, key, places, trust } = self;
        let sources = Sources::new(&SourceOptions::default())?;
        let (key, certificate) = match key {
            Some(key) => (key, None),
            None => {
                let authority = places.authority.as_deref();
                let authority = authority.ok_or("the signing configuration names no certificate authority")?;
                let token = token::found(flags, places.issuer.as_deref(), &sources)?;
                token.lasts(jiff::Timestamp::now())?;
                say("Generating ephemeral keys...");
                let key = PrivateKey::generate()?;
                let certificate = certificate(&sources, authority, &token, &key)?;
                (Box::new(key) as Box<dyn keys::Signer>, Some(certificate))
            }
        };
        let public = PublicKey::from_spki(key.spki())?;
        Ok(Signing { key, public, certificate, places, sources, trust })
    }
}

impl Signing {
    /// The key that signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whether nobody but the key vouches for what it signs.
    pub fn is_alone(&self) -> bool {
        self.certificate.is_none() && self.places.are_none()
    }

    /// What is trusted of what services answer.
    pub fn trust(&self) -> &TrustMaterial {
        &self.trust
    }

    /// What a signature of this one's has to fulfil.
    ///
    /// # Errors
    /// The certificate names nobody.
    pub fn demand(&self) -> Result<Demand, Failure> {
        let signer = match &self.certificate {
            Some(certificate) => {
                let (name, issuer) = (certificate.name()?, certificate.issuer_of_identity()?);
                Signer::Keyless(vec![Identity::new(Pattern::exact(name.text()), Pattern::exact(&issuer))])
            }
            None => Signer::Key(self.public.clone()),
        };
        let (log, timestamp) = (!self.places.logs.is_empty(), !self.places.timestamps.is_empty());
        Ok(Demand { log, timestamp, ..Demand::new(signer, Subject::Any) })
    }

    /// Signs, has it vouched for, and holds what came back to the trusted root.
    ///
    /// # Errors
    /// A service does not answer, or its answer is not to be believed.
    pub fn sign(&self, what: Unsigned<'_>, artifact: &Artifact<'_>) -> Result<Bundle, Failure> {
        let mut bundle = signing::sign(self.key.as_ref(), self.certificate.as_ref(), what)?;
        if self.is_alone() {
            return Ok(bundle);
        }
        for address in &self.places.timestamps {
            let request = signing::timestamp_request(&bundle);
            let answer = self.ask(
                "a timestamp",
                address,
                "application/timestamp-reply",
                "application/timestamp-query",
                &request,
            )?;
            bundle.timestamps.push(answer);
        }
        for (address, version) in &self.places.logs {
            let entry = self.logged(&bundle, address, *version)?;
            say(&format!("tlog entry created with index: {}", entry.index));
            bundle.entries.push(entry);
        }
        let distrusted = |refusal| {
            Failure::from(format!("what the services answered is not believed, and nothing is attached: {refusal}"))
        };
        let verified = verify_bundle(&bundle, artifact, &self.trust, &self.demand()?, jiff::Timestamp::now());
        let verified = verified.map_err(distrusted)?;
        let stamps = verified.times.iter().filter(|(source, _)| *source == TimeSource::TimestampAuthority).count();
        if stamps != bundle.timestamps.len() {
            return Err(
                "one of the timestamps is by an authority that the trusted root does not know, and nothing is attached"
                    .into(),
            );
        }
        Ok(bundle)
    }

    fn logged(&self, bundle: &Bundle, address: &str, version: LogVersion) -> Result<Entry, Failure> {
        let request = signing::entry_request(bundle, &self.public, version)?;
        let path = if version == LogVersion::V2 { "/api/v2/log/entries" } else { "/api/v1/log/entries" };
        let address = format!("{}{path}", address.trim_end_matches('/'));
        let asked = ServiceRequest {
            what: "an entry of the transparency log",
            address: &address,
            accept: "application/json",
            bearer: None,
            body: Some(("application/json", &request)),
            is_secret: false,
            once: false,
            statuses: &[200, 201, 409],
            limit: MAX_ANSWER,
        };
        let mut answer = self.sources.ask(&asked)?;
        if answer.status == 409 {
            // It holds it already: keys sign the same bytes alike.
            let place = answer.place.ok_or("the transparency log holds the entry already, and does not say where")?;
            answer = self.sources.ask(&ServiceRequest { address: &place, body: None, statuses: &[200], ..asked })?;
        }
        Ok(signing::entry(&answer.bytes, version)?)
    }

    fn ask(&self, what: &str, address: &str, accept: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let request = ServiceRequest {
            what,
            address,
            accept,
            bearer: None,
            body: Some((kind, body)),
            is_secret: false,
            once: false,
            statuses: &[200, 201],
            limit: MAX_ANSWER,
        };
        Ok(self.sources.ask(&request)?.bytes)
    }
}

/// A certificate for a key that was made for it. It is held to the trusted root with the signature.
fn certificate(
    sources: &Sources,
    authority: &str,
    token: &IdentityToken,
    key: &PrivateKey,
) -> Result<Certificate, Failure> {
    let body = signing::certificate_request(token, key)?;
    let request = ServiceRequest {
        what: "a certificate",
        address: &format!("{}/api/v2/signingCert", authority.trim_end_matches('/')),
        accept: "application/json",
        bearer: Some(token.text()),
        body: Some(("application/json", &body)),
        is_secret: true,
        once: false,
        statuses: &[200, 201],
        limit: MAX_ANSWER,
    };
    Ok(signing::certificate(&sources.ask(&request)?.bytes, token, key)?)
}

/// Where the flags send a signature.
fn places(flags: &Flags, now: jiff::Timestamp) -> Result<Places, Failure> {
    let given = |flag: &Option<String>| flag.clone().filter(|url| !url.is_empty());
    let urls = [
        ("--fulcio-url", &flags.fulcio_url),
        ("--rekor-url", &flags.rekor_url),
        ("--oidc-issuer", &flags.oidc_issuer),
        ("--timestamp-server-url", &flags.timestamp_server_url),
    ];
    let Some((name, config)) = configuration(flags)? else {
        let log = given(&flags.rekor_url).unwrap_or_else(|| PUBLIC_LOG.to_owned());
        return Ok(Places {
            authority: Some(given(&flags.fulcio_url).unwrap_or_else(|| PUBLIC_AUTHORITY.to_owned())),
            issuer: Some(given(&flags.oidc_issuer).unwrap_or_else(|| PUBLIC_ISSUER.to_owned())),
            logs: if flags.tlog_upload == Some(false) { vec![] } else { vec![(log, LogVersion::V1)] },
            timestamps: given(&flags.timestamp_server_url).into_iter().collect(),
        });
    };
    if let Some((flag, _)) = urls.iter().find(|(_, url)| given(url).is_some()) {
        return Err(format!("{flag} and {name} both say where the services are: name one").into());
    }
    if flags.tlog_upload == Some(false) {
        return Err(format!("--tlog-upload=false and {name} disagree: name a configuration without logs").into());
    }
    Ok(Places {
        authority: config.authority(now)?.map(str::to_owned),
        issuer: config.issuer(now)?.map(str::to_owned),
        logs: config.logs(now)?.into_iter().map(|(url, version)| (url.to_owned(), version)).collect(),
        timestamps: config.timestamps(now)?.into_iter().map(str::to_owned).collect(),
    })
}

/// The signing configuration that the flags name, and which of them does.
fn configuration(flags: &Flags) -> Result<Option<(&'static str, SigningConfig)>, Failure> {
    let (flag, path, text) = match (
        flags.signing_config.as_deref().filter(|path| !path.is_empty()),
        flags.use_signing_config,
    ) {
        (None, false) => return Ok(None),
        (Some(_), true) => {
            return Err("--signing-config and --use-signing-config name two configurations: name one".into());
        }
        (Some(path), false) => ("--signing-config", path, super::read(path, MAX_CONFIG)?),
        (None, true) => {
            let text = roots::file(roots::SIGNING_CONFIG)?.ok_or(
                "no signing configuration was fetched: `plimsoll cosign initialize` does, and --signing-config names a file",
            )?;
            ("--use-signing-config", roots::SIGNING_CONFIG, text)
        }
    };
    let read = SigningConfig::from_json(&text).map_err(|refusal| Failure::from(format!("read {path}: {refusal}")));
    Ok(Some((flag, read?)))
}

/// Asks whether it may be written where everybody reads it for ever.
fn confirmed(places: &Places, keyless: bool) -> Result<(), Failure> {
    let logs: Vec<&str> = places.logs.iter().map(|(url, _)| url.as_str()).collect();
    let who = if keyless { ", with the name in your identity token (often an address of mail)," } else { "" };
    say(&format!(
        "The signature{who} is written to the transparency log {}: nothing can be taken out of it again.",
        logs.join(", ")
    ));
    match super::agreed()? {
        true => Ok(()),
        false => {
            Err("user declined the prompt: --yes answers it, and --tlog-upload=false signs with a key without a log"
                .into())
        }
    }
}
