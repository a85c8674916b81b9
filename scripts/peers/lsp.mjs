// Speaks to `plimsoll lsp` with the client library of Visual Studio Code's own protocol: open, diagnostics, hover, quick fix,
// change, close, shut down.  node lsp.mjs PLIMSOLL
import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import {
  createProtocolConnection, StreamMessageReader, StreamMessageWriter, InitializeRequest, InitializedNotification,
  DidOpenTextDocumentNotification, DidChangeTextDocumentNotification, DidCloseTextDocumentNotification, HoverRequest,
  CodeActionRequest, PublishDiagnosticsNotification, ShutdownRequest, ExitNotification,
} from "vscode-languageserver-protocol/node.js";

const child = spawn(process.argv[2], ["lsp"], { stdio: ["pipe", "pipe", "inherit"] });
const ended = new Promise((resolve) => child.on("exit", resolve));
const connection = createProtocolConnection(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin));
const published = [];
const waiting = [];
connection.onNotification(PublishDiagnosticsNotification.type, (said) => {
  const next = waiting.shift();
  next ? next(said) : published.push(said);
});
const diagnostics = () => (published.length ? Promise.resolve(published.shift()) : new Promise((go) => waiting.push(go)));
connection.listen();

const { capabilities } = await connection.sendRequest(InitializeRequest.type, { processId: process.pid, rootUri: null, capabilities: {} });
assert.equal(capabilities.hoverProvider, true);
await connection.sendNotification(InitializedNotification.type, {});

const uri = "file:///work/Dockerfile";
const text = "# 𝄞\nFROM debian:latest\nRUN apt-get update && apt-get install curl\nUSER 10001\n";
await connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument: { uri, languageId: "dockerfile", version: 1, text } });
const first = await diagnostics();
assert.equal(first.version, 1);
const latest = first.diagnostics.find((one) => one.range.start.line === 1);
assert.ok(latest, JSON.stringify(first.diagnostics));
assert.equal(latest.source, "plimsoll");

const hover = await connection.sendRequest(HoverRequest.type, { textDocument: { uri }, position: latest.range.start });
assert.match(hover.contents.value, /DL3007/);

const install = first.diagnostics.filter((one) => one.range.start.line === 2);
const range = { start: { line: 2, character: 0 }, end: { line: 2, character: 99 } };
const actions = await connection.sendRequest(CodeActionRequest.type, { textDocument: { uri }, range, context: { diagnostics: install } });
const quick = actions.filter((action) => action.kind === "quickfix");
assert.ok(quick.length > 0 && quick.every((action) => action.edit.changes[uri].length > 0), JSON.stringify(actions));
const all = actions.find((action) => action.kind === "source.fixAll");
const mended = all.edit.changes[uri][0].newText;
assert.match(mended, /install -y|-y /);

await connection.sendNotification(DidChangeTextDocumentNotification.type, { textDocument: { uri, version: 2 }, contentChanges: [{ text: mended }] });
const second = await diagnostics();
assert.ok(second.version === 2 && second.diagnostics.length < first.diagnostics.length, JSON.stringify(second.diagnostics));

const yaml = "file:///work/pod.yaml";
const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a, securityContext: {privileged: true}}]}\n";
await connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument: { uri: yaml, languageId: "yaml", version: 1, text: pod } });
const third = await diagnostics();
assert.ok(third.diagnostics.some((one) => one.code === "privileged-container"), JSON.stringify(third.diagnostics));
await connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri: yaml } });
assert.deepEqual((await diagnostics()).diagnostics, []);

await assert.rejects(connection.sendRequest("textDocument/rename", {}), /is not answered here/);
await connection.sendRequest(ShutdownRequest.type);
await connection.sendNotification(ExitNotification.type);
assert.equal(await ended, 0);
console.log(`say: ${first.diagnostics.length} diagnostics, ${actions.length} fixes, ${second.diagnostics.length} left after them`);
process.exit(0);
