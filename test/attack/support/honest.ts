/** An honest site that sends its door a command eight times a second, whatever else goes on. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { killProcess } from '../../support/redis.js';
import type { Reachable } from '../../e2e/support/relay-process.js';

export interface HonestRequest {
  readonly relay: Reachable;
  readonly doorId: string;
  readonly enrolmentToken: string;
  /** Its access token. */
  readonly token: string;
}

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly commands: number;
  /** What was not a 200. */
  readonly failures: readonly string[];
}

export type HonestSaid =
  | { readonly t: 'ready'; readonly publicPem: string; readonly kid: string }
  | { readonly t: 'mark'; readonly latencies: Latencies };

export class Honest {
  readonly #process: ChildProcess;

  private constructor(
    child: ChildProcess,
    /** The door's key. */
    readonly publicPem: string,
    readonly kid: string,
  ) {
    this.#process = child;
  }

  static async start(request: HonestRequest): Promise<Honest> {
    const child = fork(fileURLToPath(new URL('honest-process.ts', import.meta.url)), [], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.send(request);
    const said = await answerOf(child);
    if (said.t !== 'ready') throw new Error(`the honest site said ${said.t} first`);
    return new Honest(child, said.publicPem, said.kid);
  }

  /** What its commands took since the last time it was asked. */
  async mark(): Promise<Latencies> {
    const answer = answerOf(this.#process);
    this.#process.send('mark');
    const said = await answer;
    if (said.t !== 'mark') throw new Error(`the honest site said ${said.t}`);
    return said.latencies;
  }

  stop(): Promise<void> {
    return killProcess(this.#process);
  }
}

function answerOf(child: ChildProcess): Promise<HonestSaid> {
  return new Promise((resolve, reject) => {
    const onMessage = (said: HonestSaid): void => {
      child.off('exit', onExit);
      resolve(said);
    };
    const onExit = (): void => {
      child.off('message', onMessage);
      reject(new Error('the honest site ended'));
    };
    child.once('message', onMessage).once('exit', onExit);
  });
}
