// Makes what pages import without a bundler: one module with JSON alone, which the node's console is built on, and one with
// SCALE, too. The first is left readable, because it is committed; the second is mostly Polkadot's libraries, and minified.
import { build } from 'esbuild';

const made = (how) => `// @realm/client for browsers in one module${how}. Made from sdk/js by 'npm run bundle'; do not edit.`;
const options = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning' };

await build({
  ...options,
  entryPoints: ['src/page.ts'],
  outfile: 'dist/realm-client.browser.js',
  banner: { js: made('') },
});
await build({
  ...options,
  entryPoints: ['src/browser.ts'],
  outfile: 'dist/realm-client-scale.browser.js',
  minify: true,
  banner: { js: made(', with SCALE and minified') },
});
