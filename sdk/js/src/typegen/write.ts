// Writes what `system_metadata` tells of a runtime as TypeScript.

import { type Name, parse } from './names.js';

const INTEGER = /^[ui](8|16|32|64|128|256)$/;
const PLAIN: Record<string, string> = { bool: 'boolean', char: 'string', String: 'string' };
const KINDS: Record<string, string> = {
  null: 'null',
  boolean: 'boolean',
  string: 'string',
  integer: 'number',
  number: 'number',
  hex: 'string',
  none: 'never',
  scale_only: 'unknown',
};
/** The parameter whose fields may stand beside the others. */
const FLAT_PARAMETER = 'options';

/** The text of a declaration file for a discovery document. */
export function write(document: any): string {
  const types: Record<string, any> = document.types;
  const given = new Map<string, string>();

  /** A type's name as TypeScript may have it; different names stay different. */
  function identifier(name: string): string {
    let plain = given.get(name);
    if (plain === undefined) {
      plain = name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '') || 'Type';
      if (/^\d/.test(plain) || ['Array', 'Functions', 'Promise', 'Record'].includes(plain)) plain = `T_${plain}`;
      while ([...given.values()].includes(plain)) plain += '_';
      given.set(name, plain);
    }
    return plain;
  }

  const expression = (text: string): string => of(parse(text));

  function of(name: Name): string {
    if (name.text in types) return identifier(name.text);
    if (INTEGER.test(name.head)) return 'number';
    const plain = PLAIN[name.head];
    if (plain) return plain;
    const inner = name.parts.map(of);
    if (['Vec', 'VecDeque', 'BTreeSet', '[]'].includes(name.head) && inner.length === 1) {
      return name.parts[0]?.text === 'u8' ? 'string' : `Array<${inner[0]}>`;
    }
    if (name.head === 'Option' && inner.length === 1) return `${inner[0]} | null`;
    if (name.head === 'Compact' && inner.length === 1) return String(inner[0]);
    if (name.head === '()') return inner.length > 0 ? `[${inner.join(', ')}]` : 'null';
    // A map, a type whose name was cut, or one that this version does not know: whatever it is.
    return 'unknown';
  }

  const field = (each: any) =>
    `${docs(each.description, '  ')}  ${key(each.name)}${each.optional ? '?' : ''}: ${expression(each.type)};\n`;

  function variant(each: any): string {
    if (each.fields) return `{ ${key(each.name)}: {\n${each.fields.map(field).join('')}} }`;
    if (each.as) return `{ ${key(each.name)}: ${expression(each.as)} }`;
    if (each.items) return `{ ${key(each.name)}: unknown[] }`;
    return JSON.stringify(each.name);
  }

  function definition(name: string): string {
    const described = types[name];
    const head = docs(described.description, '');
    if (described.kind === 'struct' && described.fields) {
      return `${head}export interface ${identifier(name)} {\n${described.fields.map(field).join('')}}\n`;
    }
    let right = KINDS[described.kind] ?? (described.as ? expression(described.as) : 'unknown');
    if (described.kind === 'enum') right = described.variants.map(variant).join(' | ') || 'never';
    return `${head}export type ${identifier(name)} = ${right};\n`;
  }

  function params(func: any): string {
    const own = func.params.map((param: any) => `${key(param.name)}${param.optional ? '?' : ''}: ${expression(param.type)}`);
    const options = func.params.find((param: any) => param.name === FLAT_PARAMETER);
    const flat = options && types[options.type]?.fields ? ` & Omit<${identifier(options.type)}, ${own.map((_: string, at: number) => JSON.stringify(func.params[at].name)).join(' | ')}>` : '';
    return `{ ${own.join('; ')} }${flat}`;
  }

  /** What it streams, or what its streaming twin does. */
  function item(func: any): string {
    const twin = document.functions.find(
      (other: any) => other.name === `stream_${func.name}` && other.returns === func.returns && JSON.stringify(other.params) === JSON.stringify(func.params),
    );
    const streamed = func.stream ?? twin?.stream;
    if (!streamed) return 'never';
    const hasToken = types[streamed]?.fields?.some((each: any) => each.name === 'token');
    return hasToken ? `${expression(streamed)} & { readonly text: string }` : expression(streamed);
  }

  const functions = document.functions.map(
    (func: any) =>
      `${docs(func.description, '  ')}  ${key(func.name)}: {\n    params: ${params(func)};\n    item: ${item(func)};\n    result: ${expression(func.returns)};\n  };\n`,
  );
  return [
    `// Functions and types of ${document.spec_name} version ${document.spec_version}, written by realm-typegen. Do not edit.`,
    `// Metadata: ${document.metadata_hash}\n`,
    `import '@realm/client';\n`,
    ...Object.keys(types).map(definition),
    `/** Every function of the runtime. */\nexport interface Functions {\n${functions.join('')}}\n`,
    `declare module '@realm/client' {\n  interface Register {\n    functions: Functions;\n  }\n}\n`,
  ].join('\n');
}

function key(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name);
}

function docs(text: string | undefined, indent: string): string {
  if (!text) return '';
  const safe = text.replaceAll('*/', '*\\/').split('\n').join(`\n${indent} * `);
  return `${indent}/** ${safe} */\n`;
}
