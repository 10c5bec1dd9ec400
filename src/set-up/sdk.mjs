// The SDK as a package of its own: src/client/dist, made from src/client and what it uses of src/protocol.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The SDK's own folder, and where its package is built; both relative to the project's root. */
export const SDK = 'src/client';
export const SDK_DIST = `${SDK}/dist`;

/** A plain `<script>` finds the SDK's exports under this name. */
const SCRIPT_GLOBAL = 'openlock';
const BUNDLED = ['jose', 'zod'];

/**
 * Builds the package into `target`: ESM and CommonJS, which import jose and zod, one script for a `<script>` tag, which has
 * them in it, and the types. The declarations are those of `compiled`, where tsc has just put them.
 */
export async function buildSdk({ root, compiled, target }) {
  const { build } = await import('esbuild');
  const { version } = JSON.parse(readFileSync(join(root, SDK, 'package.json'), 'utf8'));
  const common = {
    absWorkingDir: root,
    entryPoints: [`${SDK}/index.ts`],
    bundle: true,
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'warning',
  };
  for (const format of ['esm', 'cjs']) {
    const folder = join(target, format);
    await build({ ...common, format, outfile: join(folder, 'index.js'), packages: 'external' });
    for (const part of ['client', 'protocol']) copyDeclarations(join(compiled, part), join(folder, part));
  }
  // The package is ESM; what lies in this folder is not, and TypeScript asks the same file.
  writeFileSync(join(target, 'cjs/package.json'), '{ "type": "commonjs" }\n');
  await build({
    ...common,
    format: 'iife',
    globalName: SCRIPT_GLOBAL,
    platform: 'browser',
    minify: true,
    outfile: join(target, 'openlock-client.js'),
    banner: { js: `/*! @openlock/client ${version}, with ${BUNDLED.join(' and ')} in it: see LICENSES.txt */` },
  });
  writeFileSync(join(target, 'LICENSES.txt'), licenses(root));
}

function copyDeclarations(from, to) {
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true, filter: (path) => path === from || path.endsWith('.d.ts') });
}

/** Who bundles code passes its licences on. */
function licenses(root) {
  const files = [
    ['@openlock/client', join(root, 'LICENSE')],
    ...BUNDLED.map((name) => [name, licenseOf(join(root, 'node_modules', name))]),
  ];
  return files.map(([name, path]) => `${name}\n\n${readFileSync(path, 'utf8').trim()}\n`).join('\n\n');
}

function licenseOf(folder) {
  return ['LICENSE', 'LICENSE.md'].map((name) => join(folder, name)).find((path) => existsSync(path));
}
