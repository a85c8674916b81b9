//! A language server: the linter's findings in an editor, while one types. In: the Language Server Protocol 3.17 on standard
//! input. Out: its answers on standard output: diagnostics, what a rule means on hover, fixes. What it does not do: look at
//! more than one file at a time: rules that compare files are `plimsoll lint`'s.

mod answers;
mod place;

use std::collections::HashMap;

use anyhow::Context as _;
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{CodeActionRequest, HoverRequest, Request as _};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability, DidChangeTextDocumentParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, HoverParams, HoverProviderCapability, InitializeParams,
    PublishDiagnosticsParams, ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind, Uri,
};
use plimsoll_checks::lint::{Linter, guess, kind_of};
use plimsoll_model::{FileKind, LintedFile};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit::Exit;

/// A text that is linted at every key: what is larger is generated, and an editor should stay quick.
const MAX_TEXT: usize = 4 << 20;

/// What an editor has open.
struct Open {
    version: i32,
    text: String,
    kind: Option<FileKind>,
    linted: Option<LintedFile>,
}

struct Server {
    linter: Linter,
    open: HashMap<Uri, Open>,
}

/// Speaks until the editor says `exit`.
pub fn run(linter: Linter) -> anyhow::Result<Exit> {
    let (connection, threads) = Connection::stdio();
    let capabilities = serde_json::to_value(capabilities()).context("write the capabilities")?;
    let parameters = connection.initialize(capabilities).context("greet the editor")?;
    // Nothing of it is needed; that it can be read shows that an editor is there.
    let _: InitializeParams = serde_json::from_value(parameters).context("read the editor's greeting")?;
    let mut server = Server { linter, open: HashMap::new() };
    for message in &connection.receiver {
        let answers = match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).context("shut down")? {
                    break;
                }
                vec![Message::Response(server.answer(request))]
            }
            Message::Notification(notification) => server.heard(notification).into_iter().collect(),
            // Nothing is asked of the editor.
            Message::Response(_) => Vec::new(),
        };
        for answer in answers {
            connection.sender.send(answer).context("answer the editor")?;
        }
    }
    drop(connection);
    threads.join().context("end the conversation")?;
    Ok(Exit::Allowed)
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::SOURCE_FIX_ALL]),
            ..CodeActionOptions::default()
        })),
        ..ServerCapabilities::default()
    }
}

impl Server {
    fn answer(&self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let answer = match method.as_str() {
            HoverRequest::METHOD => read::<HoverParams>(params).map(|params| {
                let at = params.text_document_position_params;
                let open = self.open.get(&at.text_document.uri);
                let hover = open.and_then(|open| answers::hover(&open.text, open.linted.as_ref()?, at.position));
                serde_json::to_value(hover)
            }),
            CodeActionRequest::METHOD => read::<CodeActionParams>(params).map(|params| {
                let uri = &params.text_document.uri;
                let actions = self.open.get(uri).and_then(|open| {
                    let linted = open.linted.as_ref()?;
                    let kind = open.kind?;
                    Some(answers::actions(&self.linter, uri, &open.text, kind, linted, &params))
                });
                serde_json::to_value(actions.unwrap_or_default())
            }),
            _ => {
                return Response::new_err(
                    id,
                    ErrorCode::MethodNotFound as i32,
                    format!("{method} is not answered here"),
                );
            }
        };
        match answer {
            Ok(Ok(value)) => Response::new_ok(id, value),
            Ok(Err(error)) => Response::new_err(id, ErrorCode::InternalError as i32, error.to_string()),
            Err(error) => Response::new_err(id, ErrorCode::InvalidParams as i32, error.to_string()),
        }
    }

    /// What the editor says of its files; the answer is the file's diagnostics.
    fn heard(&mut self, notification: Notification) -> Option<Message> {
        let Notification { method, params } = notification;
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                let document = read::<DidOpenTextDocumentParams>(params).ok()?.text_document;
                self.changed(document.uri, document.version, document.text, Some(&document.language_id))
            }
            DidChangeTextDocument::METHOD => {
                let mut change = read::<DidChangeTextDocumentParams>(params).ok()?;
                // Whole texts were asked for; the last one counts.
                let text = change.content_changes.pop()?.text;
                self.changed(change.text_document.uri, change.text_document.version, text, None)
            }
            DidCloseTextDocument::METHOD => {
                let uri = read::<DidCloseTextDocumentParams>(params).ok()?.text_document.uri;
                self.open.remove(&uri)?;
                publish(uri, None, Vec::new())
            }
            _ => None,
        }
    }

    fn changed(&mut self, uri: Uri, version: i32, text: String, language: Option<&str>) -> Option<Message> {
        let kind = match (language, self.open.get(&uri)) {
            // The editor knows best what a file without a telling name is.
            (Some("dockerfile"), _) => Some(FileKind::Dockerfile),
            (None, Some(Open { kind: Some(FileKind::Dockerfile), .. })) => Some(FileKind::Dockerfile),
            (Some("yaml" | "json" | "jsonc" | "helm"), _) => kind_of("x.yaml", &text),
            _ => kind_of(uri.as_str(), &text)
                .or_else(|| (guess(uri.as_str(), &text) == FileKind::Dockerfile).then_some(FileKind::Dockerfile)),
        };
        let too_large = kind.is_some() && text.len() > MAX_TEXT;
        let kind = kind.filter(|_| !too_large);
        let linted = kind.map(|kind| answers::lint(&self.linter, uri.as_str(), &text, kind));
        let diagnostics = match &linted {
            Some(linted) => answers::diagnostics(&uri, &text, linted),
            // Nothing found would be said of it, and it was not looked at.
            None if too_large => vec![lsp_types::Diagnostic {
                severity: Some(lsp_types::DiagnosticSeverity::ERROR),
                source: Some("plimsoll".into()),
                message: format!(
                    "could not look at the file: at most {} MiB are linted while one types",
                    MAX_TEXT >> 20
                ),
                ..lsp_types::Diagnostic::default()
            }],
            None => Vec::new(),
        };
        self.open.insert(uri.clone(), Open { version, text, kind, linted });
        let version = self.open.get(&uri).map(|open| open.version);
        publish(uri, version, diagnostics)
    }
}

fn publish(uri: Uri, version: Option<i32>, diagnostics: Vec<lsp_types::Diagnostic>) -> Option<Message> {
    let params = PublishDiagnosticsParams { uri, diagnostics, version };
    // It is made of strings and numbers: it can be written.
    let params = serde_json::to_value(params).ok()?;
    Some(Message::Notification(Notification { method: PublishDiagnostics::METHOD.to_owned(), params }))
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(params)
}
