// Writes what a runtime's metadata tells as one declaration file.

import type { Runtime, RuntimeFunction } from '../runtime/runtime.js';
import { JsonTypes } from './json.js';
import { ScaleTypes } from './scale.js';
import { docs, indented, key } from './text.js';

/** APIs of the node's own business; programs have no need of them. */
const LEFT_OUT = ['Core', 'Metadata'];

export function write(runtime: Runtime): string {
  const [json, scale] = [new JsonTypes(runtime), new ScaleTypes(runtime)];
  const functions = runtime.functions
    .filter(({ api }) => !LEFT_OUT.includes(api))
    .map((func) => declaration(runtime, func, json, scale));
  const inScale = scale.declarations().map((text) => indented(text, '  '));
  return [
    `// Functions and types of ${runtime.specName ?? 'a runtime'} version ${runtime.specVersion ?? 'unknown'}, written by realm-typegen. Do not edit.`,
    `// Metadata: ${runtime.hash}\n`,
    `import '@realm/client';\n`,
    ...json.declarations(),
    `/** The same types as calls with \`encoding: 'scale'\` have them. */\nexport namespace Scale {\n${inScale.join('\n')}}\n`,
    `/** Every function of the runtime. */\nexport interface Functions {\n${functions.join('')}}\n`,
    `declare module '@realm/client' {\n  interface Register {\n    functions: Functions;\n  }\n}\n`,
  ].join('\n');
}

function declaration(runtime: Runtime, func: RuntimeFunction, json: JsonTypes, scale: ScaleTypes): string {
  const streaming = runtime.streaming(func);
  const inScale = `{
      params: ${scale.params(func)};
      item: ${scale.item(streaming)};
      result: ${scale.expression(func.returns.typeId)};
    }`;
  return `${docs(func.docs, '  ')}  ${key(func.name)}: {
    params: ${json.params(func)};
    item: ${json.item(streaming)};
    result: ${json.expression(func.returns.typeId)};
    error: ${func.errors === null ? 'never' : json.expression(func.errors.typeId)};
    scale: ${inScale};
  };
`;
}
