/** The SDK as somebody else gets it: packed, unpacked beside its two dependencies, and used in every way it promises. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';

import { expect } from 'chai';

import { buildProject } from '../support/build.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MOST_GZIP_BYTES = 60_000;
const run = promisify(execFile);

/** Uses the types, and would not compile if they were `any`. */
const TYPED = `
import { OpenLock, UnreachableError, type CommandResult, type Door } from '@openlock/client';
export async function open(door: Door): Promise<'executed' | 'executed_earlier'> {
  const result: CommandResult = await door.unlock({ password: 'x', freshness: 'challenge', intent: door.intent('unlock') });
  return result.outcome;
}
// @ts-expect-error a door cannot fly
export const fly = (door: Door) => door.fly();
// @ts-expect-error url is missing
export const none = () => new OpenLock({});
export const why = (error: unknown): string => (error instanceof UnreachableError ? error.reason : '');
`;

const RESOLUTIONS = [
  // The declarations themselves are sound, without the types of Node; once is enough.
  { file: 'typed.ts', module: 'esnext', moduleResolution: 'bundler', more: [] },
  { file: 'typed.mts', module: 'node16', moduleResolution: 'node16', more: ['--skipLibCheck'] },
  { file: 'typed.cts', module: 'node16', moduleResolution: 'node16', more: ['--skipLibCheck'] },
  // zod's declarations want esModuleInterop there, as `tsc --init` sets it.
  { file: 'typed.ts', module: 'commonjs', moduleResolution: 'node10', more: ['--skipLibCheck', '--esModuleInterop'] },
] as const;

describe('the package @openlock/client', function () {
  this.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), 'openlock-sdk-'));
  const home = join(folder, 'node_modules/@openlock/client');
  const packed = (path: string): string => readFileSync(join(home, path), 'utf8');
  const node = async (name: string, text: string): Promise<unknown> => {
    writeFileSync(join(folder, name), text);
    const { stdout, stderr } = await run(process.execPath, [name], { cwd: folder });
    expect(stderr).to.equal('');
    return JSON.parse(stdout) as unknown;
  };

  before(async () => {
    await buildProject();
    await run('npm', ['pack', join(ROOT, 'src/client'), '--pack-destination', folder, '--ignore-scripts'], {
      cwd: folder,
    });
    const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    mkdirSync(home, { recursive: true });
    await run('tar', ['-xzf', join(folder, archive), '--strip-components=1', '-C', home]);
    for (const name of ['jose', 'zod'])
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has what it needs in it and nothing else: no sources, no path of this machine', () => {
    expect(readdirSync(home).sort()).to.deep.equal(['README.md', 'dist', 'package.json']);
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
    for (const name of files.filter((file) => /\.(js|ts|json|txt|md)$/.test(file))) {
      if (name.endsWith('.ts')) expect(name).to.match(/\.d\.ts$/);
      expect(packed(name), name).to.not.include(ROOT);
    }
    const { dependencies } = JSON.parse(packed('package.json')) as { dependencies: object };
    expect(Object.keys(dependencies)).to.deep.equal(['jose', 'zod']);
    expect(packed('dist/LICENSES.txt')).to.match(/OpenLock contributors[^]*jose[^]*zod/);
  });

  const USE = `
    const door = new OpenLock({ url: 'https://relay.example' }).door('front-door', { kid: 'A'.repeat(43) });
    console.log(JSON.stringify({ id: door.id, isError: new UnreachableError('closed', '', false) instanceof OpenLockError }));`;
  const USED = { id: 'front-door', isError: true };

  it('is imported as an ES module', async () => {
    const names = `import { OpenLock, OpenLockError, UnreachableError } from '@openlock/client';`;
    expect(await node('used.mjs', names + USE)).to.deep.equal(USED);
  });

  it('is required from CommonJS', async () => {
    const names = `const { OpenLock, OpenLockError, UnreachableError } = require('@openlock/client');`;
    expect(await node('used.cjs', names + USE)).to.deep.equal(USED);
  });

  it('exports the same names either way', async () => {
    const list = 'console.log(JSON.stringify(Object.keys(sdk).sort()))';
    const esm = await node('names.mjs', `import * as sdk from '@openlock/client'; ${list}`);
    expect(esm).to.include.members(['OpenLock', 'PROBLEMS', 'WebPinStore']);
    expect(await node('names.cjs', `const sdk = require('@openlock/client'); ${list}`)).to.deep.equal(esm);
  });

  it('is one script for a page, of 60 kB gzip at most', () => {
    const script = packed('dist/openlock-client.js');
    expect(gzipSync(script, { level: 6 }).length).to.be.at.most(MOST_GZIP_BYTES);
    const page = { TextEncoder, TextDecoder, URL, crypto, console, fetch, AbortController };
    const names: unknown = runInNewContext(`${script}; Object.keys(openlock)`, page);
    expect(names).to.include.members(['OpenLock', 'DoorRefusedError']);
  });

  for (const { file, module, moduleResolution, more } of RESOLUTIONS) {
    it(`has types for moduleResolution ${moduleResolution}, ${file}`, async () => {
      writeFileSync(join(folder, file), TYPED);
      const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', ...more];
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const { stdout } = await run(
        process.execPath,
        [tsc, ...options, '--module', module, '--moduleResolution', moduleResolution, file],
        { cwd: folder },
      ).catch((error: { stdout: string }) => error);
      expect(stdout).to.equal('');
    });
  }
});
