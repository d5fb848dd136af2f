// Connections that are cut at random points, while the runtime is upgraded and the node is restarted: every token comes once
// and in order, and no stream begins anew in secret. Half of the streams cross as SCALE.
import { RealmClient } from '@realm/client';
import assert from 'node:assert/strict';
import test from 'node:test';
import { blob, chance, connect, FlakyProxy, RealmNode } from './support.mjs';

const STREAMS = 200;
const AT_ONCE = 20;
/** The streams with which the runtime is upgraded, and the node restarted. */
const [UPGRADE_AT, RESTART_AT] = [60, 120];
const PROMPTS = ['fox', 'lamp'].map((thing) => ({ prompt: `Once upon a time there was a ${thing}`, max_tokens: 24, temperature: 0 }));

test('200 streams through a proxy that cuts, an upgrade and a restart', { timeout: 600_000 }, async (t) => {
  const node = await RealmNode.start(t);
  const steady = await connect(t, RealmClient, { wsUrl: node.url });
  const whole = await Promise.all(PROMPTS.map(async (prompt) => (await steady.call('generate', prompt)).text));
  const proxy = await FlakyProxy.start(t, node.port, chance(7), 2_000, 60_000);
  const client = new RealmClient({ wsUrl: proxy.url, backoffMsMin: 5, backoffMsMax: 50 });
  t.after(() => client.close());
  while (!(await client.connect().then(() => true, () => false)));
  let [next, again, resumed] = [0, 0, 0];
  // Odd while the node is restarted.
  let restarts = 0;
  let upgraded;
  client.on('reconnect', () => (resumed += 1));

  async function one(index) {
    if (index === UPGRADE_AT) upgraded = blob().then((code) => steady.request('realm_upgradeRuntime', [code]));
    if (index >= RESTART_AT) assert.equal((await upgraded).to.spec_version, 2);
    if (index === RESTART_AT) {
      restarts += 1;
      await node.stop();
      await RealmNode.start(t, { port: node.port });
      restarts += 1;
    }
    for (;;) {
      const before = restarts;
      const stream = client.stream('generate', PROMPTS[index % 2], { encoding: index % 4 < 2 ? 'json' : 'scale' });
      const seen = [];
      try {
        for await (const token of stream) seen.push(token);
      } catch (error) {
        // If the request itself was cut, the client does not know whether it runs, and says so. A stream that has begun
        // goes on, unless its node ended; then what came is a beginning of what it is.
        const ended = restarts !== before || before % 2 === 1;
        assert.ok(error.code === 'DISCONNECTED' || (ended && error.code === 'SHUTTING_DOWN'), `${error.code}: ${error.message}`);
        if (!ended) assert.equal(seen.length, 0, `${error.message} after ${seen.length} tokens`);
        assert.ok(whole[index % 2].startsWith(seen.map(({ text }) => text).join('')));
        again += 1;
        continue;
      }
      const text = seen.map(({ text }) => text).join('');
      assert.deepEqual([text, (await stream.result).text], [whole[index % 2], whole[index % 2]]);
      const places = seen.map(({ index }) => index);
      assert.deepEqual(places, [...new Set(places)].sort((a, b) => a - b));
      return;
    }
  }
  const worker = async () => {
    while (next < STREAMS) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  t.diagnostic(`${proxy.cuts} cuts, ${resumed} new connections, ${again} requests that were lost on their way`);
  assert.ok(proxy.cuts >= 20, `only ${proxy.cuts} cuts`);
});
