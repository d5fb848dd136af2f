// What a client and its calls can be told, and what a client tells.

import type { RealmError } from './errors.js';
import type { Encoding } from './functions.js';

export interface ClientSettings<E extends Encoding = Encoding> {
  /** Default `ws://127.0.0.1:9944`. */
  wsUrl?: string;
  /** Who one is. */
  apiKey?: string;
  /** As whom to call, where the key leaves a choice. */
  tenantId?: string;
  /** How calls that do not say it write parameters and read answers. Default `json`. */
  encoding?: E;
  /** Time limit of calls that have none of their own. Default: the node's. */
  timeoutMs?: number;
  /** Time that connecting may take: the handshake, and the first requests after it. Default 10 s. */
  connectTimeoutMs?: number;
  /** Silence of the node after which it is asked for a sign of life; if it stays silent for as long again, the connection is
   * lost. Default 20 s. */
  silenceMs?: number;
  /** Whether a lost connection is replaced without `reconnect()`. Default true. */
  autoReconnect?: boolean;
  /** The first wait before that, doubled with each failure. Default 100 ms. */
  backoffMsMin?: number;
  /** The longest. Default 10 s. */
  backoffMsMax?: number;
  /** Attempts before giving up. Default: without end. */
  reconnectAttemptsMax?: number;
}

export interface CallOptions {
  /** Ends the call, on the node too. */
  signal?: AbortSignal;
  /** Time that the call may take, queueing included. */
  timeoutMs?: number;
  /** One's own id of the request, in the node's log. */
  id?: string;
  /** A metadata hash: the call runs with that runtime or not at all. */
  runtime?: string;
  /** `json`: values as the node's documents show them. `scale`: values as Polkadot's libraries have them (bigint, `{ type,
   * value }` for enums, Uint8Array), encoded here by the runtime's metadata. Default: the client's. */
  encoding?: Encoding | undefined;
}

export interface StreamOptions extends CallOptions {
  /** Whether the call outlives a lost connection and is taken up again. Default true. */
  resumable?: boolean;
}

export interface ClientEvents {
  disconnect: undefined;
  reconnect: undefined;
  /** The version of the runtime now in force. */
  runtimeChanged: { specName: string; specVersion: number };
  /** The connection was closed or given up, and why. Only `connect()` and `reconnect()` open another. */
  close: RealmError;
}

/** The settings with every default written out. */
export type Settings = ReturnType<typeof withDefaults>;

export function withDefaults(settings: ClientSettings) {
  return {
    ...settings,
    wsUrl: settings.wsUrl ?? 'ws://127.0.0.1:9944',
    encoding: settings.encoding ?? ('json' satisfies Encoding as Encoding),
    connectTimeoutMs: settings.connectTimeoutMs ?? 10_000,
    silenceMs: settings.silenceMs ?? 20_000,
    autoReconnect: settings.autoReconnect ?? true,
    backoffMsMin: settings.backoffMsMin ?? 100,
    backoffMsMax: settings.backoffMsMax ?? 10_000,
    reconnectAttemptsMax: settings.reconnectAttemptsMax ?? Infinity,
  };
}
