// One WebSocket, from its first frame to its last: requests with their answers, subscriptions with what comes for them.
// It ends once and is never used again; a new connection is a new link.

import { RealmError } from './errors.js';
import type { Identity, Socket, Transport } from './socket.js';

/** Takes the results of a subscription's notifications, one after another. */
export type Route = (result: any) => void;

/** Times of a link, in milliseconds. */
export interface LinkTimes {
  /** Time for the handshake. */
  connectTimeoutMs: number;
  /** Silence after which the node is asked for a sign of life. A link that stays silent for as long again is lost. */
  silenceMs: number;
}

/** Looks at the silence for each `silenceMs`. */
const LOOKS = 2;

interface Pending {
  resolve(result: any): void;
  reject(error: RealmError): void;
  route: Route | undefined;
}

export class Link {
  #socket: Socket;
  #nextId = 1;
  #pending = new Map<number, Pending>();
  #routes = new Map<string, Route>();
  #open = true;
  /** Looks in a row that found nothing new from the node. */
  #silentLooks = 0;
  #watch: ReturnType<typeof setInterval>;
  #end!: () => void;
  /** Resolves when the connection is over, for whatever reason. */
  readonly ended = new Promise<void>((resolve) => (this.#end = resolve));

  private constructor(socket: Socket, silenceMs: number) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#over();
    socket.onerror = () => this.#over();
    // Where the node's pings can be seen (`ws`), they count as a sign of life.
    socket.on?.('ping', () => (this.#silentLooks = 0));
    this.#watch = setInterval(() => this.#look(silenceMs), silenceMs / LOOKS);
  }

  /** Connects. Rejects with DISCONNECTED, also if that takes longer than `connectTimeoutMs`. */
  static open(transport: Transport, url: string, identity: Identity, times: LinkTimes): Promise<Link> {
    const waitMs = times.connectTimeoutMs;
    return new Promise((resolve, reject) => {
      const failed = (why: string) => reject(new RealmError('DISCONNECTED', `cannot connect to ${url}: ${why}`));
      let socket: Socket;
      try {
        socket = transport.open(url, identity);
      } catch (error) {
        return failed(String(error));
      }
      const timer = setTimeout(() => {
        failed(`no answer within ${waitMs} ms`);
        abandon(socket);
      }, waitMs);
      socket.onerror = (event) => {
        clearTimeout(timer);
        const why = String(event?.message ?? 'the connection failed');
        const status = Number(/server response: (\d+)/.exec(why)?.[1]);
        const code = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' }[status];
        if (code) reject(new RealmError(code, `${url} answered with status ${status}`));
        else failed(why);
      };
      socket.onclose = () => failed('the connection was closed');
      socket.onopen = () => {
        clearTimeout(timer);
        resolve(new Link(socket, times.silenceMs));
      };
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  close(): void {
    this.#socket.close();
    this.#over();
  }

  /** Gives the connection up without waiting for the node, which may not hear anything any more. */
  drop(why: string): void {
    abandon(this.#socket);
    this.#over(why);
  }

  /** Asks and waits for the answer. With `route` the answer is a subscription's id, and whatever comes for it goes
   * there, from the very first on. */
  request(method: string, params: unknown[], route?: Route): Promise<any> {
    if (!this.#open) return Promise.reject(new RealmError('DISCONNECTED', 'the connection is lost', { sent: false }));
    const id = this.#nextId++;
    let frame: string;
    try {
      frame = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    } catch (error) {
      return Promise.reject(new RealmError('INVALID_PARAMS', `the parameters cannot be written as JSON: ${String(error)}`));
    }
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, route });
      this.#socket.send(frame);
    });
  }

  /** Ends a subscription; nothing of it is routed from here on. What the node says to that changes nothing. */
  unsubscribe(subscription: string, method = 'realm_unsubscribe'): void {
    if (this.#routes.delete(subscription)) this.request(method, [subscription]).catch(() => {});
  }

  /** The subscription is over on its own. */
  forget(subscription: string): void {
    this.#routes.delete(subscription);
  }

  /** A connection that broke without a word (a cable, a NAT entry) looks open for ever, so the silence is measured. */
  #look(silenceMs: number): void {
    this.#silentLooks += 1;
    // Browsers let nobody send a ping, so the cheapest request stands for one. Any answer will do.
    if (this.#silentLooks === LOOKS) this.request('system_health', []).catch(() => {});
    if (this.#silentLooks >= 2 * LOOKS) this.drop(`nothing came from the node for ${2 * silenceMs} ms`);
  }

  #receive(frame: unknown): void {
    this.#silentLooks = 0;
    let message: any;
    try {
      message = JSON.parse(String(frame));
    } catch {
      // A node that is not understood is as good as none.
      return this.close();
    }
    if (typeof message?.method === 'string') {
      const params = message.params;
      this.#routes.get(String(params?.subscription))?.(params?.result);
      return;
    }
    const pending = this.#pending.get(message?.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (message.error) return pending.reject(RealmError.ofResponse(message.error));
    if (pending.route) this.#routes.set(String(message.result), pending.route);
    pending.resolve(message.result);
  }

  #over(why = 'the connection was lost before the answer came'): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#watch);
    for (const { reject } of this.#pending.values()) {
      reject(new RealmError('DISCONNECTED', why));
    }
    this.#pending.clear();
    this.#routes.clear();
    this.#end();
  }
}

/** Closes a socket at once where that can be done: a closing handshake waits for an answer. */
function abandon(socket: Socket): void {
  if (socket.terminate) socket.terminate();
  else socket.close();
}
