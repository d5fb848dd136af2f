// Node.js: the key goes in a header, never in the address, because addresses end up in logs.

import { WebSocket } from 'ws';
import type { Socket, Transport } from './socket.js';

/** Bytes of a frame that are taken. */
const FRAME_BYTES_MAX = 64 << 20;

export const nodeTransport: Transport = {
  sendsKey: true,
  open(url, apiKey) {
    const headers = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
    return new WebSocket(url, { headers, maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false }) as Socket;
  },
};
