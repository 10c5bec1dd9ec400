/**
 * Relay processes by `node:cluster`: the parent accepts connections and hands each, before anything of it is read, to the next
 * process. Only the adapters of {@link Supervisor} and {@link HostLink} are here.
 */
import cluster from 'node:cluster';

import type { ParentPort } from './host-link.js';
import type { RelayProcess, StartProcess } from './supervisor.js';

/** Most of what a relay allocates dies young; with room for it, less of it is copied to where old things live. */
const RELAY_OPTIONS = ['--max-semi-space-size=64'];

/** Starts processes that run `serve` by `entry`, the program's own file. They end with this process, if it is told to end at once. */
export function relayProcesses(entry: string): StartProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: entry,
    args: ['serve'],
    execArgv: [...process.execArgv, ...RELAY_OPTIONS],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let isFault = false;
  process.once('uncaughtExceptionMonitor', () => (isFault = true));
  process.once('exit', () => {
    // A fault of the parent is none of theirs: they notice that it is gone, and stop in order.
    if (isFault) return;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
  });
  return ({ message, end }) => {
    const worker = cluster.fork();
    worker.on('message', message);
    worker.once('exit', (code: number | null, signal: string | null) =>
      end(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`),
    );
    worker.on('error', (error) => {
      // Without a process id it never was a process, and will not end either.
      if (worker.process.pid === undefined) end(`it could not be started (${error.message})`);
    });
    return {
      pid: worker.process.pid,
      send: (toRelay) => sent((done) => worker.send(toRelay, done)),
      kill: () => void worker.process.kill('SIGKILL'),
    } satisfies RelayProcess;
  };
}

/** The way to the parent of this process; `undefined`: somebody else started it. */
export function parentPort(): ParentPort | undefined {
  const { worker } = cluster;
  if (worker === undefined) return undefined;
  // It is the parent that a closed terminal ends, and nohup keeps; this process then hears that it is gone.
  process.on('SIGHUP', () => undefined);
  return {
    send: (fromRelay) => sent((done) => worker.send(fromRelay, done)),
    onMessage: (handler) => void worker.on('message', handler),
    onGone: (handler) =>
      void worker.once('disconnect', () => {
        // Node would end this process at once, with all that is under way.
        worker.exitedAfterDisconnect = true;
        handler();
      }),
  };
}

/** A message that cannot be sent any more has nobody to read it: its end is told by other events. */
function sent(send: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => send(() => resolve()));
}
