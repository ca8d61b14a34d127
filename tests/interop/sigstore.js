// SPDX-License-Identifier: ISC
// Sigstore's own npm packages as a signer: what they make of a payload, as a bundle with a DSSE envelope, signed with a key that the
// user has instead of one that is certified for a moment.
// usage: node sigstore.js KEY-FILE PAYLOAD-TYPE PAYLOAD-FILE   (SIGSTORE_DIR: where npm installed @sigstore/sign)

'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const modules = path.join(process.env.SIGSTORE_DIR, 'node_modules', '@sigstore');
const { DSSEBundleBuilder } = require(path.join(modules, 'sign'));
const { bundleToJSON } = require(path.join(modules, 'bundle'));

const [keyFile, type, payloadFile] = process.argv.slice(2);
const key = crypto.createPrivateKey(fs.readFileSync(keyFile));
const publicKey = crypto.createPublicKey(key).export({ type: 'spki', format: 'pem' });
const signer = {
  sign: async (data) => ({
    signature: crypto.sign('sha256', data, key),
    key: { $case: 'publicKey', publicKey, hint: 'bench' },
  }),
};

new DSSEBundleBuilder({ signer, witnesses: [] })
  .create({ type, data: fs.readFileSync(payloadFile) })
  .then((bundle) => console.log(JSON.stringify(bundleToJSON(bundle))))
  .catch((error) => {
    console.error(`${error.name}: ${error.message}`);
    process.exit(1);
  });
