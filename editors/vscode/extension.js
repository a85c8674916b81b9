// Starts `plimsoll lsp` and shows what it says. No logic of its own: the server finds, explains and mends.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const FILES = [
  { language: "dockerfile" },
  { pattern: "**/{Dockerfile,Containerfile}{,.*}" },
  { language: "yaml" },
  { language: "json" },
];

let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("plimsoll");
  const server = { command: settings.get("path"), args: ["lsp", ...settings.get("arguments")] };
  client = new LanguageClient("plimsoll", "Plimsoll", server, { documentSelector: FILES });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const way = "Install plimsoll, or set `plimsoll.path` to where it is.";
    vscode.window.showErrorMessage(`Could not start ${server.command}: ${error.message}. ${way}`);
  }
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.stop();
}

async function activate(context) {
  const restart = async () => {
    await stop();
    await start();
  };
  context.subscriptions.push(vscode.commands.registerCommand("plimsoll.restart", restart));
  await start();
}

module.exports = { activate, deactivate: stop };
