//! The real OPA, asked through e2e/opa/cmd/peer. In: questions. Out: its answers, in order.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::ask::{self, Answer, Ask, Problem, solution};

pub struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// A question as a line. Input and data are JSON already and go in as they are, for numbers must keep their digits.
fn line(ask: &Ask) -> String {
    let modules: serde_json::Map<String, Value> =
        ask.modules.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect();
    let mut line = format!("{{\"terms\":true,\"now_ns\":{},\"modules\":{}", ask::NOW, Value::Object(modules));
    let mut raw = |key: &str, json: &str| line.push_str(&format!(",\"{key}\":{}", json.replace('\n', " ")));
    if let Some(query) = &ask.query {
        raw("query", &Value::from(query.as_str()).to_string());
    }
    if let Some(input) = &ask.input {
        raw("input", input);
    }
    if let Some(term) = &ask.input_term {
        raw("input_term", &Value::from(term.as_str()).to_string());
    }
    if let Some(data) = &ask.data {
        raw("data", data);
    }
    for (key, flag) in [
        ("v0", ask.v0),
        ("strict", ask.strict),
        ("strict_builtin_errors", ask.strict_builtin_errors),
        ("format", ask.format),
    ] {
        if flag {
            raw(key, "true");
        }
    }
    line + "}\n"
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn answer(line: &str) -> Result<Answer, String> {
    let reply: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    if let Some(problems) = reply["errors"].as_array() {
        let problem = |each: &Value| Problem {
            code: text(&each["code"]),
            row: each["row"].as_u64().unwrap_or(0),
            message: text(&each["message"]),
        };
        return Ok(Answer::Errors(problems.iter().map(problem).collect()));
    }
    if let Some(solutions) = reply["result"].as_array() {
        let one = |each: &Value| {
            let bindings = each["bindings"].as_object();
            let bindings = bindings.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
            let expressions = each["expressions"].as_array();
            solution(bindings, expressions.into_iter().flatten().map(text).collect())
        };
        return Ok(Answer::Values(solutions.iter().map(one).collect()));
    }
    if let Some(texts) = reply["formatted"].as_object() {
        return Ok(Answer::Formatted(texts.values().map(text).collect()));
    }
    match reply["compiled"].as_bool() {
        Some(true) => Ok(Answer::Compiled),
        _ => Err(format!("no answer: {line}")),
    }
}

impl Peer {
    pub fn start(program: &str) -> io::Result<Peer> {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().ok_or_else(|| io::Error::other("no stdin"))?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        Ok(Peer { child, stdin, stdout: BufReader::new(stdout) })
    }

    /// Asks all, and reads while it writes, so that neither side waits for the other.
    pub fn ask(&mut self, asks: &[Ask]) -> io::Result<Vec<Answer>> {
        let Peer { stdin, stdout, .. } = self;
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                asks.iter().try_for_each(|ask| stdin.write_all(line(ask).as_bytes())).and_then(|()| stdin.flush())
            });
            let mut answers = Vec::with_capacity(asks.len());
            let mut reply = String::new();
            for _ in asks {
                reply.clear();
                if stdout.read_line(&mut reply)? == 0 {
                    return Err(io::Error::other("the peer ended"));
                }
                answers.push(answer(&reply).map_err(io::Error::other)?);
            }
            writer.join().map_err(|_| io::Error::other("the writer panicked"))??;
            Ok(answers)
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It also ends at the end of its input; killed, it does not finish what nobody reads.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
