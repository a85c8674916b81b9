//! The language server, spoken to in its own frames. A real editor's client library speaks to it in scripts/peers/lsp.sh.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

struct Editor {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    asked: u64,
}

impl Editor {
    fn start() -> Editor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .arg("lsp")
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut editor = Editor { child, to, from, asked: 0 };
        let answer = editor.ask("initialize", json!({"capabilities": {}, "processId": null, "rootUri": null}));
        assert_eq!(answer["result"]["capabilities"]["hoverProvider"], true, "{answer}");
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).unwrap();
            match line.trim().strip_prefix("Content-Length: ") {
                Some(count) => length = count.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
        self.read()
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Opens a file and gives its diagnostics.
    fn open(&mut self, uri: &str, language: &str, text: &str) -> Vec<Value> {
        let document = json!({"uri": uri, "languageId": language, "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        let said = self.read();
        assert_eq!((&said["method"], &said["params"]["uri"]), (&json!("textDocument/publishDiagnostics"), &json!(uri)));
        said["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn end(mut self) -> i32 {
        let answer = self.ask("shutdown", json!(null));
        assert!(answer.get("error").is_none(), "{answer}");
        self.tell("exit", json!(null));
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn faults_are_shown_explained_and_mended() {
    let mut editor = Editor::start();
    let uri = "file:///x/Dockerfile";
    let text = "FROM debian:latest\nRUN apt-get update && apt-get install curl\nUSER 10001\n";
    let said = editor.open(uri, "dockerfile", text);
    let latest = said.iter().find(|one| one["range"]["start"]["line"] == 0).unwrap();
    assert_eq!(latest["source"], "plimsoll");
    let at = json!({"textDocument": {"uri": uri}, "position": latest["range"]["start"]});
    let hover = editor.ask("textDocument/hover", at);
    assert!(hover["result"]["contents"]["value"].as_str().unwrap().contains("DL3007"), "{hover}");
    let nowhere = json!({"textDocument": {"uri": uri}, "position": {"line": 2, "character": 0}});
    assert_eq!(editor.ask("textDocument/hover", nowhere)["result"], json!(null));

    let range = json!({"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 80}});
    let params = |only: Value| json!({"textDocument": {"uri": uri}, "range": range, "context": {"diagnostics": [], "only": only}});
    let quick = editor.ask("textDocument/codeAction", params(json!(["quickfix"])));
    let quick = quick["result"].as_array().unwrap();
    assert!(!quick.is_empty() && quick.iter().all(|action| action["kind"] == "quickfix"), "{quick:?}");
    let all = editor.ask("textDocument/codeAction", params(json!(["source"])));
    let mended = all["result"][0]["edit"]["changes"][uri][0]["newText"].as_str().unwrap().to_owned();
    assert!(mended.contains(" -y"), "{mended}");
    let change = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": mended}]});
    editor.tell("textDocument/didChange", change);
    let after = editor.read();
    assert_eq!(after["params"]["version"], 2);
    assert!(after["params"]["diagnostics"].as_array().unwrap().len() < said.len(), "{after}");
    assert_eq!(editor.end(), 0);
}

#[test]
fn files_are_told_apart_and_odd_messages_end_nothing() {
    let mut editor = Editor::start();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: \"a:1\", securityContext: {privileged: true}}]}\n";
    let said = editor.open("file:///x/pod.yaml", "yaml", pod);
    assert!(said.iter().any(|one| one["code"] == "privileged-container"), "{said:?}");
    assert!(editor.open("file:///x/compose.yaml", "yaml", "services: {web: {image: a}}\n").is_empty());
    assert!(!editor.open("file:///x/broken.yaml", "yaml", "apiVersion: v1\nkind: Pod\nspec: (}\n  a: [\n").is_empty());
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": "file:///x/pod.yaml"}}));
    assert_eq!(editor.read()["params"]["diagnostics"], json!([]));
    editor.tell("textDocument/didOpen", json!({"textDocument": 7}));
    editor.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": "file:///never", "version": 1}, "contentChanges": []}),
    );
    let answer = editor.ask("textDocument/rename", json!({}));
    assert!(answer["error"]["message"].as_str().unwrap().contains("not answered here"), "{answer}");
    let answer = editor.ask("textDocument/hover", json!({"textDocument": 7}));
    assert!(answer.get("error").is_some(), "{answer}");
    assert_eq!(editor.end(), 0);
}
