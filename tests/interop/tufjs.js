// SPDX-License-Identifier: ISC
// A TUF client by others, tuf-js, as a user would write one: trusts a root file, refreshes, downloads targets.
// usage: node tufjs.js   (TUFJS_DIR: where npm installed tuf-js)
// Standard input: a line for each client, its words parted by tabs: ROOT-FILE TREE-URL FOLDER TARGET...
// Answers each with lines "out TARGET LENGTH", one for each target, or "err NAME: MESSAGE" of what failed, and at last "exit CODE".

'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');

const { Updater } = require(path.join(process.env.TUFJS_DIR, 'node_modules', 'tuf-js'));

async function fetchAll([root, url, folder, ...targets]) {
  const metadataDir = path.join(folder, 'metadata');
  const targetDir = path.join(folder, 'targets');
  fs.mkdirSync(metadataDir, { recursive: true });
  fs.mkdirSync(targetDir, { recursive: true });
  const trusted = path.join(metadataDir, 'root.json');
  if (!fs.existsSync(trusted)) fs.copyFileSync(root, trusted);

  const updater = new Updater({
    metadataDir,
    targetDir,
    metadataBaseUrl: `${url}/metadata`,
    targetBaseUrl: `${url}/targets`,
    config: { fetchRetries: 0 },
  });
  await updater.refresh();
  for (const target of targets) {
    const info = await updater.getTargetInfo(target);
    if (!info) throw new Error(`no such target: ${target}`);
    const file = await updater.downloadTarget(info, path.join(targetDir, target.replace(/\//g, '_')));
    console.log(`out ${target} ${fs.statSync(file).size}`);
  }
}

async function answer(words) {
  try {
    await fetchAll(words);
    console.log('exit 0');
  } catch (error) {
    console.log(`err ${error.name}: ${error.message}`.replace(/\n/g, ' '));
    console.log('exit 1');
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) await answer(line.split('\t'));
}

main();
