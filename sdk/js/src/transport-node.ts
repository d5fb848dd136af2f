// Node.js: key and tenant go in headers, never in the address, because addresses end up in logs.

import { WebSocket } from 'ws';
import type { Socket, Transport } from './socket.js';

/** Names the tenant to proxies, which keep each tenant on one node by it. It decides nothing else. */
const TENANT_HEADER = 'x-realm-tenant';
/** Bytes of a frame that are taken. */
const FRAME_BYTES_MAX = 64 << 20;

export const nodeTransport: Transport = {
  sendsKey: true,
  open(url, { apiKey, tenantId }) {
    const headers = {
      ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
      ...(tenantId !== undefined && { [TENANT_HEADER]: tenantId }),
    };
    return new WebSocket(url, { headers, maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false }) as Socket;
  },
};
