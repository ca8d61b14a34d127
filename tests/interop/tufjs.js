// SPDX-License-Identifier: ISC
// A TUF client by others, tuf-js, as a user would write one: trusts a root file, refreshes, downloads targets.
// usage: node tufjs.js ROOT-FILE TREE-URL FOLDER TARGET...   (TUFJS_DIR: where npm installed tuf-js)
// Prints one line a target, "TARGET LENGTH"; any failure ends it with exit code 1 and the error's name.

'use strict';

const fs = require('fs');
const path = require('path');

const { Updater } = require(path.join(process.env.TUFJS_DIR, 'node_modules', 'tuf-js'));

async function main([root, url, folder, ...targets]) {
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
    console.log(`${target} ${fs.statSync(file).size}`);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exit(1);
});
