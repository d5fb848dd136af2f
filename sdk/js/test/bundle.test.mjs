// What pages import: one module each, and the console serves the smaller one as it is now.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { WebSocket } from 'ws';
import { connect, RealmNode, rejection } from './support.mjs';

const JSON_ALONE = new URL('../dist/realm-client.browser.js', import.meta.url);
const WITH_SCALE = new URL('../dist/realm-client-scale.browser.js', import.meta.url);
/** Bytes of the module that the console loads, at most. With SCALE and unminified it would be more than 100 kB. */
const CONSOLE_BYTES_MAX = 32 << 10;

const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');

test("the console's copy is what `npm run build` made, and carries no SCALE", async () => {
  const [built, served] = await Promise.all([read(JSON_ALONE), read('../../../node/src/console/realm-client.js')]);
  assert.ok(
    built === served,
    'node/src/console/realm-client.js is another client; run `npm run bundle` in sdk/js and commit it',
  );
  assert.ok(served.length <= CONSOLE_BYTES_MAX, `${served.length} bytes`);
});

test('both modules work by themselves', { timeout: 60_000 }, async (t) => {
  const node = await RealmNode.start(t);
  // Node.js has browsers' WebSocket from version 22 on.
  globalThis.WebSocket ??= WebSocket;
  const [page, whole] = await Promise.all([import(JSON_ALONE), import(WITH_SCALE)]);
  const [small, large] = [
    await connect(t, page.RealmClient, { wsUrl: node.url }),
    await connect(t, whole.RealmClient, { wsUrl: node.url }),
  ];
  assert.equal((await small.call('health_check')).healthy, true);
  assert.equal(await rejection(small.runtime()), 'INVALID_PARAMS');
  assert.equal(await rejection(small.call('health_check', {}, { encoding: 'scale' })), 'INVALID_PARAMS');
  assert.equal((await large.call('health_check', {}, { encoding: 'scale' })).healthy, true);
  assert.equal((await large.runtime()).hash, (await small.metadata()).metadata_hash);
});

test('bundlers for browsers can leave what reads SCALE for when it is needed', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export { RealmClient } from '@realm/client';",
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    splitting: true,
    platform: 'browser',
    format: 'esm',
    outdir: 'out',
    write: false,
  });
  const first = outputFiles.find(({ path }) => path.endsWith('stdin.js'));
  const bytes = outputFiles.reduce((sum, { contents }) => sum + contents.length, 0);
  assert.ok(
    first.contents.length <= CONSOLE_BYTES_MAX && bytes > 3 * first.contents.length,
    `${first.contents.length} bytes of ${bytes}`,
  );
});
