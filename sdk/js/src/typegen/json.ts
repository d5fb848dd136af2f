// TypeScript of a runtime's values as JSON has them.

import type { Runtime, RuntimeFunction } from '../runtime/runtime.js';
import { declared, type Registry } from '../runtime/registry.js';
import { type Choice, isOptional, type Member, peeled, type Shape, shapeOf, text } from '../runtime/shape.js';
import { braced, Declarations, docs, FLAT_PARAMETER, Identifiers, indented, key, TEXT_BESIDE, TEXT_FIELD } from './text.js';

/** Integers wider than this are texts where a number would not be exact. */
const EXACT_BITS_MAX = 53;

export class JsonTypes {
  readonly #registry: Registry;
  readonly #declarations: Declarations;

  constructor(runtime: Runtime) {
    this.#registry = runtime.metadata.lookup;
    this.#declarations = new Declarations(new Identifiers(runtime.typeNames));
  }

  /** What a function takes. */
  params({ params }: RuntimeFunction): string {
    const own = params.map(({ name, typeId, optional }) => `${key(name)}${optional ? '?' : ''}: ${this.expression(typeId)}`);
    return `${braced(own)}${this.#flat(params)}`;
  }

  /** What it streams. */
  item({ stream }: RuntimeFunction): string {
    if (stream === null) return 'never';
    const shape = peeled(this.#registry, stream.typeId);
    const hasToken = shape.kind === 'struct' && shape.fields.some(({ name }) => name === TEXT_FIELD);
    return `${this.expression(stream.typeId)}${hasToken ? TEXT_BESIDE : ''}`;
  }

  /** A type where it is used: its name, if it has one that says more than its parts. */
  expression(id: number): string {
    const { path } = declared(this.#registry, id);
    const shape = shapeOf(this.#registry, id);
    return path.length > 0 && shape.kind !== 'option' ? this.#declarations.use(id) : this.#inline(shape);
  }

  /** The declarations of all types that were used. */
  declarations(): string[] {
    return this.#declarations.write((id, identifier) => {
      const shape = shapeOf(this.#registry, id);
      const head = docs(text(declared(this.#registry, id).docs), '');
      if (shape.kind === 'struct') return `${head}export interface ${identifier} {\n${this.#members(shape.fields)}}\n`;
      if (shape.kind !== 'enum') return `${head}export type ${identifier} = ${this.#inline(shape)};\n`;
      const choices = shape.variants.map((choice) => `${docs(choice.docs, '  ')}  | ${this.#choice(choice)}`);
      return `${head}export type ${identifier} =${choices.length > 0 ? `\n${choices.join('\n')}` : ' never'};\n`;
    });
  }

  #inline(shape: Shape): string {
    switch (shape.kind) {
      case 'unit':
        return 'null';
      case 'boolean':
      case 'string':
      case 'number':
        return shape.kind;
      case 'integer':
        return shape.bits > EXACT_BITS_MAX ? 'number | string' : 'number';
      case 'hex':
        return 'string';
      case 'array':
        return `Array<${this.expression(shape.of)}>`;
      case 'tuple':
        return `[${shape.items.map((item) => this.expression(item)).join(', ')}]`;
      case 'newtype':
        return this.expression(shape.of);
      case 'struct':
        return `{\n${this.#members(shape.fields)}}`;
      case 'option': {
        const inner = this.expression(shape.of);
        const nullable = ['unit', 'option'].includes(peeled(this.#registry, shape.of).kind);
        return nullable ? `{ some: ${inner} } | null` : `${inner} | null`;
      }
      case 'enum':
        return shape.variants.map((choice) => this.#choice(choice)).join(' | ') || 'never';
      case 'map': {
        const [name, value] = [this.expression(shape.key), this.expression(shape.value)];
        return peeled(this.#registry, shape.key).kind === 'string' ? `Record<string, ${value}>` : `Array<[${name}, ${value}]>`;
      }
      case 'scaleOnly':
        return 'unknown';
    }
  }

  #choice({ name, fields }: Choice): string {
    return fields.kind === 'unit'
      ? JSON.stringify(name)
      : `{ ${key(name)}: ${indented(this.#inline(fields), '    ').trimStart()} }`;
  }

  #members(fields: Member[]): string {
    return fields
      .map(({ name, type, docs: about }) => {
        const optional = isOptional(this.#registry, type) ? '?' : '';
        return `${docs(about, '  ')}  ${key(name)}${optional}: ${this.expression(type)};\n`;
      })
      .join('');
  }

  /** Fields that may stand beside the parameters. */
  #flat(params: RuntimeFunction['params']): string {
    const options = params.find(({ name }) => name === FLAT_PARAMETER);
    if (options === undefined) return '';
    const shape = peeled(this.#registry, options.typeId);
    const inside = shape.kind === 'option' ? shape.of : options.typeId;
    if (peeled(this.#registry, inside).kind !== 'struct') return '';
    return ` & Omit<${this.expression(inside)}, ${params.map(({ name }) => JSON.stringify(name)).join(' | ')}>`;
  }
}
