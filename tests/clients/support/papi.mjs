// papi as its documentation connects it, on Node 20, which has no WebSocket of its own.
import { createClient } from 'polkadot-api';
import { WsEvent, getWsProvider } from 'polkadot-api/ws';
import WebSocket from 'ws';
import { TOKENS } from './texts.mjs';

/** All fields of GenerateOptions: papi wants the optional ones named too. */
export const OPTIONS = {
  max_tokens: TOKENS, temperature: 0, top_k: undefined, top_p: undefined, min_p: undefined, repetition_penalty: undefined,
  presence_penalty: undefined, frequency_penalty: undefined, logit_bias: undefined, seed: 1n, stop: undefined, logprobs: undefined, speculation: undefined,
};

/** A client of the node, and how often it has connected. */
export function connect(node) {
  let connections = 0;
  const onStatusChanged = (status) => (connections += status.type === WsEvent.CONNECTED ? 1 : 0);
  const client = createClient(getWsProvider(node.url, { websocketClass: WebSocket, onStatusChanged }));
  node.beforeStop(() => client.destroy());
  return { client, connections: () => connections };
}
