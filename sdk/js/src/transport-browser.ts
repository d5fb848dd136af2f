// Browsers: they let nobody set a header, so the key is the first call's.

import type { Socket, Transport } from './socket.js';

export const browserTransport: Transport = {
  sendsKey: false,
  open: (url) => new WebSocket(url) as Socket,
};
