// The WebSocket of the place we run in.

/** What a link needs of a WebSocket. Browsers' and ws' both are one. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
  /** Closes the connection without the closing handshake, where that can be done. */
  terminate?(): void;
  /** Listens to the frames that browsers do not show, where that can be done. */
  on?(event: 'ping', listener: () => void): unknown;
}

/** Who a client is. */
export interface Identity {
  apiKey: string | undefined;
  tenantId: string | undefined;
}

/** Opens sockets. */
export interface Transport {
  /** Whether a key goes along with the handshake; else `realm_authenticate` carries it. */
  readonly sendsKey: boolean;
  open(url: string, identity: Identity): Socket;
}
