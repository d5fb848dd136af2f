// `client.on('disconnect', () => client.reconnect())` in every state of a client, and connections that go silent without
// being closed. A promise that is rejected and looked at by nobody fails the test that runs.
import { RealmClient } from '@realm/client';
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, FlakyProxy, keyed, RealmNode, rejection, setting } from './support.mjs';

const LONG = { prompt: 'Once upon a time', max_tokens: 4_000, temperature: 0 };
const STORY = { ...LONG, max_tokens: 24 };
const SLOW = { args: ['--model', setting('LONG_MODEL')] };
const HANG = { timeout: 60_000 };

const event = (client, name) => new Promise((resolve) => client.on(name, resolve));
/** Long enough for a rejection that nobody looked at to be reported. */
const aMoment = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

// Without autoReconnect this line was the only way back and always failed; its rejection ended the process.
for (const autoReconnect of [true, false]) {
  test(`a handler reconnects, autoReconnect ${autoReconnect}`, HANG, async (t) => {
    const node = await RealmNode.start(t);
    const proxy = await FlakyProxy.start(t, node.port, () => 1, 1e9, 2e9);
    const client = await connect(t, RealmClient, { wsUrl: proxy.url, autoReconnect });
    const happened = [];
    for (const name of ['disconnect', 'reconnect', 'close']) client.on(name, () => happened.push(name));
    client.on('disconnect', () => client.reconnect());
    client.on('disconnect', async () => await client.reconnect());
    for (let time = 0; time < 2; time += 1) {
      const back = event(client, 'reconnect');
      proxy.cutAll();
      await back;
      assert.equal((await client.call('health_check')).healthy, true);
    }
    assert.deepEqual(happened, ['disconnect', 'reconnect', 'disconnect', 'reconnect']);
    client.close();
    await aMoment();
    assert.equal(happened.at(-1), 'close');
  });
}

test('a handler reconnects when the attempts have run out, and the client can come back', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url, reconnectAttemptsMax: 2 });
  client.on('disconnect', () => client.reconnect());
  client.on('disconnect', async () => await client.reconnect());
  const closed = event(client, 'close');
  await node.stop();
  assert.equal((await closed).code, 'DISCONNECTED');
  await aMoment();
  assert.equal(await rejection(client.reconnect()), 'DISCONNECTED');
  assert.equal(await rejection(client.call('health_check')), 'DISCONNECTED');
  await RealmNode.start(t, { port: node.port });
  const [back] = await Promise.all([event(client, 'reconnect'), client.reconnect()]);
  assert.equal(back, undefined);
  assert.equal((await client.call('health_check')).healthy, true);
});

test('a handler reconnects when the key was revoked', HANG, async (t) => {
  const { node, root, keyOf } = await keyed(t);
  const operator = await connect(t, RealmClient, { wsUrl: node.url, apiKey: root });
  const key = keyOf('acme_corp');
  const client = await connect(t, RealmClient, { wsUrl: node.url, apiKey: key });
  client.on('disconnect', () => client.reconnect());
  const closed = event(client, 'close');
  const { prefix } = (await operator.request('realm_keyList')).find((known) => key.includes(known.prefix));
  await operator.request('realm_keyRevoke', [prefix]);
  assert.equal((await closed).code, 'UNAUTHENTICATED');
  await aMoment();
});

test('reconnect before connect, beside connect, and after close', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = new RealmClient({ wsUrl: node.url });
  t.after(() => client.close());
  await client.reconnect();
  assert.equal((await client.call('health_check')).healthy, true);
  client.close();
  assert.equal(await rejection(client.reconnect()), 'CANCELLED');
  // `close` and `connect` at once: the links of the first series do not disturb the second.
  await client.connect();
  client.close();
  await Promise.all([client.connect(), client.reconnect()]);
  assert.equal((await client.call('health_check')).healthy, true);
  const nobody = new RealmClient({ wsUrl: 'ws://127.0.0.1:1' });
  nobody.reconnect();
  assert.equal(await rejection(nobody.reconnect()), 'DISCONNECTED');
  await aMoment();
});

// A connection without a FIN (a pulled cable, a forgotten NAT entry): the stream stood still for ever, with no event.
test('a connection that goes silent is replaced, and its stream goes on', HANG, async (t) => {
  const node = await RealmNode.start(t, SLOW);
  const proxy = await FlakyProxy.start(t, node.port, () => 1, 1e9, 2e9);
  const client = await connect(t, RealmClient, { wsUrl: proxy.url, silenceMs: 200 });
  const whole = await client.call('generate', STORY);
  const lost = event(client, 'disconnect');
  const called = client.call('generate', LONG);
  let text = '';
  for await (const token of client.stream('generate', STORY)) {
    if (text === '') proxy.goSilent();
    text += token.text;
  }
  await lost;
  assert.equal(text, whole.text);
  assert.equal(await rejection(called), 'DISCONNECTED');
});

test('a connection that goes silent right after the handshake is given up', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const proxy = await FlakyProxy.start(t, node.port, () => 1, 1e9, 2e9);
  const client = new RealmClient({ wsUrl: proxy.url, connectTimeoutMs: 300, silenceMs: 60_000 });
  t.after(() => client.close());
  // The answer to the handshake passes; nothing after it does.
  proxy.silentAfterHandshake = true;
  assert.equal(await rejection(client.connect()), 'DISCONNECTED');
});

test('a silent connection that is alive stays', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const proxy = await FlakyProxy.start(t, node.port, () => 1, 1e9, 2e9);
  const client = await connect(t, RealmClient, { wsUrl: proxy.url, silenceMs: 2_000 });
  let losses = 0;
  client.on('disconnect', () => (losses += 1));
  // It is asked for a sign of life, more than once, and gives it.
  for (let time = 0; time < 2; time += 1) {
    const { received, sent } = proxy;
    while (proxy.received === received || proxy.sent === sent) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(losses, 0);
});
