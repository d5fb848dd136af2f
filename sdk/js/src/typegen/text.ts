// Pieces of TypeScript that hold whatever a runtime may name or say.

/** Names that a declaration file has of its own, or takes from the language. */
const TAKEN = ['Array', 'Functions', 'Omit', 'Promise', 'Record', 'Scale', 'Uint8Array'];

/** The parameter whose fields may stand beside the others. */
export const FLAT_PARAMETER = 'options';
/** Items with this field have their text in it, which the client gives as `text`, too. */
export const TEXT_FIELD = 'token';
export const TEXT_BESIDE = ' & { readonly text: string }';

/** A property's name. */
export function key(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name);
}

/** An object with these properties on one line. One without any is written so that it takes none. */
export function braced(properties: string[]): string {
  return properties.length > 0 ? `{ ${properties.join('; ')} }` : 'Record<string, never>';
}

/** A doc comment, or nothing. */
export function docs(text: string, indent: string): string {
  if (text === '') return '';
  const safe = text.replaceAll('*/', '*\\/').split('\n').join(`\n${indent} * `);
  return `${indent}/** ${safe} */\n`;
}

/** Text with each of its lines moved in. */
export function indented(text: string, indent: string): string {
  return text.replace(/^(?=.)/gm, indent);
}

/** Identifiers for types: different types get different ones. */
export class Identifiers {
  #given = new Map<number, string>();
  #taken = new Set(TAKEN);

  constructor(private readonly names: readonly string[]) {}

  of(type: number): string {
    let plain = this.#given.get(type);
    if (plain === undefined) {
      plain = this.names[type]!.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '') || 'Type';
      if (/^\d/.test(plain)) plain = `T_${plain}`;
      while (this.#taken.has(plain)) plain += '_';
      this.#taken.add(plain);
      this.#given.set(type, plain);
    }
    return plain;
  }
}

/** Declarations of types, each once, in the order in which they were asked for first. */
export class Declarations {
  #asked: number[] = [];

  constructor(private readonly identifiers: Identifiers) {}

  /** The identifier of a type, which will be declared. */
  use(type: number): string {
    if (!this.#asked.includes(type)) this.#asked.push(type);
    return this.identifiers.of(type);
  }

  /** All that was asked for, and what those ask for. */
  write(declare: (type: number, identifier: string) => string): string[] {
    const written: string[] = [];
    for (let at = 0; at < this.#asked.length; at += 1) {
      const type = this.#asked[at]!;
      written.push(declare(type, this.identifiers.of(type)));
    }
    return written;
  }
}
