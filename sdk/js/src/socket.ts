// The WebSocket of the place we run in.

/** What a link needs of a WebSocket. Browsers' and ws' both are one. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
  /** Gives the connection up without a word, where that can be done. */
  terminate?(): void;
}

/** Opens sockets. */
export interface Transport {
  /** Whether a key goes along with the handshake; else `realm_authenticate` carries it. */
  readonly sendsKey: boolean;
  open(url: string, apiKey: string | undefined): Socket;
}
