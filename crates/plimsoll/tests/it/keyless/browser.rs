//! Signing in at a browser: the test is the browser. It follows the address that is opened, and does what hostile pages would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{SIGN, cosign, folder, identity, serve, services, sign, verify};
use crate::Run;

/// The program, which waits for somebody to sign in.
struct Waiting {
    child: Child,
    out: BufReader<std::process::ChildStderr>,
    said: String,
    /// Where the browser is sent.
    address: String,
}

impl Waiting {
    /// Signs a blob in the name of whoever signs in at `issuer`; what opens browsers is a script that writes the address down.
    fn new(folder: &Path, issuer: &str, more: &[&str]) -> Waiting {
        let (base, _) = services();
        let programs = folder.join("programs");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            for name in ["xdg-open", "open"] {
                let script = "#!/bin/sh\nprintf '%s %s' \"$*\" \"$SIGSTORE_ID_TOKEN$COSIGN_PASSWORD\" > \"$HOME/opening\"\nmv \"$HOME/opening\" \"$HOME/opened\"\n";
                std::fs::write(programs.join(name), script).unwrap();
                std::fs::set_permissions(programs.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let _ = std::fs::remove_file(folder.join("b.json"));
        let places =
            ["--fulcio-url", base, "--rekor-url", base, "--oidc-issuer", issuer, "--fulcio-auth-flow", "normal"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("cosign").args(SIGN).arg("--yes").args(places).args(more).arg("blob");
        command.current_dir(folder).env_clear().env("HOME", folder).env("COSIGN_PASSWORD", "secret");
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut address) = (String::new(), String::new());
        while address.is_empty() {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap() == 0 {
                break;
            }
            said.push_str(&line);
            if line.starts_with("http") {
                address = line.trim().to_owned();
            }
        }
        Waiting { child, out, said, address }
    }

    /// What the address names, by its name in the query.
    fn asked(&self, name: &str) -> String {
        let pair = self.address.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        pair.unwrap_or_default().replace("%3A", ":").replace("%2F", "/").replace('+', " ")
    }

    /// Signs in, and goes where the issuer sends a browser: the status of the page there.
    fn signs_in(&self) -> u16 {
        let (status, head) = get(&self.address, None);
        assert_eq!(status, 302, "{head}");
        let back = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        get(back, None).0
    }

    fn ends(mut self) -> Run {
        self.out.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap().code().unwrap();
        Run { status, out: String::new(), err: self.said }
    }
}

/// What was opened, and the secrets that its opener saw. It may still be at it.
fn opened(folder: &Path) -> String {
    for _ in 0..500 {
        if let Ok(text) = std::fs::read_to_string(folder.join("opened")) {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing was opened")
}

/// The status and the whole answer of an address, or of the same place by another host.
fn get(address: &str, host: Option<&str>) -> (u16, String) {
    let rest = address.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority.replace("localhost", "127.0.0.1")).unwrap();
    let host = host.unwrap_or(authority);
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// Whether anything in a text is what the challenge is of.
fn holds_verifier(text: &str, challenge: &str) -> bool {
    let words = text.as_bytes().windows(challenge.len());
    words.filter_map(|word| std::str::from_utf8(word).ok()).any(|word| serve::challenge(word) == challenge)
}

#[test]
fn what_a_challenge_is_of_is_found_in_a_text() {
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert!(
        holds_verifier(&format!("?code_verifier={verifier}&a=b"), challenge) && !holds_verifier(challenge, challenge)
    );
}

#[test]
fn somebody_signs_in_at_a_browser_and_no_page_or_process_beside_them() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    for more in [&[][..], &["--oidc-redirect-url", "http://127.0.0.1:0/cb"], &["--oidc-client-id", "sigstore"]] {
        let waiting = Waiting::new(path, base, more);
        let back = waiting.asked("redirect_uri");
        assert!(
            back.ends_with(if more.contains(&"http://127.0.0.1:0/cb") { "/cb" } else { "/auth/callback" }),
            "{back}"
        );
        assert!(waiting.address.starts_with(&format!("{base}/auth?x=1&response_type=code&client_id=sigstore&")));
        assert_eq!(
            (waiting.asked("scope").as_str(), waiting.asked("code_challenge_method").as_str()),
            ("openid email", "S256")
        );
        let state = waiting.asked("state");
        for secret in ["state", "nonce", "code_challenge"] {
            assert_eq!(waiting.asked(secret).len(), 43, "{secret}");
        }
        // Who does not know the state, or comes by another name, is turned away, and the wait goes on.
        for query in ["code=evil", "code=evil&state=", "code=evil&state=x", "error=access_denied&state=x"] {
            assert_eq!(get(&format!("{back}?{query}"), None).0, 400, "{query}");
        }
        assert_eq!(get(&format!("{back}?code=evil&state={state}&iss={base}"), Some("evil.example")).0, 421);
        assert_eq!(waiting.signs_in(), 200);
        let (challenge, address) = (waiting.asked("code_challenge"), waiting.address.clone());
        let signed = waiting.ends();
        assert_eq!(signed.status, 0, "{}", signed.err);
        assert!(signed.err.contains(&format!("\nSigned in as {}\n", serve::EMAIL)), "{}", signed.err);
        assert_eq!(verify(path, &identity(serve::EMAIL), "blob").err, "Verified OK\n");
        assert_eq!(opened(path), format!("{address} "));
        // What was asked is shown once, and what came of it never.
        assert_eq!(signed.err.matches(&challenge).count(), 1);
        assert!(!holds_verifier(&signed.err, &challenge), "{}", signed.err);
        assert!(!signed.err.contains(serve::CODE) && !signed.err.contains("eyJ"), "{}", signed.err);
        std::fs::remove_file(path.join("opened")).unwrap();
    }
}

#[test]
fn somebody_elses_code_is_worth_nothing_here() {
    let folder = folder();
    let (base, _) = services();
    let issuer = format!("{base}/fault/none");
    let waiting = Waiting::new(folder.path(), &issuer, &[]);
    let answer = format!("{}?code=evil&state={}&iss={issuer}", waiting.asked("redirect_uri"), waiting.asked("state"));
    assert_eq!(get(&answer, None).0, 200);
    let refused = waiting.ends();
    assert!(refused.status == 1 && refused.err.contains("invalid_grant"), "{}", refused.err);
    assert!(!refused.err.contains("evil") && !folder.path().join("b.json").exists(), "{}", refused.err);
}

#[test]
fn what_a_hostile_issuer_says_of_who_signed_in_is_refused() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    for (fault, why) in [
        ("denied", "nobody signed in: access_denied"),
        ("other-answer", "the answer is of another issuer"),
        ("other-nonce", "its nonce is another"),
        ("no-nonce", "its nonce is another"),
        ("other-token", "issuer-mismatch"),
        ("other-audience", "for another program"),
        ("over", "was good until"),
        ("no-token", "neither a token nor a reason"),
        ("token-html", "not the JSON"),
        ("token-refuse", "gives none: invalid"),
        ("token-redirect", "302"),
    ] {
        let waiting = Waiting::new(path, &format!("{base}/fault/{fault}"), &[]);
        assert_eq!(waiting.signs_in(), 200, "{fault}");
        let refused = waiting.ends();
        assert!(refused.status == 1 && refused.err.contains(why), "{fault}: {}", refused.err);
        assert!(!refused.err.contains("eyJ") && !refused.err.contains('\u{1b}'), "{fault}: {}", refused.err);
        assert!(!path.join("b.json").exists(), "{fault}");
    }
    for (issuer, more, why) in [
        ("no-pkce", &[][..], "binds codes"),
        ("open-sign-in", &[], "not safe"),
        ("other-issuer", &[], "calls itself otherwise"),
        ("none", &["--oidc-redirect-url", "http://example.com:1/"], "comes to this machine"),
        ("none", &["--oidc-client-secret-file", "no-such-file"], "no-such-file"),
    ] {
        let waiting = Waiting::new(path, &format!("{base}/fault/{issuer}"), more);
        assert_eq!(waiting.address, "", "{issuer}");
        let refused = waiting.ends();
        assert!(refused.status == 1 && refused.err.contains(why), "{issuer}: {}", refused.err);
    }
}

#[test]
fn a_code_of_a_hostile_issuer_forges_no_line_and_leads_nowhere_else() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    let sign_in = |fault: &str| {
        let issuer = format!("{base}/fault/{fault}");
        let flow =
            ["--fulcio-url", base, "--rekor-url", base, "--fulcio-auth-flow", "device", "--oidc-issuer", &issuer];
        sign(path, &[], &flow)
    };
    let signed = sign_in("code-lines");
    assert!(signed.err.contains("verification code ABCD [2J Verified OK in your browser"), "{}", signed.err);
    assert!(!signed.err.lines().any(|line| line.starts_with("Verified OK")), "{}", signed.err);
    for fault in ["code-open", "code-nowhere"] {
        let refused = sign_in(fault);
        assert!(refused.status == 1 && refused.err.contains("not safe"), "{fault}: {}", refused.err);
        assert!(
            !refused.err.contains("ABCD-EFGH") && !refused.err.contains("\nVerified OK"),
            "{fault}: {}",
            refused.err
        );
        assert!(!path.join("b.json").exists(), "{fault}");
    }
}

#[test]
fn without_a_browser_the_address_is_told_and_the_wait_goes_on() {
    let folder = folder();
    let path = folder.path();
    let programs = path.join("programs");
    std::fs::create_dir(&programs).unwrap();
    for name in ["xdg-open", "open"] {
        std::fs::write(programs.join(name), "#!/bin/sh\nexit 3\n").unwrap();
        std::fs::set_permissions(programs.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut waiting = Waiting::new(path, services().0, &[]);
    let mut line = String::new();
    waiting.out.read_line(&mut line).unwrap();
    assert!(line.contains("No browser could be opened here"), "{line}");
    assert_eq!(waiting.signs_in(), 200);
    let signed = waiting.ends();
    assert_eq!(signed.status, 0, "{}", signed.err);
}

#[test]
fn a_program_signs_in_with_its_secret_and_without_it_not() {
    let folder = folder();
    let path = folder.path();
    let (base, _) = services();
    std::fs::write(path.join("secret"), format!("{}\n", serve::CLIENT_SECRET)).unwrap();
    std::fs::write(path.join("nothing"), "\n").unwrap();
    let flow =
        ["--fulcio-url", base, "--rekor-url", base, "--oidc-issuer", base, "--fulcio-auth-flow", "client_credentials"];
    let signed = sign(path, &[("COSIGN_OIDC_CLIENT_SECRET_FILE", "secret")], &flow);
    assert_eq!(signed.status, 0, "{}", signed.err);
    assert_eq!(verify(path, &identity(super::world::IDENTITY), "blob").err, "Verified OK\n");
    for (file, why) in
        [("", "wants --oidc-client-secret-file"), ("nothing", "it is empty"), ("token", "invalid_client")]
    {
        let refused = sign(path, &[], &[&flow[..], &["--oidc-client-secret-file", file]].concat());
        assert!(refused.status == 1 && refused.err.contains(why), "{file}: {}", refused.err);
        assert!(!refused.err.contains("eyJ"), "{}", refused.err);
    }
    let device = [
        "--fulcio-url",
        base,
        "--rekor-url",
        base,
        "--oidc-issuer",
        base,
        "--oidc-redirect-url",
        "http://localhost:1/",
    ];
    let signed = cosign(path, &[], &[SIGN, &["--yes"], &device, &["blob"]].concat());
    assert!(signed.status == 0 && signed.err.contains("none comes here"), "{}", signed.err);
}
