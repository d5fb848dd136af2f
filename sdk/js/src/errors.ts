// The one error that this package gives.

/** Why a call has no result. `code` is the node's stable string (docs/protocol.md), or one of this side's own:
 * `DISCONNECTED` (the connection was lost, and whether the call ran is not known), `PROTOCOL` (the node is not understood). */
export class RealmError extends Error {
  readonly code: string;
  /** The figures that the error is about. */
  readonly data: Record<string, unknown>;

  constructor(code: string, message: string, data: Record<string, unknown> = {}) {
    super(message);
    this.name = 'RealmError';
    this.code = code;
    this.data = data;
  }

  /** Out of a JSON-RPC error object. */
  static ofResponse(error: any): RealmError {
    const { code, ...data } = error?.data ?? {};
    return new RealmError(String(code ?? error?.code ?? 'INTERNAL'), String(error?.message ?? 'the node answered with an error'), data);
  }

  /** Out of a stream's last event. */
  static ofEvent(error: any): RealmError {
    return new RealmError(String(error?.code ?? 'INTERNAL'), String(error?.message ?? 'the call failed'), error?.data ?? {});
  }
}

export function asRealmError(error: unknown): RealmError {
  return error instanceof RealmError ? error : new RealmError('INTERNAL', String(error));
}
