/** A real nginx as a child, with deploy/nginx/openlock.conf, ports and directories of its own; never the system's. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { answers } from '../../support/redis.js';

const CONF = readFileSync(fileURLToPath(new URL('../../../deploy/nginx/openlock.conf', import.meta.url)), 'utf8');
/** Debian's, which is not on everybody's PATH. */
const PROGRAM = '/usr/sbin/nginx';

export interface NginxOptions {
  readonly port: number;
  readonly relayPorts: readonly [number, number];
  /** PEM files. */
  readonly certPath: string;
  readonly keyPath: string;
}

export interface TestNginx {
  /** What `nginx -t` said. */
  readonly check: string;
  stop(): Promise<void>;
}

export async function startNginx(options: NginxOptions): Promise<TestNginx> {
  const dir = mkdtempSync(join(tmpdir(), 'openlock-nginx-'));
  mkdirSync(join(dir, 'logs'));
  const path = join(dir, 'nginx.conf');
  writeFileSync(path, wrapped(dir, options));
  const args = ['-p', dir, '-c', path, '-e', join(dir, 'logs/error.log')];
  const tried = spawnSync(PROGRAM, [...args, '-t'], { encoding: 'utf8' });
  const check = `${tried.error?.message ?? ''}${tried.stdout}${tried.stderr}`;
  if (tried.status !== 0) throw new Error(`nginx -t: ${check}`);
  const child: ChildProcess = spawn(PROGRAM, args, { stdio: 'ignore' });
  const deadline = Date.now() + 10_000;
  while (!(await answers(options.port))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`nginx did not listen: ${readFileSync(join(dir, 'logs/error.log'), 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    check,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The shipped file with this test's ports and names, inside the frame that Debian's nginx.conf gives it. */
function wrapped(dir: string, { port, relayPorts, certPath, keyPath }: NginxOptions): string {
  const replaced = [
    ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
    ['server_name relay.example;', 'server_name localhost;'],
    ['server 127.0.0.1:8081;', `server 127.0.0.1:${relayPorts[0]};`],
    ['server 127.0.0.1:8082;', `server 127.0.0.1:${relayPorts[1]};`],
    ['/etc/letsencrypt/live/relay.example/fullchain.pem', certPath],
    ['/etc/letsencrypt/live/relay.example/privkey.pem', keyPath],
  ].reduce((text, [from = '', to = '']) => {
    if (!text.includes(from)) throw new Error(`deploy/nginx/openlock.conf has no "${from}" any more`);
    return text.replace(from, to);
  }, CONF);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(dir, name)};`)
    .join('\n');
  return `daemon off;\npid ${join(dir, 'nginx.pid')};\nworker_processes 1;\nevents { worker_connections 256; }
http {\naccess_log off;\n${temporary}\n${replaced}\n}\n`;
}
