//! The real OPA's side, asked through e2e/opa/cmd/peer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::templates::Template;
use crate::{Outcome, Task};

pub struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

pub struct Reply {
    pub value: String,
    pub seconds: f64,
    pub allocations: f64,
}

impl Peer {
    pub fn start(program: &str) -> Outcome<Peer> {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().ok_or("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        Ok(Peer { child, stdin, stdout })
    }

    fn ask(&mut self, request: &str) -> Outcome<Value> {
        writeln!(self.stdin, "{request}")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let reply: Value = serde_json::from_str(&line)?;
        match reply.get("errors") {
            Some(errors) => Err(format!("the peer says {errors}").into()),
            None => Ok(reply),
        }
    }

    pub fn bench(&mut self, task: &Task) -> Outcome<Reply> {
        let request = |times: u64| {
            let modules = json!({"p.rego": task.module});
            format!(
                "{{\"modules\":{modules},\"query\":\"{}\",\"v0\":true,\"terms\":true,\"bench\":{times},\"input\":{},\"data\":{}}}",
                task.rule, task.input, task.data
            )
        };
        let seconds = |reply: &Value| reply["nanoseconds"].as_f64().unwrap_or(0.0) / 1e9;
        let first = self.ask(&request(20))?;
        let times = (0.7 / seconds(&first).max(1e-7)).clamp(10.0, 1e6) as u64;
        let mut best = Reply { value: String::new(), seconds: f64::MAX, allocations: 0.0 };
        for _ in 0..3 {
            let reply = self.ask(&request(times))?;
            if seconds(&reply) < best.seconds {
                best = Reply {
                    value: reply["result"][0]["expressions"][0].as_str().unwrap_or("").to_owned(),
                    seconds: seconds(&reply),
                    allocations: reply["allocations"].as_f64().unwrap_or(0.0),
                };
            }
        }
        Ok(best)
    }

    /// Seconds to compile all, their texts' way through the pipe included, which is little beside it.
    pub fn load(&mut self, templates: &[Template]) -> Outcome<f64> {
        let requests: Vec<String> = templates
            .iter()
            .map(|template| {
                let modules: serde_json::Map<String, Value> =
                    template.modules.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect();
                json!({"modules": modules, "v0": template.v0}).to_string()
            })
            .collect();
        let mut best = f64::MAX;
        for _ in 0..5 {
            let started = Instant::now();
            for request in &requests {
                self.ask(request)?;
            }
            best = best.min(started.elapsed().as_secs_f64());
        }
        Ok(best)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
