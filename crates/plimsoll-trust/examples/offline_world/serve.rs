//! The services of an offline world over HTTP, on loopback: Fulcio (both APIs), Rekor (both versions), an authority of timestamps, an issuer
//! of tokens (with the flows of browsers, devices and programs, and GitHub Actions' own), and below `/tuf` a repository of what is trusted. In: a folder. Out: an address, and in the folder what a client needs to
//! know: `trusted_root.json`, `signing_config.json` (Rekor 1), `signing_config_v2.json`, `tuf_root.json`, tokens, keys and certificates in PEM. It checks
//! what it is sent as the real ones do; below `/fault/NAME` each lies in its own way. Keys are thrown away.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_trust::{Certificate, Envelope, Hash, PublicKey};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::der;
use super::setup::{Sct, Setup};
use super::tuf::Repository;
use super::world::*;

/// Whom the tokens name: by mail, and as a workflow.
pub const EMAIL: &str = "somebody@example.com";
/// What GitHub Actions' token service wants to be shown.
pub const REQUEST_TOKEN: &str = "request-token";
/// What a program shows the issuer to be given a token in its own name.
pub const CLIENT_SECRET: &str = "client-secret";
/// The code that a browser brings from the issuer.
pub const CODE: &str = "code+1";
/// What stands before an entry's place in the first version's log: earlier shards.
const BEFORE: u64 = 4_000_000_000;
const TREE: u64 = 1_193_050_959_916_656_506;
const HOST: &str = "127.0.0.1";

struct Request {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Status, headers, body.
type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// What a log holds: each entry's body, and when it came.
#[derive(Default)]
struct Entries(Vec<(Vec<u8>, i64)>);

struct Services {
    base: String,
    root: Key,
    middle: Key,
    ct: Key,
    rekor: Key,
    tiles: Ed25519KeyPair,
    tsa: Key,
    stranger: Key,
    root_der: Vec<u8>,
    middle_der: Vec<u8>,
    tsa_ders: (Vec<u8>, Vec<u8>),
    secret: Vec<u8>,
    first: Mutex<Entries>,
    second: Mutex<Entries>,
    /// What device flows were bound to, and how often each was asked since.
    challenges: Mutex<BTreeMap<String, u32>>,
    /// What browsers were sent to the issuer with, by what that is bound to.
    asked: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    /// What the mirror below `/tuf` has.
    repository: OnceLock<BTreeMap<String, Vec<u8>>>,
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Serves for as long as the process lasts; the address.
pub fn start(folder: &Path) -> String {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let [root, middle, ct, rekor, tsa_root, tsa, stranger] = std::array::from_fn(|_| Key::new());
    let root_der = Draft {
        serial: 1,
        issuer: "world root",
        subject: "world root",
        valid: (SINCE, UNTIL),
        spki: root.spki(),
        extensions: [vec![authority(None), usage(0x06)], key_ids(&root, &root)].concat(),
    }
    .signed(&root);
    let middle_der = Draft {
        serial: 2,
        issuer: "world root",
        subject: "world intermediate",
        valid: (SINCE, UNTIL),
        spki: middle.spki(),
        extensions: [vec![usage(0x06), authority(Some(0)), purposes(&[CODE_SIGNING], false)], key_ids(&middle, &root)]
            .concat(),
    }
    .signed(&root);
    let services = Arc::new(Services {
        tiles: Ed25519KeyPair::from_seed_unchecked(&sha256(&rekor.spki())).unwrap(),
        tsa_ders: tsa_certificates(&Setup::default(), &tsa_root, &tsa, 7),
        secret: Key::new().sign(b"a secret"),
        base: base.clone(),
        root,
        middle,
        ct,
        rekor,
        tsa,
        stranger,
        root_der,
        middle_der,
        first: Mutex::default(),
        second: Mutex::default(),
        challenges: Mutex::default(),
        asked: Mutex::default(),
        repository: OnceLock::new(),
    });
    services.write(folder);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let services = Arc::clone(&services);
            std::thread::spawn(move || services.serve(stream));
        }
    });
    base
}

impl Services {
    fn write(&self, folder: &Path) {
        let base = &self.base;
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let log = |details: &str, spki: &[u8], id: &[u8]| trusted_log(base, details, spki, id);
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log("PKIX_ECDSA_P256_SHA_256", &self.rekor.spki(), &self.rekor.id()),
                log("PKIX_ED25519", &self.tiles_spki(), &self.tiles_id()),
            ],
            "ctlogs": [log("PKIX_ECDSA_P256_SHA_256", &self.ct.spki(), &self.ct.id())],
            "certificateAuthorities": [trusted_authority(&[&self.middle_der, &self.root_der])],
            "timestampAuthorities": [trusted_authority(&[&self.tsa_ders.0, &self.tsa_ders.1])],
        });
        write("trusted_root.json", &root.to_string());
        let service = |path: &str, version: u32| {
            json!([{"url": format!("{base}{path}"), "majorApiVersion": version, "operator": "world",
                "validFor": {"start": "2025-01-01T00:00:00Z"}}])
        };
        let configs = [("signing_config.json", 1), ("signing_config_v2.json", 2)].map(|(name, version)| {
            let config = json!({
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": service("", 1), "oidcUrls": service("", 1),
                "rekorTlogUrls": service("", version), "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": service("/api/v1/timestamp", 1), "tsaConfig": {"selector": "ANY"},
            });
            write(name, &config.to_string());
            config.to_string()
        });
        let files = [("trusted_root.json", root.to_string()), ("signing_config.v0.2.json", configs[0].clone())];
        let repository = Repository::new(&files.each_ref().map(|(name, text)| (*name, text.as_bytes())));
        write("tuf_root.json", std::str::from_utf8(&repository.served["1.root.json"]).unwrap());
        self.repository.set(repository.served).unwrap();
        write("token", &self.token(&json!({"email": EMAIL, "email_verified": true, "sub": "somebody"})));
        write("token_workflow", &self.token(&json!({"sub": IDENTITY})));
        write("token_over", &self.token(&json!({"sub": IDENTITY, "exp": 1})));
        write("rekor.pub", &pem("PUBLIC KEY", &self.rekor.spki()));
        write("ctfe.pub", &pem("PUBLIC KEY", &self.ct.spki()));
        let chain = |ders: [&[u8]; 2]| ders.map(|der| pem("CERTIFICATE", der)).concat();
        write("fulcio.pem", &chain([&self.middle_der, &self.root_der]));
        write("tsa.pem", &chain([&self.tsa_ders.0, &self.tsa_ders.1]));
        // Last: who waits for it finds the others.
        write("address", base);
    }

    fn tiles_spki(&self) -> Vec<u8> {
        let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        [&prefix[..], self.tiles.public_key().as_ref()].concat()
    }

    fn tiles_id(&self) -> Vec<u8> {
        sha256(&[HOST.as_bytes(), b"\n\x01", self.tiles.public_key().as_ref()].concat())
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.trim().split_once(':') {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let (status, headers, body) = self.answer(&Request { path, headers, body });
        let mut head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = &stream;
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(&body));
    }

    fn answer(&self, request: &Request) -> Reply {
        let (fault, rest) = match request.path.strip_prefix("/fault/").and_then(|rest| rest.split_once('/')) {
            Some((fault, rest)) => (fault, format!("/{rest}")),
            None => ("", request.path.clone()),
        };
        match fault {
            "huge" => return (201, vec![("Content-Type", "application/json".into())], vec![b' '; 5 << 20]),
            "redirect" => return (302, vec![("Location", format!("{}{rest}", self.base))], vec![]),
            "html" => return (200, vec![("Content-Type", "text/html".into())], b"<html>sign in</html>".to_vec()),
            "refuse" => return refused("no\u{1b}[2J such luck"),
            _ => {}
        }
        let (path, query) = rest.split_once('?').unwrap_or((&rest, ""));
        match path {
            "/api/v2/signingCert" => self.certificate(request, fault).unwrap_or_else(refused),
            "/api/v1/signingCert" => self.certificate_by_the_first_api(request).unwrap_or_else(refused),
            "/api/v1/log/entries" => self.first_version(&request.body, fault).unwrap_or_else(refused),
            "/api/v2/log/entries" => self.second_version(&request.body, fault).unwrap_or_else(refused),
            "/api/v1/log/publicKey" => (200, vec![], pem("PUBLIC KEY", &self.rekor.spki()).into_bytes()),
            "/api/v1/timestamp" => self.timestamp(&request.body, fault).unwrap_or_else(refused),
            "/.well-known/openid-configuration" => self.about(fault),
            "/device/code" => self.code(&request.body, fault),
            "/auth" => self.at_a_browser(query, fault),
            "/token" => self.signed_in(&request.body, fault),
            "/actions" => self.actions(request, query),
            _ => match (path.strip_prefix("/api/v1/log/entries/"), path.strip_prefix("/tuf/")) {
                (Some(uuid), _) => self.held(uuid),
                (_, Some(path)) => match self.repository.get().and_then(|served| served.get(path)) {
                    Some(bytes) => (200, vec![], bytes.clone()),
                    None => (404, vec![], vec![]),
                },
                _ => (404, vec![], vec![]),
            },
        }
    }

    // Tokens.

    fn token(&self, claims: &Value) -> String {
        let mut claims = claims.clone();
        for (name, value) in
            [("iss", json!(self.base)), ("aud", json!("sigstore")), ("exp", json!(now() + DAY)), ("iat", json!(now()))]
        {
            if claims.get(name).is_none() {
                claims[name] = value;
            }
        }
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims.to_string()));
        let signature = self.authenticator(&signed);
        format!("{signed}.{signature}")
    }

    /// Stands for the issuer's signature, which nobody but the certificate authority looks at.
    fn authenticator(&self, signed: &str) -> String {
        URL_SAFE_NO_PAD.encode(sha256(&[&self.secret, signed.as_bytes()].concat()))
    }

    fn claims(&self, request: &Request) -> Option<Value> {
        let header = request.headers.get("authorization")?;
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer "))?;
        let (signed, signature) = token.rsplit_once('.')?;
        if self.authenticator(signed) != signature {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        (claims["exp"].as_i64()? > now() && claims["aud"] == "sigstore").then_some(claims)
    }

    /// Where the issuer is that has a fault.
    fn issuer(&self, fault: &str) -> String {
        if fault.is_empty() { self.base.clone() } else { format!("{}/fault/{fault}", self.base) }
    }

    fn about(&self, fault: &str) -> Reply {
        let base = self.issuer(fault);
        let issuer = if fault == "other-issuer" { "https://other.example" } else { &base };
        let sign_in = if fault == "open-sign-in" { "http://192.0.2.1" } else { &base };
        let ways = if fault == "no-pkce" { json!(["plain"]) } else { json!(["S256"]) };
        json_reply(
            200,
            &json!({"issuer": issuer, "authorization_endpoint": format!("{sign_in}/auth?x=1"), "token_endpoint": format!("{base}/token"),
            "device_authorization_endpoint": format!("{base}/device/code"), "jwks_uri": format!("{base}/keys"),
            "authorization_response_iss_parameter_supported": true,
            "code_challenge_methods_supported": ways, "id_token_signing_alg_values_supported": ["RS256"]}),
        )
    }

    /// Somebody signs in, and is sent back with a code.
    fn at_a_browser(&self, query: &str, fault: &str) -> Reply {
        let asked: BTreeMap<String, String> = form(query).into_iter().collect();
        let of = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        if of("response_type") != "code"
            || of("code_challenge_method") != "S256"
            || of("x") != "1"
            || of("nonce").is_empty()
        {
            return refused("not such a question");
        }
        let issuer = if fault == "other-answer" { "https://other.example".to_owned() } else { self.issuer(fault) };
        let said = if fault == "denied" {
            "error=access_denied".to_owned()
        } else {
            format!("code={}", CODE.replace('+', "%2B"))
        };
        let back = format!("{}?{said}&state={}&iss={issuer}", of("redirect_uri"), of("state"));
        self.asked.lock().unwrap().insert(of("code_challenge").to_owned(), asked.clone());
        (302, vec![("Location", back)], vec![])
    }

    /// The token of whoever was sent back.
    fn for_a_code(&self, shown: &BTreeMap<String, String>, fault: &str) -> Reply {
        let verifier = shown.get("code_verifier").map(String::as_str).unwrap_or_default();
        let Some(asked) = self.asked.lock().unwrap().remove(&challenge(verifier)) else {
            return json_reply(400, &json!({"error": "invalid_grant", "error_description": "nobody signed in"}));
        };
        let same = |name: &str| asked.get(name) == shown.get(name) && asked.contains_key(name);
        if !same("redirect_uri") || !same("client_id") || shown.get("code").map(String::as_str) != Some(CODE) {
            return json_reply(400, &json!({"error": "invalid_grant"}));
        }
        let mut claims = json!({"email": EMAIL, "email_verified": true, "sub": "somebody", "iss": self.issuer(fault),
            "aud": asked["client_id"], "nonce": asked["nonce"]});
        match fault {
            "other-nonce" => claims["nonce"] = "another".into(),
            "no-nonce" => drop(claims.as_object_mut().unwrap().remove("nonce")),
            "other-token" => claims["iss"] = self.base.as_str().into(),
            "other-audience" => claims["aud"] = "another".into(),
            "over" => claims["exp"] = 1.into(),
            "no-token" => return json_reply(200, &json!({"access_token": "eyJ"})),
            "token-html" => return (200, vec![], b"<html>sign in</html>".to_vec()),
            "token-refuse" => return json_reply(401, &json!({"error": "invalid\u{1b}[2J_client"})),
            "token-redirect" => return (302, vec![("Location", format!("{}/token", self.base))], vec![]),
            _ => {}
        }
        json_reply(200, &json!({"access_token": "a", "token_type": "Bearer", "id_token": self.token(&claims)}))
    }

    fn code(&self, body: &[u8], fault: &str) -> Reply {
        let asked = String::from_utf8_lossy(body);
        let challenge = asked.split('&').find_map(|pair| pair.strip_prefix("code_challenge=")).unwrap_or_default();
        self.challenges.lock().unwrap().insert(challenge.to_owned(), 0);
        let code = if fault == "code-lines" { "ABCD\u{1b}[2J\nVerified OK" } else { "ABCD-EFGH" };
        let place = match fault {
            "code-open" => "http://192.0.2.1/device".to_owned(),
            "code-nowhere" => format!("{}/device\nVerified OK", self.base),
            _ => format!("{}/device", self.base),
        };
        json_reply(
            200,
            &json!({"device_code": "device", "user_code": code, "verification_uri": place,
            "expires_in": 60, "interval": 1}),
        )
    }

    fn signed_in(&self, body: &[u8], fault: &str) -> Reply {
        let asked = String::from_utf8_lossy(body);
        let shown: BTreeMap<String, String> = form(&asked).into_iter().collect();
        match shown.get("grant_type").map(String::as_str) {
            Some("authorization_code") => return self.for_a_code(&shown, fault),
            Some("client_credentials") if shown.get("client_secret").map(String::as_str) != Some(CLIENT_SECRET) => {
                return json_reply(401, &json!({"error": "invalid_client"}));
            }
            Some("client_credentials") => {
                let token = self.token(&json!({"sub": IDENTITY, "aud": shown["client_id"]}));
                return json_reply(200, &json!({"id_token": token}));
            }
            _ => {}
        }
        let verifier = shown.get("code_verifier").map(String::as_str).unwrap_or_default();
        let mut challenges = self.challenges.lock().unwrap();
        let Some(times) = challenges.get_mut(&challenge(verifier)).filter(|_| asked.contains("device_code=device"))
        else {
            return json_reply(400, &json!({"error": "invalid_grant"}));
        };
        *times += 1;
        if *times == 1 {
            return json_reply(400, &json!({"error": "authorization_pending"}));
        }
        json_reply(
            200,
            &json!({"id_token": self.token(&json!({"email": EMAIL, "email_verified": true, "sub": "somebody"}))}),
        )
    }

    fn actions(&self, request: &Request, query: &str) -> Reply {
        let shown = request.headers.get("authorization").map(|value| value.to_ascii_lowercase());
        if shown != Some(format!("bearer {REQUEST_TOKEN}")) || !query.contains("audience=sigstore") {
            return json_reply(401, &json!({"message": "who are you?"}));
        }
        json_reply(200, &json!({"value": self.token(&json!({"sub": IDENTITY}))}))
    }

    // The certificate authority.

    fn certificate(&self, request: &Request, fault: &str) -> Result<Reply, &'static str> {
        let claims = self.claims(request).ok_or("there is no good token")?;
        let value: Value = serde_json::from_slice(&request.body).map_err(|_| "no JSON")?;
        let asked = &value["publicKeyRequest"];
        let key = asked["publicKey"]["content"].as_str().ok_or("no key")?;
        let key = PublicKey::from_pem(key.as_bytes()).map_err(|_| "no key")?;
        let leaf = self.leaf(&claims, &key, &unb64(&asked["proofOfPossession"]), fault)?;
        let chain = [&leaf, &self.middle_der, &self.root_der].map(|der| pem("CERTIFICATE", der));
        Ok(json_reply(200, &json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})))
    }

    fn certificate_by_the_first_api(&self, request: &Request) -> Result<Reply, &'static str> {
        let claims = self.claims(request).ok_or("there is no good token")?;
        let value: Value = serde_json::from_slice(&request.body).map_err(|_| "no JSON")?;
        let key = unb64(&value["publicKey"]["content"]);
        let key = PublicKey::from_spki(&key).or_else(|_| PublicKey::from_pem(&key)).map_err(|_| "no key")?;
        let leaf = self.leaf(&claims, &key, &unb64(&value["signedEmailAddress"]), "")?;
        let chain = [&leaf, &self.middle_der, &self.root_der].map(|der| pem("CERTIFICATE", der)).concat();
        Ok((201, vec![("Content-Type", "application/pem-certificate-chain".into())], chain.into_bytes()))
    }

    fn leaf(&self, claims: &Value, key: &PublicKey, proof: &[u8], fault: &str) -> Result<Vec<u8>, &'static str> {
        let (email, subject) = (claims["email"].as_str(), claims["sub"].as_str().unwrap_or_default());
        key.verify(email.unwrap_or(subject).as_bytes(), proof).map_err(|_| "the key is not at hand")?;
        let name = match email {
            Some(_) if fault == "other-name" => der::element(0x81, b"else@example.com"),
            Some(email) => der::element(0x81, email.as_bytes()),
            None => der::element(0x86, subject.as_bytes()),
        };
        let issuer = if fault == "other-authority" { &self.stranger } else { &self.middle };
        let spki = if fault == "other-key" { self.stranger.spki() } else { key.spki().to_vec() };
        let time = now();
        let id = sha256(&spki)[..20].to_vec();
        let mut leaf = Draft {
            serial: 1000 + u64::from(id[0]) * 256 + u64::from(id[1]),
            issuer: "world intermediate",
            subject: "",
            valid: (time - 60, time + 540),
            extensions: vec![
                usage(0x80),
                purposes(&[CODE_SIGNING], false),
                der::extension("2.5.29.14", false, &der::octets(&id)),
                der::extension(
                    "2.5.29.35",
                    false,
                    &der::sequence(&[der::element(0x80, &sha256(&issuer.spki())[..20])]),
                ),
                der::extension("2.5.29.17", true, &der::sequence(&[name])),
                der::extension(&format!("{FULCIO}.1"), false, self.base.as_bytes()),
                der::extension(&format!("{FULCIO}.8"), false, &der::utf8(&self.base)),
            ],
            spki,
        };
        if fault != "no-sct" {
            let proof = sct(&self.ct, &leaf.tbs(), issuer, Sct::Good, time);
            leaf.extensions.push(sct_extension(&proof));
        }
        Ok(leaf.signed(issuer))
    }

    // The logs.

    fn first_version(&self, body: &[u8], fault: &str) -> Result<Reply, &'static str> {
        let asked: Value = serde_json::from_slice(body).map_err(|_| "no JSON")?;
        let spec = &asked["spec"];
        let entry = match asked["kind"].as_str() {
            Some("hashedrekord") => {
                let verifier = unb64(&spec["signature"]["publicKey"]["content"]);
                let hash = match spec["data"]["hash"]["algorithm"].as_str() {
                    Some("sha256") => Hash::Sha256,
                    Some("sha384") => Hash::Sha384,
                    _ => return Err("no hash"),
                };
                let digest = unhex(spec["data"]["hash"]["value"].as_str().unwrap_or_default());
                let signature = unb64(&spec["signature"]["content"]);
                key_of(&verifier)?.verify_digest(hash, &digest, &signature).map_err(|_| "a wrong signature")?;
                json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": spec["data"], "signature": {
                    "content": spec["signature"]["content"], "publicKey": {"content": spec["signature"]["publicKey"]["content"]}}}})
            }
            Some("dsse") => {
                let proposed = &spec["proposedContent"];
                let envelope = Envelope::from_json(proposed["envelope"].as_str().unwrap_or_default().as_bytes());
                let envelope = envelope.map_err(|_| "no envelope")?;
                let verifier = &proposed["verifiers"][0];
                let key = key_of(&unb64(verifier))?;
                key.verify(&envelope.signed_bytes(), &envelope.signature).map_err(|_| "a wrong signature")?;
                let digest = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex(&sha256(bytes))});
                json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
                    "envelopeHash": digest(proposed["envelope"].as_str().unwrap_or_default().as_bytes()),
                    "payloadHash": digest(&envelope.payload),
                    "signatures": [{"signature": b64(&envelope.signature), "verifier": verifier}]}})
            }
            _ => return Err("an unknown kind"),
        };
        let body = entry.to_string().into_bytes();
        let mut entries = self.first.lock().unwrap();
        if let Some((old, _)) = entries.0.iter().find(|(old, _)| *old == body) {
            return Ok((409, vec![("Location", format!("/api/v1/log/entries/{}", uuid(old)))], b"{}".to_vec()));
        }
        let time = if fault == "old-time" { now() - DAY } else { now() };
        entries.0.push((body, time));
        // Somebody else's entry, which is genuine.
        let at = if fault == "other-entry" { 0 } else { entries.0.len() - 1 };
        Ok(self.told(&entries, at, fault))
    }

    fn held(&self, uuid: &str) -> Reply {
        let entries = self.first.lock().unwrap();
        match entries.0.iter().position(|(body, _)| self::uuid(body) == uuid) {
            Some(at) => (200, vec![], self.told(&entries, at, "").2),
            None => (404, vec![], vec![]),
        }
    }

    /// An entry as the first version tells it.
    fn told(&self, entries: &Entries, at: usize, fault: &str) -> Reply {
        let (body, time) = &entries.0[at];
        let (root, hashes) = entries.proof(at);
        let origin = format!("{HOST} - {TREE}");
        let text = format!("{origin}\n{}\n{}\n", entries.0.len(), b64(&root));
        let id = self.rekor.id();
        let note =
            format!("{text}\n\u{2014} {HOST} {}\n", b64(&[&id[..4], &self.rekor.sign(text.as_bytes())].concat()));
        let index = BEFORE + at as u64;
        let promised =
            format!(r#"{{"body":"{}","integratedTime":{time},"logID":"{}","logIndex":{index}}}"#, b64(body), hex(&id));
        let signer = if fault == "bad-promise" { &self.stranger } else { &self.rekor };
        let entry = json!({"body": b64(body), "integratedTime": time, "logID": hex(&id), "logIndex": index, "verification": {
            "inclusionProof": {"checkpoint": note, "hashes": hashes.iter().map(|h| hex(h)).collect::<Vec<_>>(),
                "logIndex": at, "rootHash": hex(&root), "treeSize": entries.0.len()},
            "signedEntryTimestamp": b64(&signer.sign(promised.as_bytes()))}});
        let uuid = uuid(body);
        let (status, mut headers, body) = json_reply(201, &json!({uuid.as_str(): entry}));
        headers.extend([("ETag", uuid.clone()), ("Location", format!("/api/v1/log/entries/{uuid}"))]);
        (status, headers, body)
    }

    fn second_version(&self, body: &[u8], fault: &str) -> Result<Reply, &'static str> {
        let asked: Value = serde_json::from_slice(body).map_err(|_| "no JSON")?;
        let entry = match asked.get("dsseRequestV002") {
            Some(asked) => envelope_of_the_second_version(asked)?,
            None => digest_of_the_second_version(&asked["hashedRekordRequestV002"])?,
        };
        let kind = entry["kind"].clone();
        let mut entries = self.second.lock().unwrap();
        entries.0.push((entry.to_string().into_bytes(), now()));
        let at = if fault == "other-entry" { 0 } else { entries.0.len() - 1 };
        let (body, _) = &entries.0[at];
        let (root, hashes) = entries.proof(at);
        let text = format!("{HOST}\n{}\n{}\n", entries.0.len(), b64(&root));
        let signed = match fault {
            "bad-checkpoint" => self.stranger.sign(text.as_bytes()),
            _ => self.tiles.sign(text.as_bytes()).as_ref().to_vec(),
        };
        let id = self.tiles_id();
        let note = format!("{text}\n\u{2014} {HOST} {}\n", b64(&[&id[..4], &signed].concat()));
        Ok(json_reply(
            201,
            &json!({"logIndex": at.to_string(), "logId": {"keyId": b64(&id)},
            "kindVersion": {"kind": kind, "version": "0.0.2"}, "integratedTime": "0", "inclusionPromise": null,
            "inclusionProof": {"logIndex": at.to_string(), "rootHash": b64(&root), "treeSize": entries.0.len().to_string(),
                "hashes": hashes.iter().map(|h| b64(h)).collect::<Vec<_>>(), "checkpoint": {"envelope": note}},
            "canonicalizedBody": b64(body)}),
        ))
    }

    // Timestamps.

    fn timestamp(&self, request: &[u8], fault: &str) -> Result<Reply, &'static str> {
        let imprint = imprint(request).ok_or("no request for a timestamp")?;
        let imprint = if fault == "other-stamp" { sha256(b"something else") } else { imprint };
        let setup = Setup { stamp_time: now(), stamp_bad_signature: fault == "bad-stamp", ..Setup::default() };
        let reply = if fault == "unknown-stamp" {
            let setup = Setup { stamp_unknown: true, ..setup };
            let ders = tsa_certificates(&setup, &self.stranger, &self.stranger, 70);
            stamp(&setup, &imprint, &self.stranger, &ders, &self.root)
        } else {
            stamp(&setup, &imprint, &self.tsa, &self.tsa_ders, &self.stranger)
        };
        Ok((201, vec![("Content-Type", "application/timestamp-reply".into())], reply))
    }
}

/// A signature of a digest, for the second version.
fn digest_of_the_second_version(asked: &Value) -> Result<Value, &'static str> {
    let verifier = &asked["signature"]["verifier"];
    let (hash, name) = match verifier["keyDetails"].as_str() {
        Some("PKIX_ECDSA_P384_SHA_384") => (Hash::Sha384, "SHA2_384"),
        Some(_) => (Hash::Sha256, "SHA2_256"),
        None => return Err("no details of the key"),
    };
    let signature = unb64(&asked["signature"]["content"]);
    raw_key(verifier)?.verify_digest(hash, &unb64(&asked["digest"]), &signature).map_err(|_| "a wrong signature")?;
    Ok(json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
        "data": {"algorithm": name, "digest": asked["digest"]}, "signature": asked["signature"]}}}))
}

/// An envelope, as older clients send it to the second version.
fn envelope_of_the_second_version(asked: &Value) -> Result<Value, &'static str> {
    let envelope = Envelope::from_json(asked["envelope"].to_string().as_bytes()).map_err(|_| "no envelope")?;
    let verifier = &asked["verifiers"][0];
    raw_key(verifier)?.verify(&envelope.signed_bytes(), &envelope.signature).map_err(|_| "a wrong signature")?;
    Ok(json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": {
        "payloadHash": {"algorithm": "SHA2_256", "digest": b64(&sha256(&envelope.payload))},
        "signatures": [{"content": b64(&envelope.signature), "verifier": verifier}]}}}))
}

/// The key of a verifier as the second version has it.
fn raw_key(verifier: &Value) -> Result<PublicKey, &'static str> {
    match &verifier["x509Certificate"]["rawBytes"] {
        Value::Null => PublicKey::from_spki(&unb64(&verifier["publicKey"]["rawBytes"])).map_err(|_| "no key"),
        raw => Ok(Certificate::from_der(&unb64(raw)).map_err(|_| "no certificate")?.key().clone()),
    }
}

impl Entries {
    /// The root over all entries, and the way to it from one (RFC 6962 §2.1).
    fn proof(&self, at: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let leaves: Vec<Vec<u8>> = self.0.iter().map(|(body, _)| sha256(&[&[0], body.as_slice()].concat())).collect();
        (tree(&leaves), way(at, &leaves))
    }
}

fn tree(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [one] => one.clone(),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1][..], &tree(left), &tree(right)].concat())
        }
    }
}

fn way(at: usize, leaves: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if leaves.len() == 1 {
        return vec![];
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut way, other) = if at < middle { (way(at, left), right) } else { (way(at - middle, right), left) };
    way.push(tree(other));
    way
}

/// The largest power of two below a number.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn uuid(body: &[u8]) -> String {
    format!("{TREE:016x}{}", hex(&sha256(&[&[0], body].concat())))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

/// The key of a certificate or key in PEM.
fn key_of(text: &[u8]) -> Result<PublicKey, &'static str> {
    let certificate = Certificate::all_from_pem(text).ok().and_then(|all| all.first().map(|one| one.key().clone()));
    certificate.or_else(|| PublicKey::from_pem(text).ok()).ok_or("neither key nor certificate")
}

/// What a request for a timestamp is of: the octet string of 32 bytes behind SHA-256's name.
fn imprint(request: &[u8]) -> Option<Vec<u8>> {
    let at = request.windows(2).position(|pair| pair == [0x04, 0x20])?;
    request.get(at + 2..at + 34).map(<[u8]>::to_vec)
}

/// What a verifier is bound by (RFC 7636).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// The names and values of a form or a query.
fn form(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let text = text.replace('+', " ");
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (coded, rest) = part.split_at_checked(2).unwrap_or(("", part));
            bytes.extend(u8::from_str_radix(coded, 16).ok());
            bytes.extend(rest.as_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (plain(name), plain(value))).collect()
}

fn json_reply(status: u16, value: &Value) -> Reply {
    (status, vec![("Content-Type", "application/json".into())], value.to_string().into_bytes())
}

fn refused(why: &str) -> Reply {
    json_reply(400, &json!({"code": 400, "message": why}))
}
