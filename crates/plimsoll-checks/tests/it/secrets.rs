//! Secrets that are there are found, and what only looks like one is not.

use plimsoll_checks::secrets::{in_command, in_variable, inspect, redact, wants};
use plimsoll_model::Severity;
use proptest::prelude::*;

fn whats(path: &str, text: &str) -> Vec<String> {
    let found = inspect(path, text.as_bytes());
    found
        .into_iter()
        .map(|f| f.message.split(" holds ").nth(1).unwrap().split(':').next().unwrap().to_owned())
        .collect()
}

/// Tokens are put together here, so that no scanner finds one in this file.
fn joined(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn tokens_of_known_formats_are_found() {
    let key = "MC4CAQAwBQYDK2VwBCIEIHR1b2RhcGxpbXNvbGxpc2FsaW5lb25hc2hpcA9z";
    let cases = [
        (joined(&["gh", "p_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"]), "a GitHub personal access token"),
        (joined(&["gl", "pat-Zk3vQ9xT7mWp2LbY8rNd"]), "a GitLab access token"),
        (joined(&["xo", "xb-283746510293-8172635409182-Zk3vQ9xT7mWp2LbY8rNdQwEr"]), "a Slack bot token"),
        (joined(&["sk", "_live_Zk3vQ9xT7mWp2LbY8rNdQwEr"]), "a Stripe live key"),
        (joined(&["AI", "zaSyD3kQ9xT7mWp2LbY8rNdQwErTzUiOpA5c7"]), "a Google API key"),
        (joined(&["AK", "IAQ3EGTR5BK7XWZP2N\nsecret 9dXk2LmQ7vRt4WzYb8NcJf5HsGp1TaEu6KoBi3Vx"]), "an AWS access key"),
        (joined(&["-----BEGIN ", "PRIVATE KEY-----\n", key, "\n-----END PRIVATE KEY-----\n"]), "a private key"),
        (joined(&["-----BEGIN ENCRYPTED ", "PRIVATE KEY-----\n", key, "\n-----END"]), "an encrypted private key"),
        (
            joined(&[
                "{\"type\": \"service_account\", \"private_key\": \"-----BEGIN ",
                "PRIVATE KEY-----\\n",
                key,
                "\\n-----END PRIVATE KEY-----\\n\"}",
            ]),
            "a Google service account's key",
        ),
        (
            joined(&["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.q3kQ9xT7mWp2LbY8rNdQwErTzUiOpA5c7"]),
            "a JSON web token",
        ),
        (
            joined(&[
                "DefaultEndpointsProtocol=https;AccountName=shop;Account",
                "Key=",
                &"Zk3vQ9xT7mWp2LbY8rNd".repeat(4),
                "QwErTQ==;",
            ]),
            "an Azure storage key",
        ),
    ];
    for (text, what) in cases {
        assert_eq!(whats("app/settings.conf", &text), [what], "{text}");
    }
}

#[test]
fn credential_files_are_known_by_name() {
    for (path, text, what) in [
        (
            "root/.docker/config.json",
            r#"{"auths":{"r.example.com":{"auth":"c2hvcDp0SzgtcHEyLlZ3OXg="}}}"#,
            "a registry login",
        ),
        ("root/.npmrc", "//r.example.com/:_authToken=Zk3vQ9xT7mWp2LbY8rNd\n", "an npm registry login"),
        ("root/.pypirc", "[pypi]\nusername = shop\npassword = tK8-pq2.Vw9x\n", "a package index login"),
        ("root/.netrc", "machine r.example.com\n login shop\n password tK8-pq2.Vw9x\n", "a login"),
        ("root/.pgpass", "db:5432:*:shop:tK8-pq2.Vw9x\n", "a PostgreSQL login"),
        (
            "root/.kube/config",
            "users:\n- name: a\n  user:\n    client-key-data: LS0tLS1CRUdJTiBFQyBQUklWQVRF\n",
            "a cluster login",
        ),
        (
            "etc/shadow",
            "root:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0:19000:0:99999:7:::\n",
            "a password hash",
        ),
        ("app/.env", "DATABASE_PASSWORD=tK8-pq2.Vw9x\n", "a password"),
        ("app/config.yaml", "db:\n  password: \"tK8-pq2.Vw9x\"\n", "a password"),
        ("app/settings.xml", "<server><password>tK8-pq2.Vw9x</password></server>", "a password"),
        ("app/app.properties", "spring.datasource.password=tK8-pq2.Vw9x", "a password"),
        ("app/config.json", r#"{"apiKey": "Zk3vQ9xT7mWp2LbY8rNd"}"#, "a secret key"),
        ("app/settings.py", "SECRET_KEY = 'Zk3vQ9xT7mWp2LbY8rNd#(x9'", "a secret key"),
        ("app/.env", "DATABASE_URL=postgres://shop:tK8pq2Vw9x@db:5432/shop", "a password in a URL"),
        (
            "root/.aws/credentials",
            "[default]\naws_secret_access_key = 9dXk2LmQ7vRt4WzYb8NcJf5HsGp1TaEu6KoBi3Vx\n",
            "a secret key",
        ),
    ] {
        assert!(wants(path, 10), "{path}");
        assert_eq!(whats(path, text), [what], "{path}");
    }
}

#[test]
fn what_only_looks_like_a_secret_is_left_alone() {
    for (path, text) in [
        // From distributions' own configuration.
        ("etc/login.defs", "PASS_MAX_DAYS\t99999\nPASS_WARN_AGE\t7\nENCRYPT_METHOD YESCRYPT\n#PASS_CHANGE_TRIES\n"),
        ("etc/pam.d/common-password", "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n"),
        ("etc/nsswitch.conf", "passwd: files systemd\nshadow: files\n"),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\ndaemon:!:19000:0:99999:7:::\n"),
        (
            "etc/ssh/sshd_config",
            "PasswordAuthentication no\nPermitEmptyPasswords no\n#PermitRootLogin prohibit-password\n",
        ),
        ("etc/debconf.conf", "Reject-Type: password\nMode: 600\nFilename: /var/cache/debconf/passwords.dat\n"),
        ("etc/mysql/my.cnf", "# password = your_password\n[client]\nssl-key=/etc/mysql/client-key.pem\n"),
        ("etc/php.ini", "mysqli.default_pw =\nldap.password_hash = sha256\nsession.sid_length = 26\n"),
        ("etc/wgetrc", "#http_password = secret12\n# proxy_password=x\n"),
        // References and templates.
        (
            "app/config.yaml",
            "password: ${DB_PASSWORD}\ntoken: {{ .Values.token }}\nsecretName: web-tls\nsecretKeyRef:\n",
        ),
        ("app/.env.example", "API_KEY=your-api-key-here\nSECRET=changeme\nTOKEN=<token>\nPASSWORD=xxxxxxxxxxxx\n"),
        ("app/deploy.yaml", "tokenSecretRef: web-token-1\nsecret: web-credentials\npasswordFile: /run/secrets/db-1\n"),
        ("app/start.sh", "PASSWORD=$(cat /run/secrets/db)\nTOKEN=\"$1\"\nexport SECRET_KEY=${SECRET_KEY:-}\n"),
        // Code.
        (
            "app/user.py",
            "password = request.form['password1']\nif token == 'Abc123Def456Ghi7':\n    pass\nself.token = get_token()\n",
        ),
        ("app/lexer.js", "const tokens = lex(src); this.token = this.tokens[i0]; var tokenType = 'STRING_1';\n"),
        (
            "app/form.js",
            "label: {password: 'Password', passwordConfirm: 'Repeat your password 2x'}, secretKey: process.env.KEY1\n",
        ),
        ("app/i18n.json", r#"{"password": "Passwort", "forgot_password": "Passwort vergessen?", "token": "Zeichen"}"#),
        ("app/app.js", "fetch('https://user:password@example.com')\n"),
        (
            "app/models.py",
            "types = {'secret': 'V1SecretProjection', 'token': 'google_oauth2.Token1'}\nprivate_key: x25519.X25519PrivateKey\n",
        ),
        ("app/pages.json", r#"{"output_token": "Jobs[-1].JobId", "secret": "projects/123/secrets/db-2/versions/1"}"#),
        (
            "app/request.json",
            r#"{"clientRequestToken": "bcd2f1b8-9a78-44d3-8a7a-4dd07d7cf635", "token": "eyJ2IjoiMSIs..."}"#,
        ),
        ("app/arn.json", r#"{"arn": "arn:aws:secretsmanager:us-west-2:123456789012:secret:Shop-a1b2c3"}"#),
        ("app/emoji.go", "\"secret\": \"\\u3299\\ufe0f\","),
        ("app/build.sh", "PRIVATEKEY=\"--private-key=$2\"\n"),
        ("app/url.go", "// for example http://jane:p@ssw0rd1@shop.test\nx := \"http://jane:p4ssw0rd1@localhost:80\"\n"),
        // Public halves and checksums.
        (
            "app/key.conf",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
        ),
        ("app/key.md", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"),
        ("app/keys.rb", "BEGIN = '-----BEGIN RSA PRIVATE KEY-----'\nEND_ = '-----END RSA PRIVATE KEY-----'\n"),
        ("app/sums", "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"),
        // The samples of vendors' manuals.
        (
            "app/aws.conf",
            "aws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
        ),
        ("app/gh.conf", "token: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"),
        ("app/.npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"),
        ("root/.docker/config.json", r#"{"auths":{"r.example.com":{}},"credsStore":"desktop"}"#),
        ("app/README.md", "Run with `PASSWORD=tK8-pq2.Vw9x ./start`\n"),
    ] {
        assert_eq!(whats(path, text), [] as [&str; 0], "{path}");
    }
    assert_eq!(inspect("app/data", b"password = tK8-pq2.Vw9x\n\0"), [], "a binary is no text");
}

#[test]
fn variables_of_well_known_images_are_left_alone() {
    for (name, value) in [
        ("PATH", "/usr/local/sbin:/usr/local/bin"),
        ("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
        ("GPG_KEYS", "39B641343D8C104B2B146DC3F9C39DC0B9698544 E60913E4DF209907D8E30D96659A97C9CF2A795A"),
        ("PYTHON_SHA256", "8c136d199d3637a1fce98a16adc809c1d83c922d02d41f3614b34f8b6e7d38ec"),
        ("NODE_VERSION", "22.11.0"),
        ("PHP_ASC_URL", "https://www.php.net/distributions/php-8.3.13.tar.xz.asc"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/pg"),
        ("POSTGRES_PASSWORD", ""),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes"),
        ("PWD", "/srv/app-2024.X1"),
        ("SSH_AUTH_SOCK", "/tmp/agent.123"),
        ("TOKENIZERS_PARALLELISM", "false1234"),
        ("MAX_TOKENS", "4096"),
        ("SECRET_NAME", "web-tls-2024"),
        ("PASSWORD_MIN_LENGTH", "12345678901"),
        ("VAULT_ADDR", "https://vault.example.com:8200"),
    ] {
        assert_eq!(in_variable(name, value), None, "{name}");
    }
}

#[test]
fn variables_that_hold_secrets_are_found() {
    for (name, value) in [
        ("POSTGRES_PASSWORD", "postgres"),
        ("DB_PASSWORD", "hunter22"),
        ("API_KEY", "Zk3vQ9xT7mWp2LbY8rNd"),
        ("GITHUB_TOKEN", "Zk3vQ9xT7mWp2LbY8rNd"),
        ("SECRET_KEY_BASE", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ("JWT_SECRET", "s3cr3t-sh0p"),
        ("DATABASE_URL", "postgres://shop:Tr0ub4dor3@db/shop"),
        ("APP_KEY", "base64:Zk3vQ9xT7mWp2LbY8rNdQwErTzUiOpA5c7Zk3vQ9xT0="),
        ("RAILS_MASTER_KEY", "9f86d081884c7d659a2feaa0c55ad015"),
        ("MYSQL_PWD", "hunter22"),
        ("CONNECTION", "Server=db;Database=shop;User=shop;Password=tK8-pq2.Vw9x;"),
        ("REDIS_URL", "redis://:Tr0ub4dor3@redis:6379/0"),
        ("AWS_SECRET_ACCESS_KEY", "9dXk2LmQ7vRt4WzYb8NcJf5HsGp1TaEu6KoBi3Vx"),
        ("DOCKER_AUTH_CONFIG", r#"{"auths":{"r.example.com":{"auth":"c2hvcDp0SzgtcHEyLlZ3OXg="}}}"#),
        ("ANYTHING", &joined(&["gh", "p_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"])),
    ] {
        let secret = in_variable(name, value).unwrap_or_else(|| panic!("{name}"));
        assert!(secret.severity >= Severity::Medium);
        assert!(!secret.masked().contains(&secret.value), "{name}");
    }
}

#[test]
fn instructions_are_read() {
    for (line, count) in [
        ("RUN curl -u deploy:tK8-pq2.Vw9x https://files.example.com/x", 1),
        ("RUN git clone https://oauth2:Zk3vQ9xT7mWp2LbY8rNd@git.example.com/shop.git", 1),
        ("RUN |2 NPM_TOKEN=Zk3vQ9xT7mWp2LbY8rNd A=b /bin/sh -c npm ci", 1),
        ("RUN mysql --password=tK8-pq2.Vw9x -e 'select 1'", 1),
        ("RUN tool --api-key Zk3vQ9xT7mWp2LbY8rNd", 1),
        ("RUN curl -H 'Authorization: Bearer Zk3vQ9xT7mWp2LbY8rNd' https://x.example", 1),
        ("RUN echo 'root:x' | chpasswd", 0),
        ("RUN useradd -u 10001 -g 0 app && chown -R app:app /srv", 0),
        ("RUN docker run -u 1000:1000 x", 0),
        ("RUN --mount=type=secret,id=npm NPM_TOKEN=$(cat /run/secrets/npm) npm ci", 0),
        ("ARG DATABASE_PASSWORD", 0),
        ("ENV PASSWORD_FILE=/run/secrets/x", 0),
        ("RUN apt-get install -y libsecret-1-0=0.20.5-3 passwd=1:4.13", 0),
    ] {
        let found = in_command(line);
        assert_eq!(found.len(), count, "{line}: {found:?}");
        for secret in found {
            assert!(!redact(line).contains(&secret.value), "{line}");
        }
    }
}

#[test]
fn list_of_secrets_is_one_finding_with_its_lines() {
    let text = "a_password=tK8-pq2.Vw9x\nnothing=1\nb_password=uK8-pq2.Vw9y\n";
    let found = inspect("app/.env", text.as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rule, "secret-in-image");
    let lines: Vec<_> = found[0].locations.iter().map(|place| place.line.unwrap()).collect();
    assert_eq!(lines, [1, 3]);
    assert!(found[0].message.ends_with("and 1 more of the kind"), "{}", found[0].message);
}

#[test]
fn texts_made_to_cost_time_are_given_up_and_said() {
    for piece in
        ["pwd=", "-----BEGIN PRIVATE KEY-----", "eyJ.", "://a:b@c", "token:\"", "AKIA ", "bearer ", "-u a:Passw0rd1 "]
    {
        // Enough words for the limit, or enough bytes for a cost that grows with their square.
        let text = piece.repeat(if piece == "pwd=" { 60_000 } else { (1 << 16) / piece.len() });
        let start = std::time::Instant::now();
        let found = inspect("app/settings", text.as_bytes());
        if piece != "pwd=" {
            let _ = (in_variable("PASSWORD", &text), redact(&text).len());
        }
        // An unoptimised build on a busy machine takes seconds; without bounds it takes hours.
        assert!(start.elapsed().as_secs() < 60, "{piece}: {:?}", start.elapsed());
        if piece == "pwd=" {
            assert!(found.iter().any(|f| f.message.contains("not read to its end")), "{found:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC*", path in "[a-z./]{0,20}") {
        let _ = inspect(&path, text.as_bytes());
        let _ = in_command(&text);
        let _ = in_variable(&path, &text);
    }

    #[test]
    fn no_bytes_are_too_odd(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("-----BEGIN PRIVATE KEY-----"), Just("-----END"), Just("password"), Just("="), Just("\""), Just("://"),
                Just("@"), Just(":"), Just("bearer "), Just("eyJ"), Just("AKIA"), Just("ghp_"), Just("é"), Just("\n"), Just(" "),
                Just("-u "), Just("<"), Just(">"), Just("Zk3vQ9xT7mWp2LbY8rNd"), Just("--token "), Just("_"), Just("."),
            ],
            0..40,
        )
    ) {
        let text = pieces.concat();
        for path in ["a.env", "a.py", "a.md", ".netrc", ".docker/config.json", "etc/shadow", ".kube/config"] {
            let _ = inspect(path, text.as_bytes());
        }
        for secret in in_command(&text) {
            prop_assert!(text[secret.at..].starts_with(&secret.value) || secret.what.contains("private key"));
        }
    }
}
