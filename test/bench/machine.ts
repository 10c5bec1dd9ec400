/** What the figures were taken on. */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

import { quantile } from './stats.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  /** Median of appending 1 KB and waiting for the disk, milliseconds. */
  readonly fsyncMs: number;
  /** Most files a process may have open. */
  readonly filesLimit: number;
  /** Load of the last minute before the run: above half the cores somebody else was at work. */
  readonly loadBefore: number;
}

export function describeMachine(dir: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    redis: /v=([\d.]+)/.exec(outputOf('redis-server', ['--version']))?.[1] ?? 'unknown',
    fsyncMs: fsyncMs(join(dir, 'fsync-probe')),
    // Node raises its soft limit to the hard one at its start.
    filesLimit: Number(outputOf('sh', ['-c', 'ulimit -Hn']).trim()) || Infinity,
    loadBefore: loadavg()[0] ?? 0,
  };
}

function fsyncMs(path: string): number {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(1024, 1);
  const times = Array.from({ length: 100 }, () => {
    const started = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  return quantile(times, 0.5);
}

function outputOf(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  } catch {
    return '';
  }
}
