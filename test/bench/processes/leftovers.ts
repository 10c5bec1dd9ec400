/** Whatever way the benchmark ends, also by Ctrl-C, its processes end with it and its directories go. */
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';

const processes = new Set<ChildProcess>();
const directories = new Set<string>();

process.on('exit', () => {
  for (const child of processes) child.kill('SIGKILL');
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

/** Ends this process when ours ends. */
export function endsWithUs(child: ChildProcess): void {
  processes.add(child);
  child.once('exit', () => processes.delete(child));
}

/** Removes this directory when our process ends, or earlier by {@link remove}. */
export function goesWithUs(path: string): void {
  directories.add(path);
}

export function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
  directories.delete(path);
}
