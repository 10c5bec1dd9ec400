import { spawn } from 'node:child_process';

import { CommandFailure, UsageError } from '../support/failure.js';

/** Why it ended, by its exit code (`esplock-door --help`); the sentence itself it has said on standard error. */
const ENDS: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  1: ['state_unusable', 'The virtual door could not use its state directory.'],
  3: ['relay_unreachable', 'The virtual door did not find a relay there.'],
  4: ['certificate_untrusted', 'The virtual door does not trust the certificate of that server.'],
  5: ['registration_refused', 'The relay refused the virtual door.'],
  6: ['state_in_use', 'Another process is this virtual door already.'],
};

/**
 * Runs the program on this process's own terminal and resolves when it ended in order. Its end is ours: `stop` becomes a
 * SIGTERM, after which it closes its socket; wrong usage and failures throw.
 */
export async function runProgram(program: string, args: readonly string[], stop: AbortSignal): Promise<void> {
  const child = spawn(program, args, { stdio: 'inherit' });
  const forward = (): void => void child.kill('SIGTERM');
  const dieWithUs = (): void => void child.kill('SIGKILL');
  stop.addEventListener('abort', forward);
  process.on('exit', dieWithUs);
  try {
    const [code, signal] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode, endedBy) => resolve([exitCode, endedBy]));
      if (stop.aborted) forward();
    });
    throwFor(code, signal);
  } finally {
    stop.removeEventListener('abort', forward);
    process.off('exit', dieWithUs);
  }
}

function throwFor(code: number | null, signal: NodeJS.Signals | null): void {
  if (code === 0) return;
  if (code === 2)
    throw new UsageError('The virtual door cannot start with these arguments; what is wrong stands above.');
  const [name, detail] = ENDS[code ?? -1] ?? [
    'virtual_door_ended',
    `The virtual door ended by itself (${signal ?? `exit code ${code ?? '?'}`}).`,
  ];
  throw new CommandFailure(name, detail, code === null ? {} : { programExitCode: code });
}
