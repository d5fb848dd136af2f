// Calls and streams on a real node, and what becomes of them when the connection, the node or the runtime changes.
import { RealmClient } from '@realm/client';
import assert from 'node:assert/strict';
import test from 'node:test';
import { blob, computedWhenIdle, connect, FlakyProxy, RealmNode, rejection, setting } from './support.mjs';

const STORY = { prompt: 'Once upon a time there was a fox', max_tokens: 24, temperature: 0 };
/** With a model that never ends by itself: more than any test waits for. */
const LONG = { prompt: 'Once upon a time', max_tokens: 4_000, temperature: 0 };
const SLOW = { args: ['--model', setting('LONG_MODEL')] };
const HANG = { timeout: 60_000 };

async function read(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return { items, text: items.map((item) => item.text).join(''), result: await stream.result };
}

/** Waits until the node has forgotten a stream, as it does when nobody wants it. */
async function untilUnknown(client, id) {
  // No event is so far: a stream that is there is not followed by asking.
  while ((await rejection(client.request('realm_resume', [id, 1_000_000]))) !== 'UNKNOWN_STREAM') {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('calls and streams share one socket', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const [whole, health, one, two] = await Promise.all([
    client.call('generate', STORY),
    client.call('health_check'),
    read(client.stream('generate', STORY)),
    read(client.stream('stream_generate', STORY)),
  ]);
  assert.equal(health.healthy, true);
  for (const { items, text, result } of [one, two]) {
    assert.ok(items.length > 1);
    assert.equal(items[0].token, items[0].text);
    assert.deepEqual([text, result.text], [whole.text, whole.text]);
  }
  const nothing = await read(client.stream('get_model_info'));
  assert.deepEqual([nothing.items.length, typeof nothing.result.architecture], [0, 'string']);
});

test('what is wrong is said by its code', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  assert.equal(await rejection(client.call('generat', {})), 'UNKNOWN_FUNCTION');
  assert.equal(await rejection(client.call('generate', { prompt: 'Hi', max_tokns: 1 })), 'INVALID_PARAMS');
  assert.equal(await rejection(client.call('generate', { ...STORY, max_tokens: 200 }, { timeoutMs: 1 })), 'DEADLINE_EXCEEDED');
  assert.equal(await rejection(client.call('embed', { text: 1n })), 'INVALID_PARAMS');
  assert.equal(await rejection(read(client.stream('generat', {}))), 'UNKNOWN_FUNCTION');
  assert.equal(await rejection(new RealmClient({ wsUrl: 'ws://127.0.0.1:1' }).connect()), 'DISCONNECTED');
  assert.equal(await rejection(new RealmClient().call('generate', STORY)), 'DISCONNECTED');
});

test('aborting and leaving end a call on the node', HANG, async (t) => {
  const node = await RealmNode.start(t, SLOW);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const control = new AbortController();
  const called = client.call('generate', LONG, { signal: control.signal });
  const aborted = client.stream('generate', LONG, { signal: control.signal });
  const left = client.stream('generate', LONG);
  for await (const item of left) {
    assert.equal(typeof item.text, 'string');
    break;
  }
  setTimeout(() => control.abort(), 20);
  assert.equal(await rejection(called), 'CANCELLED');
  assert.equal(await rejection(read(aborted)), 'CANCELLED');
  assert.equal(await rejection(left.result), 'CANCELLED');
  for (const stream of [aborted, left]) await untilUnknown(client, stream.id);
  // The node stopped computing, well before the three were done.
  const computed = await computedWhenIdle(client);
  assert.ok(computed < 2 * LONG.max_tokens, `${computed} tokens were computed`);
  assert.equal(await rejection(client.call('generate', LONG, { signal: AbortSignal.abort() })), 'CANCELLED');
});

test('a stream goes on after a lost connection, a call does not', HANG, async (t) => {
  const node = await RealmNode.start(t, SLOW);
  const proxy = await FlakyProxy.start(t, node.port, () => 1, 1e9, 2e9);
  const client = await connect(t, RealmClient, { wsUrl: proxy.url });
  const whole = await client.call('generate', STORY);
  const happened = [];
  client.on('disconnect', () => happened.push('disconnect'));
  client.on('reconnect', () => happened.push('reconnect'));
  const stream = client.stream('generate', STORY);
  const called = client.call('generate', LONG);
  let text = '';
  for await (const token of stream) {
    if (text === '') proxy.cutAll();
    text += token.text;
  }
  assert.deepEqual([text, (await stream.result).text], [whole.text, whole.text]);
  assert.equal(await rejection(called), 'DISCONNECTED');
  assert.deepEqual(happened, ['disconnect', 'reconnect']);
  await client.reconnect();
  assert.equal((await client.call('health_check')).healthy, true);
  // Ended while there is no connection: the node is told with the next one.
  const unwanted = client.stream('generate', LONG);
  await unwanted[Symbol.asyncIterator]().next();
  const lost = new Promise((resolve) => client.on('disconnect', resolve));
  proxy.cutAll();
  await lost;
  unwanted.cancel();
  await untilUnknown(client, unwanted.id);
});

test('a restarted node is found again, and its old streams are not made up', HANG, async (t) => {
  const node = await RealmNode.start(t, SLOW);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const stream = client.stream('generate', LONG);
  const items = stream[Symbol.asyncIterator]();
  await items.next();
  const reading = async () => {
    while (!(await items.next()).done);
  };
  const cut = rejection(reading());
  const back = new Promise((resolve) => client.on('reconnect', resolve));
  await node.stop();
  await RealmNode.start(t, { ...SLOW, port: node.port });
  await back;
  assert.equal((await client.call('health_check')).healthy, true);
  assert.ok(['DISCONNECTED', 'SHUTTING_DOWN'].includes(await cut));
});

test('a new runtime is told, and its functions are there at once', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  assert.equal(await rejection(client.call('summarize', { text: 'A fox ran.' })), 'UNKNOWN_FUNCTION');
  const changed = new Promise((resolve) => client.on('runtimeChanged', resolve));
  await client.request('realm_upgradeRuntime', [await blob()]);
  assert.equal((await changed).specVersion, 2);
  const { functions } = await client.metadata();
  const summarize = functions.find(({ name }) => name === 'summarize');
  const params = { [summarize.params[0].name]: 'A fox ran. A dog slept.' };
  assert.equal(typeof (await client.call('summarize', params)), 'object');
});

test('a subscription goes on with each connection, and ends when it shall', HANG, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const heads = [];
  let tell = () => {};
  const next = () => new Promise((resolve) => (tell = resolve));
  const [first, stop] = await Promise.all([
    next(),
    client.subscribe('chain_subscribeNewHeads', 'chain_unsubscribeNewHeads', [], (head) => tell(heads.push(head))),
  ]);
  assert.equal(first, 1);
  const again = next();
  await client.reconnect();
  await again;
  assert.equal(typeof heads.at(-1).number, 'string');
  stop();
  const wrong = client.subscribe('chain_subscribeNothing', 'chain_unsubscribeNothing', [], () => {});
  assert.equal(await rejection(wrong), '-32601');
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  await client.subscribe('chain_subscribeNewHeads', 'chain_unsubscribeNewHeads', [], () => {}, end);
  const closed = new Promise((resolve) => client.on('close', resolve));
  client.close();
  assert.deepEqual([(await ended).code, (await closed).code], ['CANCELLED', 'CANCELLED']);
  assert.equal(await rejection(client.subscribe('chain_subscribeNewHeads', 'chain_unsubscribeNewHeads', [], () => {})), 'CANCELLED');
});
