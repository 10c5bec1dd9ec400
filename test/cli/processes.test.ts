import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { dataDir, ROOT, startCli, startNode } from './support/cli.js';

async function takenPort(): Promise<{ readonly port: number; free(): void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, free: () => void server.close() };
}

/** What a process prints until it matches. */
async function until(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let text = '';
  while (!pattern.test(text)) {
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    text += chunk.toString();
  }
  return text;
}

/** What a process prints up to its first line end. */
async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  const text = await until(stream, /\n/);
  return text.slice(0, text.indexOf('\n'));
}

describe('openlock as a process', function () {
  this.timeout(90_000);
  const dir = dataDir();
  after(() => dir.remove());
  const loopback = { OPENLOCK_HOST: '127.0.0.1', OPENLOCK_LOG_LEVEL: 'silent' };

  it('hands its exit code to the shell', async () => {
    expect((await startCli(['--version']).done).code).to.equal(0);
    expect((await startCli(['nonsense']).done).code).to.equal(2);
    const failed = await startCli(['check-config', '--json'], { OPENLOCK_TLS: 'maybe' }).done;
    expect(failed.code).to.equal(1);
    expect(failed.stdout).to.contain('OPENLOCK_TLS');
  });

  it('the file behind the command `openlock` runs it, too', async function () {
    // May have to compile first.
    this.timeout(240_000);
    const { code, stdout } = await startNode(
      [join(ROOT, 'src/cli/openlock.mjs'), 'check-config', '--json'],
      { ...dir.environment, OPENLOCK_PORT: '0' }, // somebody else may have the usual one
    ).done;
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.have.property('ok', true);
  });

  it('set-up refuses a task it does not know', async () => {
    const { code, stderr } = await startNode([join(ROOT, 'src/set-up/set-up.mjs'), 'nonsense']).done;
    expect(code).to.equal(2);
    expect(stderr).to.contain('usage');
  });

  it('serve says where it listens, answers the operator, and stops within ten seconds', async () => {
    const environment = { ...dir.environment, ...loopback, OPENLOCK_PORT: '0', OPENLOCK_METRICS_PORT: '0' };
    const relay = startCli(['serve', '--json'], environment);
    const said = JSON.parse(await firstLine(relay.stdout as NodeJS.ReadableStream)) as {
      port: number;
      publicOrigins: string[];
      caPath: string;
      metricsPort: number;
    };
    expect(said.publicOrigins).to.deep.equal([`https://localhost:${said.port}`]);
    expect(readFileSync(said.caPath, 'utf8')).to.contain('BEGIN CERTIFICATE');

    expect((await startCli(['door', 'add', 'front-door', '--json'], environment).done).code).to.equal(0);
    const status = await startCli(['status', 'front-door', '--json'], environment).done;
    expect(status.code, status.stderr).to.equal(0);
    expect(JSON.parse(status.stdout)).to.deep.equal({
      doorId: 'front-door',
      online: false,
      live: false,
      state: null,
      at: null,
    });

    const simulation = startCli(['simulate', '--doors', '3', '--json'], environment);
    await until(simulation.stderr as NodeJS.ReadableStream, /3\/3 connected/);
    simulation.kill('SIGINT');
    const simulated = await simulation.done;
    expect(simulated.code, simulated.stderr).to.equal(0);
    expect(JSON.parse(simulated.stdout)).to.include({ doors: 3, connected: 3, duplicates: 0 });

    const stopped = Date.now();
    relay.kill('SIGTERM');
    const { code, stdout } = await relay.done;
    expect(code).to.equal(0);
    expect(Date.now() - stopped).to.be.lessThan(10_000);
    expect(stdout.trimEnd().split('\n')).to.have.length(1);
    expect(readdirSync(join(dir.path, 'relays'))).to.deep.equal([]);
  });

  it('serve names the port that is taken and exits 1', async () => {
    const taken = await takenPort();
    const { code, stdout, stderr } = await startCli(['serve', '--json'], {
      ...dir.environment,
      ...loopback,
      OPENLOCK_PORT: String(taken.port),
    }).done;
    taken.free();
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as { error: { code: string } }).error.code).to.equal('port_in_use');
    expect(stderr).to.contain(String(taken.port));
  });

  it('a reader that goes away is no error', async () => {
    const following = startCli(['audit', '--follow'], dir.environment);
    await firstLine(following.stdout as NodeJS.ReadableStream);
    following.stdout?.destroy();
    // Something to write into the pipe that nobody reads.
    await startCli(['door', 'disable', 'front-door'], dir.environment).done;
    const { code, stderr } = await following.done;
    expect(code, stderr).to.equal(0);
    expect(stderr).to.equal('');
  });

  it('demo --once opens a door on free ports and cleans up after itself', async () => {
    const taken = await takenPort();
    const { code, stdout, stderr } = await startCli(['demo', '--once'], {
      OPENLOCK_PORT: String(taken.port),
      OPENLOCK_METRICS_PORT: '0',
    }).done;
    taken.free();
    expect(code, `${stdout}\n${stderr}`).to.equal(0);
    expect(stdout).to.contain(`port ${taken.port} was taken`).and.contain('409 replayed').and.contain('bad_credential');
    expect(stdout)
      .to.contain('"code": "ok"')
      .and.match(/All \d+ steps worked/);
    const used = /data in (\S+) \(thrown away/.exec(stdout)?.[1];
    expect(used).to.be.a('string');
    expect(existsSync(used ?? '/')).to.equal(false);
  });

  it('demo --once --json prints one value with the receipt', async () => {
    const { code, stdout } = await startCli(['demo', '--once', '--json'], {
      OPENLOCK_PORT: '0',
      OPENLOCK_METRICS_PORT: '0',
    }).done;
    expect(code).to.equal(0);
    const value = JSON.parse(stdout) as {
      ok: boolean;
      receipt: { code: string; door: string };
      steps: { ok: boolean }[];
    };
    expect(value.ok).to.equal(true);
    expect(value.receipt).to.include({ code: 'ok', door: 'demo-door' });
    expect(value.steps.every(({ ok }) => ok)).to.equal(true);
  });

  it('demo --once fails when a step fails', async () => {
    // A PATH with node and nothing else: there is no redis-server to start.
    const bin = join(dir.path, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const { code, stdout, stderr } = await startCli(['demo', '--once', '--json'], {
      PATH: bin,
      OPENLOCK_PORT: '0',
      OPENLOCK_METRICS_PORT: '0',
    }).done;
    expect(code).to.equal(1);
    expect(JSON.parse(stdout)).to.have.property('error');
    expect(stderr).to.contain('redis-server');
  });
});
