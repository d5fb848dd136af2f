// The known name that somebody may have meant.

/** Letters of a name at most for which a nearest one is looked for, because that takes their square. */
const LETTERS_MAX = 64;

/** The known name nearest to `name`, if one is near: a third of its letters may differ, and two always. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name === '' || name.length > LETTERS_MAX) return undefined;
  const near = Math.max(2, Math.floor(name.length / 3));
  let [best, least] = [undefined as string | undefined, near + 1];
  for (const each of known) {
    if (each.length > LETTERS_MAX) continue;
    const distance = editDistance(name.toLowerCase(), each.toLowerCase());
    if (distance < least && distance < each.length) [best, least] = [each, distance];
  }
  return best;
}

/** The words to end a message with. */
export function hint(meant: string | undefined): string {
  return meant === undefined ? '' : `; did you mean \`${meant}\`?`;
}

/** Letters to insert, remove or replace to make one text the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let at = 0; at < from.length; at += 1) {
    const next = [at + 1];
    for (let other = 0; other < to.length; other += 1) {
      const replaced = row[other]! + (from[at] === to[other] ? 0 : 1);
      next.push(Math.min(replaced, row[other + 1]! + 1, next[other]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
