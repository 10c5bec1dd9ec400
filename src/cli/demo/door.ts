/** The demo's door: the firmware itself where this machine can build it, the door in TypeScript otherwise. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { SimulatedDoor } from '../../simulator/index.js';
import { CommandFailure } from '../support/failure.js';
import { builtVirtualDoor, whyNoVirtualDoor } from '../virtual-door/build-step.js';
import type { Stage } from './stage.js';

export interface DemoDoor {
  readonly doorId: string;
  readonly kid: string;
}

export interface DemoDoorSettings {
  readonly doorId: string;
  readonly relayOrigin: string;
  /** PEM. */
  readonly ca: string;
  readonly enrolmentToken: string;
  readonly password: string;
}

/** Which of the two it is, and why. */
export interface DemoDoorKind {
  readonly title: string;
  readonly reason: string;
  /** Starts it, to end with the stage; resolves when the relay has welcomed it. */
  readonly start: (stage: Stage, settings: DemoDoorSettings) => Promise<DemoDoor>;
}

const LIVE_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 4_000;

/** Chooses, and builds the virtual door where it is not current; that says on standard error what it does. */
export async function chooseDemoDoor(stop: AbortSignal): Promise<DemoDoorKind> {
  const why = await whyNoVirtualDoor();
  if (why !== undefined)
    return simulated(`the door in TypeScript, because ${why}; \`openlock virtual-door --help\` tells of the other`);
  try {
    const program = await builtVirtualDoor(stop);
    return {
      title: 'A virtual door makes its key, enrols and connects',
      reason: 'the firmware’s own C++ core as a process of this machine (`openlock virtual-door`)',
      start: (stage, settings) => startVirtualDoor(program, stage, settings),
    };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return simulated(
      `the door in TypeScript, because the virtual door could not be built: ${error.message.split('\n').at(-1) ?? ''}`,
    );
  }
}

function simulated(reason: string): DemoDoorKind {
  return {
    title: 'A simulated door makes its key, enrols and connects',
    reason,
    async start(stage, { doorId, relayOrigin, ca, enrolmentToken, password }) {
      const door = new SimulatedDoor({ doorId, relayUrl: relayOrigin, ca, enrolmentToken, password, failFast: true });
      stage.onEnd(() => door.stop());
      await door.start();
      return door;
    },
  };
}

async function startVirtualDoor(
  program: string,
  stage: Stage,
  { doorId, relayOrigin, ca, enrolmentToken, password }: DemoDoorSettings,
): Promise<DemoDoor> {
  const stateDir = join(stage.config.dataDir, 'demo-door');
  const caFile = join(stage.config.dataDir, 'demo-door-ca.pem');
  // Each demo's door is a new one, whatever an earlier demo's owner has configured.
  rmSync(stateDir, { recursive: true, force: true });
  writeFileSync(caFile, ca);
  const args = [
    '--door-id',
    doorId,
    '--server',
    relayOrigin,
    '--ca',
    caFile,
    '--state-dir',
    stateDir,
    '--enrol',
    enrolmentToken,
  ];
  const child = spawn(program, [...args, '--json', '--password-stdin', '--until-eof'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  stage.onEnd(() => end(child));
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${password}\n`);
  return { doorId, kid: await liveKid(child) };
}

/** The key id it shows, once it is live. */
function liveKid(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<string> {
  return new Promise((resolve, reject) => {
    let kid = '';
    let complaint = '';
    const limit = setTimeout(
      () =>
        reject(
          new CommandFailure('virtual_door_silent', `The virtual door was not live within ${LIVE_LIMIT_MS / 1000} s.`),
        ),
      LIVE_LIMIT_MS,
    );
    child.once('error', reject);
    child.stderr.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-500)));
    child.once('close', () => {
      clearTimeout(limit);
      reject(new CommandFailure('virtual_door_ended', `The virtual door ended: ${complaint.trim()}`));
    });
    // Read on to the end, or the pipe fills and the door stands still.
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Readonly<Record<string, unknown>>;
      if (line['t'] === 'key') kid = String(line['kid']);
      if (line['t'] !== 'session' || line['state'] !== 'live') return;
      clearTimeout(limit);
      resolve(kid);
    });
  });
}

async function end(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(limit);
}
