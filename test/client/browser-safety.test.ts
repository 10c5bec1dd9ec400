import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';
import ts from 'typescript';
import { WebSocket as WsWebSocket } from 'ws';

import type { FetchLike, WebSocketConstructor } from '../../src/client/index.js';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
/** The only packages the SDK may pull in, itself or through src/protocol. */
const PACKAGES = new Set(['jose', 'zod']);
const NODE_GLOBALS = new Set([
  'Buffer',
  'process',
  'require',
  'global',
  '__dirname',
  '__filename',
  'setImmediate',
  'clearImmediate',
]);

interface Found {
  readonly file: string;
  readonly specifier: string;
}

/** Every import reachable from `entry`, through packages as well. */
function reachable(entries: readonly string[]): {
  readonly files: ReadonlySet<string>;
  readonly imports: readonly Found[];
} {
  const files = new Set<string>();
  const imports: Found[] = [];
  const queue = [...entries];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const { fileName: specifier } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
      imports.push({ file, specifier });
      const target = resolve(specifier, file);
      if (target !== undefined) queue.push(target);
    }
  }
  return { files, imports };
}

function resolve(specifier: string, from: string): string | undefined {
  if (isBuiltin(specifier)) return undefined;
  if (!specifier.startsWith('.')) return esmOf(specifier);
  const path = fileURLToPath(new URL(specifier, `file://${from}`));
  const source = path.replace(/\.js$/, '.ts');
  return existsSync(source) ? source : path;
}

/** The ESM entry of a package, by its own `exports`. */
function esmOf(name: string): string {
  const folder = fileURLToPath(new URL(`../../node_modules/${name}/`, import.meta.url));
  const { exports } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as {
    exports: Record<string, Record<string, string>>;
  };
  const entry = exports['.']?.['import'] ?? exports['.']?.['default'] ?? '';
  return `${folder}${entry}`;
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier.split('/')[0] ?? '');
}

/** Uses of names only Node has; members of other things by the same name do not count. */
function nodeGlobals(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isMember =
      (ts.isPropertyAccessExpression(node.parent) && node.parent.name === node) ||
      (ts.isPropertyAssignment(node.parent) && node.parent.name === node);
    if (ts.isIdentifier(node) && NODE_GLOBALS.has(node.text) && !isMember) found.push(`${file}: ${node.text}`);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(source, visit);
  return found;
}

describe('the SDK in a browser', () => {
  const own = ['client', 'protocol'].flatMap((folder) =>
    readdirSync(`${SOURCE}${folder}`)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${SOURCE}${folder}/${name}`),
  );
  const { files, imports } = reachable(own);

  it('is looked at whole, packages included', () => {
    expect(files.size).to.be.greaterThan(60);
    for (const name of PACKAGES)
      expect(
        [...files].some((file) => file.includes(`/node_modules/${name}/`)),
        name,
      ).to.equal(true);
  });

  it('imports nothing of Node, not even through its packages', () => {
    expect(imports.filter(({ specifier }) => isBuiltin(specifier))).to.deep.equal([]);
  });

  it('imports src/protocol, jose and nothing else', () => {
    for (const { file, specifier } of imports.filter((found) => found.file.startsWith(`${SOURCE}client/`))) {
      expect(specifier, file).to.match(/^(\.\/[a-z-]+\.js|\.\.\/protocol\/[a-z0-9-]+\.js|jose)$/);
    }
    for (const { file, specifier } of imports.filter((found) => found.file.startsWith(`${SOURCE}protocol/`))) {
      expect(specifier, file).to.match(/^(\.\/[a-z0-9-]+\.js|zod)$/);
    }
  });

  it('uses no global that only Node has', () => {
    expect(own.flatMap(nodeGlobals)).to.deep.equal([]);
  });

  it('takes the fetch and the WebSocket of a browser, and the package ws, as they are typed', () => {
    const browserFetch: FetchLike = (url, init) => fetch(url, init);
    const fromTypes: readonly (WebSocketConstructor | undefined)[] = [
      typeof WebSocket === 'undefined' ? undefined : WebSocket,
      WsWebSocket,
    ];
    expect(browserFetch).to.be.a('function');
    expect(fromTypes).to.have.lengthOf(2);
  });
});
