/** The virtual door as a device under test: a process of its own, heard through its JSON lines, worked through its stdin. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { builtVirtualDoor, whyNoVirtualDoor } from '../../../../src/cli/virtual-door/build-step.js';

export const PASSWORD = 'correct horse battery';
/** How long anything may take on a machine that does ten other things. */
const PATIENCE_MS = 20_000;

/** One line of the door; `t` says what it is about. */
export type Line = Readonly<Record<string, unknown>> & { readonly t: string };

export interface HostDoorOptions {
  readonly doorId: string;
  /** Of an earlier run; absent: a fresh one, see {@link StateDir}. */
  readonly state: StateDir;
  readonly server?: string;
  /** PEM. */
  readonly ca?: string;
  readonly enrolmentToken?: string;
  /** Sent as the first line of standard input; `undefined` sends none. Only a door without one reads it. */
  readonly password?: string | undefined;
  readonly probationMs?: number;
  readonly more?: readonly string[];
}

/** Settings, key and mark of one door, kept between its runs. */
export class StateDir {
  readonly root = mkdtempSync(join(tmpdir(), 'openlock-vdoor-'));
  readonly path = join(this.root, 'state');
  #files = 0;

  /** A file beside the state, for a certificate. */
  file(text: string): string {
    this.#files += 1;
    const path = join(this.root, `ca-${this.#files}.pem`);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/**
 * Call it in `before`: builds the program where it is not current, and skips the suite, saying why, on a machine without
 * compiler or libraries (`npm test` installs them where it can).
 */
export async function needVirtualDoor(context: Mocha.Context): Promise<void> {
  const why = await whyNoVirtualDoor();
  if (why !== undefined) {
    if (!toldWhy) process.stderr.write(`the virtual door’s tests are left out: ${why}\n`);
    toldWhy = true;
    context.skip();
  }
  context.timeout(20 * 60_000); // of a first build
  await builtVirtualDoor();
}

let toldWhy = false;

/** They die with us. */
const children = new Set<{ kill(signal: 'SIGKILL'): boolean }>();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export class HostDoor {
  readonly lines: Line[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #checks = new Set<() => void>();
  readonly #exited: Promise<number>;
  #complaints = '';
  #ended = false;

  private constructor(
    readonly doorId: string,
    program: string,
    args: readonly string[],
  ) {
    this.#child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(this.#child);
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString()));
    this.#read();
    this.#exited = once(this.#child, 'close').then(([code, signal]) => {
      children.delete(this.#child);
      this.#ended = true;
      this.#tell();
      return typeof code === 'number' ? code : signal === null ? -1 : -2;
    });
  }

  /** Starts it; does not wait for anything but the process. */
  static async start(options: HostDoorOptions): Promise<HostDoor> {
    const { doorId, state, server, ca, enrolmentToken, probationMs, more = [] } = options;
    const args = [
      '--door-id',
      doorId,
      '--state-dir',
      state.path,
      '--json',
      '--verbose',
      '--password-stdin',
      '--until-eof',
    ];
    if (server !== undefined) args.push('--server', server);
    if (ca !== undefined) args.push('--ca', state.file(ca));
    if (enrolmentToken !== undefined) args.push('--enrol', enrolmentToken);
    if (probationMs !== undefined) args.push('--probation-ms', String(probationMs));
    const door = new HostDoor(doorId, await builtVirtualDoor(), [...args, ...more]);
    const password = 'password' in options ? options.password : PASSWORD;
    if (password !== undefined) door.say(password);
    return door;
  }

  /** Starts it and waits until a relay has welcomed it. */
  static async live(options: HostDoorOptions): Promise<HostDoor> {
    const door = await HostDoor.start(options);
    await door.live();
    return door;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it said on standard error. */
  get complaints(): string {
    return this.#complaints;
  }

  /** Lines said from now on count from here: `since` of {@link line}. */
  get mark(): number {
    return this.lines.length;
  }

  /** The key id it shows. */
  get kid(): string {
    const kid = this.lines.findLast((line) => line.t === 'key')?.['kid'];
    return typeof kid === 'string' ? kid : '';
  }

  /** Every state of the relay pin it ever drove, in order: `true` lets people in. */
  get pin(): readonly boolean[] {
    return this.lines.filter((line) => line.t === 'relay').map((line) => line['active'] === true);
  }

  get reportedLock(): unknown {
    return this.lines.findLast((line) => line.t === 'lock')?.['reported'];
  }

  /** A line of its console. */
  say(text: string): void {
    this.#child.stdin.write(`${text}\n`);
  }

  /** The first line from `since` on with these members; rejects when it ends, or stays silent for too long. */
  line(members: Readonly<Record<string, unknown>>, since = 0, patienceMs = PATIENCE_MS): Promise<Line> {
    return this.#first(
      (line) => Object.entries(members).every(([name, value]) => line[name] === value),
      JSON.stringify(members),
      since,
      patienceMs,
    );
  }

  /** The same, by a pattern for one member. */
  lineMatching(member: string, pattern: RegExp, since = 0): Promise<Line> {
    return this.#first(
      (line) => pattern.test(String(line[member])),
      `${member} ${String(pattern)}`,
      since,
      PATIENCE_MS,
    );
  }

  #first(isIt: (line: Line) => boolean, what: string, since: number, patienceMs: number): Promise<Line> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#checks.delete(check);
        clearTimeout(timer);
        settle();
      };
      const fail = (why: string): void =>
        end(() => reject(new Error(`the door ${why} before it said ${what}: ${this.#story(since)}`)));
      const check = (): void => {
        const found = this.lines.slice(since).find(isIt);
        if (found !== undefined) end(() => resolve(found));
        else if (this.#ended) fail('ended');
      };
      const timer = setTimeout(() => fail(`was silent for ${patienceMs} ms`), patienceMs);
      this.#checks.add(check);
      check();
    });
  }

  live(since = 0, patienceMs?: number): Promise<Line> {
    return this.line({ t: 'session', state: 'live' }, since, patienceMs);
  }

  /** Resolves with the exit code; -2 when a signal ended it. */
  exit(): Promise<number> {
    return this.#exited;
  }

  /** In order, as on SIGTERM. Fine to call when it has ended already. */
  async stop(): Promise<number> {
    this.#child.kill('SIGTERM');
    return this.#exited;
  }

  /** As a power cut. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #story(since: number): string {
    return `${this.lines
      .slice(since)
      .map((line) => JSON.stringify(line))
      .slice(-30)
      .join(' ')} ${this.#complaints}`;
  }

  #tell(): void {
    for (const check of [...this.#checks]) check();
  }

  #read(): void {
    let rest = '';
    this.#child.stdout.on('data', (chunk: Buffer) => {
      const texts = `${rest}${chunk.toString('utf8')}`.split('\n');
      rest = texts.pop() ?? '';
      for (const text of texts) this.lines.push(JSON.parse(text) as Line);
      this.#tell();
    });
  }
}
