// What is known of the runtime in force, asked for once and forgotten when there may be another: the node's document, and
// the runtime's own metadata.

import { RealmError } from './errors.js';
import type { Runtime } from './runtime/runtime.js';
import type { Settings } from './settings.js';

/** Brings the part that reads SCALE metadata. A function, so that who needs none of it does not load it. */
export type LoadScale = () => Promise<{ Runtime: new (metadataHex: string) => Runtime }>;

type Request = (method: string, params: unknown[]) => Promise<any>;

/** The newest version of the metadata's format that nodes offer. */
const METADATA_VERSION = 15;

export class Known {
  #document: Promise<any> | undefined;
  #runtime: Promise<Runtime> | undefined;
  /** What `#runtime` came to, once it has. */
  #current: Runtime | undefined;
  /** The last one that was decoded, in force or not. */
  #decoded: { hex: string; runtime: Runtime } | undefined;

  constructor(
    private readonly request: Request,
    private readonly settings: Settings,
    private readonly loadScale: LoadScale | undefined,
  ) {}

  /** The node's document of functions and types. */
  document(): Promise<any> {
    const asked: Promise<any> = (this.#document ??= this.request('system_metadata', []));
    asked.catch(() => {
      if (this.#document === asked) this.#document = undefined;
    });
    return asked;
  }

  /** The runtime by its metadata. */
  runtime(): Promise<Runtime> {
    const asked = (this.#runtime ??= this.#read());
    asked.then(
      (runtime) => {
        if (this.#runtime === asked) this.#current = runtime;
      },
      () => {
        if (this.#runtime === asked) this.#runtime = undefined;
      },
    );
    return asked;
  }

  /** There may be another runtime. */
  forget(): void {
    this.#document = this.#runtime = this.#current = undefined;
  }

  /** This one may not be in force any more. If somebody else has said so already, nothing is asked twice. */
  doubt(runtime: Runtime): void {
    if (this.#current === runtime) this.forget();
  }

  async #read(): Promise<Runtime> {
    if (this.loadScale === undefined) {
      throw new RealmError('INVALID_PARAMS', 'this build of the client has no SCALE; realm-client-scale.browser.js has');
    }
    const [{ Runtime }, hex] = await Promise.all([this.loadScale(), this.#metadata()]);
    // The same metadata is decoded once, however often connections and versions change.
    if (this.#decoded?.hex !== hex) this.#decoded = { hex, runtime: new Runtime(hex) };
    return this.#decoded.runtime;
  }

  /** Metadata as `0x` and hex digits. A tenant that the connection alone does not say is asked as that tenant. */
  async #metadata(): Promise<string> {
    const { tenantId } = this.settings;
    const hex =
      tenantId === undefined
        ? await this.request('state_getMetadata', [])
        : await this.request('realm_call', ['Metadata_metadata_at_version', [METADATA_VERSION], { tenant_id: tenantId }]);
    if (typeof hex === 'string') return hex;
    throw new RealmError('PROTOCOL', `the node has no metadata of version ${METADATA_VERSION}`);
  }
}
