/** The table of docs/architecture.md as data, and the check that holds src/ against it. */
import { findCircle, importsOf, type Imports, type SourceTree } from './import-graph.js';

/** Layer -> the layers it may import, besides itself. A layer is a folder of src/, or a file directly in it. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  clock: [],
  files: [],
  addresses: [],
  principal: [],
  metrics: ['protocol'],
  config: ['sites'], // the one rule of what an origin is
  log: ['clock', 'config'],
  store: ['protocol', 'clock', 'addresses', 'principal', 'config', 'files'],
  relays: ['clock', 'store'],
  host: ['clock'],
  audit: ['clock', 'store'],
  sites: ['protocol', 'clock', 'addresses', 'principal', 'files', 'store', 'audit'],
  doors: ['protocol', 'clock', 'principal', 'metrics', 'store', 'relays', 'audit'],
  commands: ['protocol', 'clock', 'principal', 'metrics', 'store', 'relays', 'audit', 'doors'],
  updates: ['protocol', 'clock', 'metrics', 'store', 'relays', 'audit', 'doors'],
  operators: ['protocol', 'clock', 'principal', 'store', 'audit', 'sites', 'doors', 'updates'],
  gate: ['protocol', 'clock', 'addresses', 'principal', 'audit'],
  http: ['protocol', 'clock', 'principal', 'config', 'files', 'sites', 'gate'],
  channels: [
    ...['protocol', 'clock', 'principal', 'metrics', 'store', 'relays', 'audit', 'doors', 'commands'],
    ...['gate', 'http'], // http: a refused upgrade is a problem body
  ],
  app: [
    ...['protocol', 'clock', 'config', 'files', 'log', 'metrics', 'store', 'relays', 'audit'],
    ...['sites', 'operators', 'doors', 'commands', 'updates', 'gate', 'channels', 'http', 'host'],
  ],
  client: ['protocol'],
  simulator: ['protocol'],
  cli: [
    ...['protocol', 'clock', 'config', 'files', 'audit', 'operators', 'app'],
    ...['updates', 'client', 'simulator', 'host'], // updates: signing works without a store; host: how a process failed
  ],
  main: ['cli'],
};

/** Package -> where it may be imported: layers, or single files. Packages not named here may be used by any server-side layer. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  ioredis: ['store'],
  'rate-limiter-flexible': ['store'],
  express: ['http'],
  cors: ['http'],
  ws: ['channels', 'simulator', 'cli/support/relay-client.ts'],
  '@peculiar/x509': ['http/certificate-maker.ts'],
  '@peculiar/asn1-x509': ['http/certificate-maker.ts'],
  '@peculiar/asn1-schema': ['http/certificate-maker.ts'],
  'reflect-metadata': ['http/certificate-maker.ts'],
  nodemailer: ['sites'],
  'p-queue': ['sites'],
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

/**
 * Who may set a timer or look at a watch: the clock itself, the process entry, the command line in front of a person, and the two
 * that run without the relay and have a clock of their own. Everywhere else time is a parameter, so that what waits is tested on a
 * fake clock.
 */
const HAVE_OWN_TIME = ['clock', 'main', 'cli', 'client', 'simulator'];
const TIME = /\b(setTimeout|setInterval|Date\.now|performance\.now)\b/;

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
    const code = withoutComments(tree.get(path) ?? '');
    if (code.includes('process.env') && !ENVIRONMENT_READERS.includes(path))
      found.push(`${path} reads process.env; only ${ENVIRONMENT_READERS.join(' and ')} may`);
    const [time] = HAVE_OWN_TIME.includes(layerOf(path)) ? [] : (TIME.exec(code) ?? []);
    if (time !== undefined) found.push(`${path} uses ${time}: time comes from the clock it is handed`);
  }
  return [...found, ...circles(imports)];
}

/** Every permission of the table that no file of the tree makes use of, one sentence each. */
export function unusedPermissions(tree: SourceTree): readonly string[] {
  const used = new Set<string>();
  for (const [path, { files }] of importsOf(tree))
    for (const file of files) used.add(`${layerOf(path)} ${layerOf(file)}`);
  return Object.entries(MAY_IMPORT).flatMap(([layer, allowed]) =>
    allowed
      .filter((target) => !used.has(`${layer} ${target}`))
      .map((target) => `${layer} may import ${target}, and does not`),
  );
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

/** Without the lines that are comments. */
function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line))
    .join('\n');
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
