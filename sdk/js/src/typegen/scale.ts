// TypeScript of a runtime's values as its codecs have them: by metadata-builders' lookup, which the codecs are built by, too.
// Newtypes are looked through there; their names and what they say are taken from the registry, because a thousandth is no
// number like others.

import type { LookupEntry, MetadataLookup, StructVar, TerminalVar } from '@polkadot-api/metadata-builders';
import { isByte, mayBeAbsent, NUMBER_BITS_MAX } from '../runtime/fit.js';
import { type Declared, declared, type Registry, resultOf, someOf } from '../runtime/registry.js';
import type { Runtime, RuntimeFunction } from '../runtime/runtime.js';
import { text } from '../runtime/shape.js';
import { braced, Declarations, docs, FLAT_PARAMETER, Identifiers, indented, key, TEXT_BESIDE, TEXT_FIELD } from './text.js';

type Parts = Extract<Declared['def'], { tag: 'composite' }>['value'];

export class ScaleTypes {
  readonly #lookup: MetadataLookup;
  readonly #registry: Registry;
  readonly #declarations: Declarations;

  constructor(runtime: Runtime) {
    this.#lookup = runtime.lookup;
    this.#registry = runtime.metadata.lookup;
    this.#declarations = new Declarations(new Identifiers(runtime.typeNames));
  }

  /** What a function takes. */
  params({ params }: RuntimeFunction): string {
    const own = params.map(({ name, typeId }) => {
      const optional = mayBeAbsent(this.#lookup(typeId)) ? '?' : '';
      return `${key(name)}${optional}: ${this.expression(typeId)}`;
    });
    return `${braced(own)}${this.#flat(params)}`;
  }

  /** What it streams. */
  item({ stream }: RuntimeFunction): string {
    if (stream === null) return 'never';
    const entry = this.#lookup(stream.typeId);
    const hasToken = entry.type === 'struct' && Object.hasOwn(entry.value, TEXT_FIELD);
    return `${this.expression(stream.typeId)}${hasToken ? TEXT_BESIDE : ''}`;
  }

  /** A type where it is used: its name, if it has one that says more than its parts. */
  expression(id: number): string {
    const { path } = declared(this.#registry, id);
    const { type } = this.#lookup(id);
    const isNamed = path.length > 0 && !['Option', 'Result'].includes(path.join('::')) && type !== 'void';
    return isNamed ? `Scale.${this.#declarations.use(id)}` : this.#inline(id);
  }

  /** The declarations of all types that were used. */
  declarations(): string[] {
    return this.#declarations.write((id, identifier) => {
      const { docs: about, def } = declared(this.#registry, id);
      const head = docs(text(about), '');
      const isStruct = this.#lookup(id).type === 'struct' && def.tag === 'composite' && def.value.length > 1;
      const inside = this.#inline(id);
      if (isStruct) return `${head}export interface ${identifier} ${inside}\n`;
      // Variants begin on the next line.
      return `${head}export type ${identifier} =${inside.startsWith('\n') ? '' : ' '}${inside};\n`;
    });
  }

  #inline(id: number): string {
    const [entry, type] = [this.#lookup(id), declared(this.#registry, id)];
    const { def } = type;
    const isHex = entry.type === 'array' && isByte(entry.value);
    switch (def.tag) {
      case 'sequence':
        return entry.type === 'sequence' && isByte(entry.value) ? 'Uint8Array' : `Array<${this.expression(def.value)}>`;
      case 'array':
        // One item alone is that item.
        if (entry.type !== 'array') return entry.type === 'void' ? 'undefined' : this.expression(def.value.type);
        return isHex ? 'string' : `Array<${this.expression(def.value.type)}>`;
      case 'tuple':
        if (def.value.length < 2) return def.value.length === 0 ? 'undefined' : this.expression(def.value[0]!);
        return isHex ? 'string' : `[${def.value.map((item) => this.expression(item)).join(', ')}]`;
      case 'composite':
        if (entry.type === 'AccountId32' || entry.type === 'AccountId20') return 'string';
        // What one thing is wrapped in is not there for the codecs.
        if (def.value.length < 2) return def.value.length === 0 ? 'undefined' : this.expression(def.value[0]!.type);
        return isHex ? 'string' : this.#parts(def.value, entry);
      case 'variant':
        return this.#variant(entry, type, def.value);
      default:
        return terminal(entry as TerminalVar);
    }
  }

  #variant(entry: LookupEntry, type: Declared, variants: Extract<Declared['def'], { tag: 'variant' }>['value']): string {
    const [some, result] = [someOf(type), resultOf(type)];
    if (entry.type === 'option' && some !== undefined) return `${this.expression(some)} | undefined`;
    if (entry.type === 'result' && result !== undefined) {
      const [ok, err] = [this.expression(result.ok), this.expression(result.err)];
      return `{ success: true; value: ${ok} } | { success: false; value: ${err} }`;
    }
    if (entry.type !== 'enum') return terminal(entry as TerminalVar);
    const written = variants.map(({ name, fields, docs: about }) => {
      const inside = entry.value[name]!;
      const held =
        inside.type === 'void'
          ? undefined
          : inside.type === 'lookupEntry'
            ? this.expression(fields[0]!.type)
            : indented(this.#parts(fields, inside), '    ').trimStart();
      return `${docs(text(about), '  ')}  | { type: ${JSON.stringify(name)}; value${held === undefined ? '?: undefined' : `: ${held}`} }`;
    });
    return `\n${written.join('\n')}`;
  }

  /** Fields together. Those that hold nothing are not there for the codecs. */
  #parts(fields: Parts, entry: { type: string; value?: unknown }): string {
    const held = fields.filter(({ type }) => this.#lookup(type).type !== 'void');
    if (entry.type !== 'struct') return `[${held.map(({ type }) => this.expression(type)).join(', ')}]`;
    const members = held.map(({ name, type, docs: about }) => {
      const optional = mayBeAbsent((entry as StructVar).value[name!]!) ? '?' : '';
      return `${docs(text(about), '  ')}  ${key(name!)}${optional}: ${this.expression(type)};\n`;
    });
    return `{\n${members.join('')}}`;
  }

  /** Fields that may stand beside the parameters. */
  #flat(params: RuntimeFunction['params']): string {
    const options = params.find(({ name }) => name === FLAT_PARAMETER);
    if (options === undefined) return '';
    const entry = this.#lookup(options.typeId);
    const inside = entry.type === 'option' ? entry.value : entry;
    if (inside.type !== 'struct') return '';
    return ` & Omit<${this.expression(inside.id)}, ${params.map(({ name }) => JSON.stringify(name)).join(' | ')}>`;
  }
}

function terminal(entry: TerminalVar): string {
  switch (entry.type) {
    case 'void':
      return 'undefined';
    case 'primitive':
      if (entry.value === 'bool') return 'boolean';
      if (entry.value === 'str' || entry.value === 'char') return 'string';
      return Number(entry.value.slice(1)) > NUMBER_BITS_MAX ? 'bigint' : 'number';
    case 'compact':
      return entry.isBig ? 'bigint' : 'number';
    case 'bitSequence':
      return 'Array<0 | 1>';
    case 'AccountId32':
    case 'AccountId20':
      return 'string';
  }
}
