/** The table of docs/architecture.md as data, and the check that holds src/ against it. */
import { findCircle, importsOf, type Imports, type SourceTree } from './import-graph.js';

const BASE = ['protocol', 'clock', 'principal', 'config', 'files'];
const DOMAINS = ['sites', 'doors', 'commands', 'updates', 'audit'];
const SERVER = ['protocol', 'store', ...DOMAINS, 'metrics', 'channels', 'http'];

/** Layer -> the layers it may import, besides itself. A layer is a folder of src/, or a file directly in it. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  clock: [],
  files: [],
  principal: [],
  metrics: ['protocol'],
  config: ['sites'], // the one rule of what an origin is
  log: ['clock', 'config'],
  store: BASE,
  sites: [...BASE, 'store', 'doors', 'commands', 'audit', 'metrics'],
  doors: [...BASE, 'store', 'sites', 'commands', 'audit', 'metrics'],
  commands: [...BASE, 'store', 'sites', 'doors', 'audit', 'metrics'],
  updates: [...BASE, 'store', 'sites', 'doors', 'commands', 'audit', 'metrics'],
  audit: [...BASE, 'store'],
  http: [...BASE, 'store', ...DOMAINS, 'metrics'],
  channels: [...BASE, 'store', 'http', ...DOMAINS, 'metrics'],
  operators: [...BASE, 'store', ...DOMAINS],
  client: ['protocol'],
  simulator: ['protocol'],
  app: [...SERVER, ...BASE, 'operators', 'log'],
  cli: [...BASE, 'app', 'operators', 'audit', 'updates', 'client', 'simulator'], // updates: signing works without a store
  main: ['cli'],
};

/** Package -> where it may be imported: layers, or single files. Packages not named here may be used by any server-side layer. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  ioredis: ['store'],
  'rate-limiter-flexible': ['store'],
  express: ['http'],
  cors: ['http'],
  ws: ['channels', 'simulator', 'cli/support/relay-client.ts'],
  'node-forge': ['http/certificates.ts'],
  nodemailer: ['sites'],
  commander: ['cli'],
  uqr: ['cli'],
  'string-width': ['cli'],
  '@inquirer/password': ['cli'],
  'pino-pretty': ['log.ts'],
};

/** Layers that also run in a browser, and the packages they may use. */
export const BROWSER_LAYERS: Readonly<Record<string, readonly string[]>> = {
  protocol: ['zod'],
  client: ['zod', 'jose'],
};

/** The only readers of `process.env`: the entry hands it on, config gives it meaning. */
const ENVIRONMENT_READERS = ['config.ts', 'main.ts'];

export function layerOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '');
}

/** Everything in the tree that breaks a rule, one sentence each. */
export function violations(tree: SourceTree): readonly string[] {
  const imports = importsOf(tree);
  const found: string[] = [];
  for (const [path, { files, packages }] of imports) {
    if (MAY_IMPORT[layerOf(path)] === undefined) found.push(`${path} is in no layer of the table`);
    for (const file of files) found.push(...layerViolation(path, file));
    for (const name of packages) found.push(...packageViolation(path, name));
    if (
      tree.get(path)?.includes('process.env') === true &&
      !ENVIRONMENT_READERS.includes(path) &&
      !onlyInComments(tree.get(path) ?? '')
    ) {
      found.push(`${path} reads process.env; only ${ENVIRONMENT_READERS.join(' and ')} may`);
    }
  }
  return [...found, ...circles(imports)];
}

function layerViolation(from: string, to: string): readonly string[] {
  const layer = layerOf(from);
  const target = layerOf(to);
  const allowed = MAY_IMPORT[layer] ?? [target];
  return layer === target || allowed.includes(target)
    ? []
    : [`${from} imports ${to}: ${layer} may not import ${target}`];
}

function packageViolation(path: string, name: string): readonly string[] {
  const layer = layerOf(path);
  const browser = BROWSER_LAYERS[layer];
  if (browser !== undefined && !browser.includes(name))
    return [`${path} imports ${name}: ${layer} also runs in a browser`];
  const homes = PACKAGE_HOMES[name];
  if (homes === undefined || homes.includes(layer) || homes.includes(path)) return [];
  return [`${path} imports ${name}: only ${homes.join(', ')} may`];
}

function onlyInComments(text: string): boolean {
  return text.split('\n').every((line) => !line.includes('process.env') || /^\s*(\/\/|\/?\*)/.test(line));
}

/** Circles between files, and between folders: two folders that need each other are one. */
function circles(imports: ReadonlyMap<string, Imports>): readonly string[] {
  const between = new Map<string, Set<string>>();
  for (const [path, { files }] of imports) {
    if (!path.includes('/')) continue;
    const targets = between.get(layerOf(path)) ?? new Set();
    for (const file of files) if (file.includes('/') && layerOf(file) !== layerOf(path)) targets.add(layerOf(file));
    between.set(layerOf(path), targets);
  }
  const graphs = [
    new Map([...imports].map(([path, { files }]) => [path, files])),
    new Map([...between].map(([layer, targets]) => [layer, [...targets]])),
  ];
  return graphs.flatMap((graph) => {
    const circle = findCircle(graph);
    return circle === undefined ? [] : [`circle: ${circle.join(' -> ')}`];
  });
}
