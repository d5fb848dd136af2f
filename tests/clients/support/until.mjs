// Waiting for what a client does in its own time, for example seeing a new block.
import { setTimeout as sleep } from 'node:timers/promises';

/** Long enough for anything on a busy machine; only a hang takes so long. */
export const HANG_MS = 120_000;

/** What `look` gives, as soon as that is truthy. What it throws last is the reason if that never happens. */
export async function until(what, look) {
  const end = Date.now() + HANG_MS;
  let reason;
  while (Date.now() < end) {
    try {
      const seen = await look();
      if (seen) return seen;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    await sleep(100);
  }
  throw new Error(`${what}: not within ${HANG_MS} ms`, { cause: reason });
}
