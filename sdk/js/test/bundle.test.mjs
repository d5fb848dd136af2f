// The console serves this client, as it is now.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');

test("the console's copy is what `npm run build` made", async () => {
  const [built, served] = await Promise.all([read('../dist/realm-client.browser.js'), read('../../../node/src/console/realm-client.js')]);
  assert.ok(built === served, 'node/src/console/realm-client.js is another client; run `npm run bundle` in sdk/js and commit it');
});
