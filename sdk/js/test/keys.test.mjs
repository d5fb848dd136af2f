// A chain that needs keys: shown in the handshake, and where that cannot be done, as browsers cannot, by the first call.
import { RealmClient } from '@realm/client';
import assert from 'node:assert/strict';
import test from 'node:test';
import { BaseClient } from '../dist/client.js';
import { Runtime } from '../dist/runtime/runtime.js';
import { nodeTransport } from '../dist/transport-node.js';
import { blob, connect, FlakyProxy, keyed, rejection } from './support.mjs';

const STORY = 'Once upon a time there was a fox';

/** Goes by browsers' way, with Node.js's sockets. */
class HeaderlessClient extends BaseClient {
  constructor(settings) {
    super({ sendsKey: false, open: (url) => nodeTransport.open(url, {}) }, settings, async () => ({ Runtime }));
  }
}

test('a key says who one is, in the handshake or by the first call', { timeout: 120_000 }, async (t) => {
  const { node, root, keyOf } = await keyed(t);
  const acme = keyOf('acme_corp');
  for (const Client of [RealmClient, HeaderlessClient]) {
    const client = await connect(t, Client, { wsUrl: node.url, apiKey: acme });
    assert.equal((await client.call('health_check')).healthy, true);
    const stream = client.stream('generate', { prompt: STORY, max_tokens: 3, temperature: 0 });
    for await (const item of stream) assert.equal(typeof item.text, 'string');
    const operator = await connect(t, Client, { wsUrl: node.url, apiKey: root, tenantId: 'startup_inc' });
    assert.equal((await operator.call('health_check')).healthy, true);
    const other = { wsUrl: node.url, apiKey: acme, tenantId: 'startup_inc' };
    const foreign = new Client({ ...other, autoReconnect: false });
    t.after(() => foreign.close());
    assert.equal(await rejection(foreign.connect().then(() => foreign.call('health_check'))), 'FORBIDDEN');
    const wrong = new Client({ wsUrl: node.url, apiKey: acme.replace(/.$/, (last) => (last === '0' ? '1' : '0')) });
    assert.equal(await rejection(wrong.connect()), 'UNAUTHENTICATED');
  }
});

test('a connection that comes back says again who it is', { timeout: 120_000 }, async (t) => {
  const { node, keyOf } = await keyed(t);
  const proxy = await FlakyProxy.start(t, node.port, () => 0, 1e9, 1e9);
  const client = await connect(t, HeaderlessClient, { wsUrl: proxy.url, apiKey: keyOf('acme_corp') });
  const stream = client.stream('generate', { prompt: STORY, max_tokens: 24, temperature: 0 });
  let count = 0;
  for await (const _ of stream) if (++count === 3) proxy.cutAll();
  assert.equal((await stream.result).tokens_generated, count);
  assert.equal((await client.call('health_check')).healthy, true);
});

test("a tenant's own runtime is known to who calls as that tenant", { timeout: 120_000 }, async (t) => {
  const { node, root } = await keyed(t);
  for (const Client of [RealmClient, HeaderlessClient]) {
    const settings = { wsUrl: node.url, apiKey: root, encoding: 'scale' };
    const operator = await connect(t, Client, { ...settings, tenantId: 'startup_inc' });
    const before = await operator.runtime();
    if (before.specVersion === 1) await operator.request('realm_upgradeRuntime', [await blob(), 'startup_inc']);
    assert.ok((await operator.call('summarize', { text: STORY })).tokens_generated > 0);
    assert.equal((await operator.runtime()).specVersion, 2);
    const other = await connect(t, Client, { ...settings, tenantId: 'acme_corp' });
    assert.equal(await rejection(other.call('summarize', { text: STORY })), 'UNKNOWN_FUNCTION');
    assert.equal((await other.runtime()).specVersion, 1);
  }
});
