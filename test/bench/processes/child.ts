/** The parent's half: starts a program in a process of its own and calls its methods. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { endsWithUs } from './leftovers.js';
import type { Call, CommonMethods, Methods, Reply } from './worker.js';

export interface ChildOptions {
  /** Makes `collectGarbage` work. */
  readonly exposeGc?: boolean;
  /** Writes a CPU profile into this directory at its end. */
  readonly profileDir?: string | undefined;
}

type Parameter<F> = F extends (params: infer P) => unknown ? P : never;
type Result<F> = F extends (params: never) => infer R ? Awaited<R> : never;

const STOP_MS = 10_000;
/** Every relay, ours and those that check nothing, runs as `openlock serve` is started. */
export const RELAY_FLAGS = ['--max-semi-space-size=64'];

export class Child<M extends Methods> {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #calls = 0;
  #ended: string | undefined;

  /** `program`: a file of `programs/`, without its ending. */
  constructor(program: string, options: ChildOptions = {}) {
    this.name = program;
    const path = fileURLToPath(new URL(`../programs/${program}.ts`, import.meta.url));
    this.#process = fork(path, [], {
      execArgv: [
        ...['--import', 'tsx'],
        ...(program.endsWith('-relay') ? RELAY_FLAGS : []),
        ...(options.exposeGc === true ? ['--expose-gc'] : []),
        ...(options.profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profileDir]),
      ],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    endsWithUs(this.#process);
    this.#process.on('message', (reply: Reply) => this.#settle(reply));
    this.#process.once('exit', (code, signal) => this.#onExit(`${program} ended (${signal ?? code ?? 'unknown'})`));
  }

  /** Calls a method; rejects with the child's error, or when it ends. */
  call<K extends keyof (M & CommonMethods) & string>(
    method: K,
    params: Parameter<(M & CommonMethods)[K]>,
  ): Promise<Result<(M & CommonMethods)[K]>> {
    if (this.#ended !== undefined) return Promise.reject(new Error(this.#ended));
    const id = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, method, params } satisfies Call);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Lets it end by itself; SIGKILL after 10 s. */
  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exited = once(this.#process, 'exit');
    const limit = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    this.#process.kill('SIGTERM');
    await exited;
    clearTimeout(limit);
  }

  #settle({ id, value, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value as never);
    else waiting?.reject(new Error(`${this.name}: ${error}`));
  }

  #onExit(why: string): void {
    this.#ended = why;
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }
}
