/** Which file of src/ imports what: read with the compiler's own scanner, so `import type`, re-exports and `import()` count. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

import ts from 'typescript';

/** Path of each source, relative to src/ with forward slashes, and its text. */
export type SourceTree = ReadonlyMap<string, string>;

export interface Imports {
  /** Files of the tree, by their path in it. */
  readonly files: readonly string[];
  /** Packages, and Node's own modules as `node:…`. */
  readonly packages: readonly string[];
}

export function readSources(root: string): SourceTree {
  // The SDK's package is built inside its folder.
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.startsWith(join('client', 'dist')),
  );
  return new Map(names.map((name) => [name.replaceAll('\\', '/'), readFileSync(`${root}/${name}`, 'utf8')]));
}

export function importsOf(tree: SourceTree): ReadonlyMap<string, Imports> {
  return new Map([...tree].map(([path, text]) => [path, scan(path, text, tree)]));
}

function scan(path: string, text: string, tree: SourceTree): Imports {
  const files: string[] = [];
  const packages: string[] = [];
  for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
    if (!fileName.startsWith('.')) {
      packages.push(packageName(fileName));
      continue;
    }
    const target = posix.join(posix.dirname(path), fileName).replace(/\.js$/, '.ts');
    if (!tree.has(target)) throw new Error(`${path} imports ${fileName}, which is not in the tree`);
    files.push(target);
  }
  return { files, packages };
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The first circle found in a graph, as the nodes along it, its first node repeated at the end. */
export function findCircle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (node: string, path: readonly string[]): readonly string[] | undefined => {
    const seenAt = path.indexOf(node);
    if (seenAt >= 0) return [...path.slice(seenAt), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const circle = walk(next, [...path, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = walk(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
