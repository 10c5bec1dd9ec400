/** A relay as a person starts it: `openlock serve`, one process or several behind one port. Linux, for its processor time. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { RELAY_FLAGS } from './child.js';
import { endsWithUs } from './leftovers.js';

const COMMAND = fileURLToPath(new URL('../../../src/cli/openlock.mjs', import.meta.url));
const STOP_MS = 15_000;

export class ServedRelay {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#process = child;
  }

  static async start(environment: Readonly<Record<string, string>>, processes: number): Promise<ServedRelay> {
    const args = [...RELAY_FLAGS, COMMAND, 'serve', '--json', '--processes', String(processes)];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endsWithUs(child);
    return new ServedRelay(await portSaidBy(child), child);
  }

  /** Of the parent and everything it started that still runs, microseconds. */
  cpuMicros(): number {
    return familyOf(this.#process.pid ?? 0).reduce((sum, pid) => sum + ticksOf(pid), 0) * MICROS_A_TICK;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    const limit = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    this.#process.kill('SIGTERM');
    await exited;
    clearTimeout(limit);
  }
}

/** It prints one JSON value when it listens. What it says to people is for a start that fails. */
async function portSaidBy(child: ChildProcess): Promise<number> {
  let text = '';
  let said = '';
  child.stderr?.on('data', (chunk) => (said = `${said}${String(chunk)}`.slice(-2000)));
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const port = Number(/"port":\s*(\d+)/.exec(text)?.[1]);
    if (port > 0) return port;
  }
  throw new Error(`openlock serve ended before it listened: ${said}`);
}

const MICROS_A_TICK = 1e6 / (Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100);

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

/** What /proc says of a process; `undefined`: it has ended. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything; fields are counted behind it, from 3.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

const ticksOf = (pid: number): number => statOf(pid)?.ticks ?? 0;

function familyOf(pid: number): readonly number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const childrenOf = new Map<number, number[]>();
  for (const name of all) {
    const parent = statOf(Number(name))?.parent;
    if (parent !== undefined) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
  }
  const family = [pid];
  for (const member of family) family.push(...(childrenOf.get(member) ?? []));
  return family;
}
