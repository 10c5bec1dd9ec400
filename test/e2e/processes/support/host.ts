/** A relay of several processes, as its operator starts it, and what one can see of it from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';

import { RelayStore } from '../../../../src/store/relay-store.js';
import { until } from '../../../support/counting.js';
import type { TestRedis } from '../../../support/redis.js';
import { startRelayProcess, type RelayProcess } from '../../support/relay-process.js';

export class RelayHost {
  private constructor(readonly relay: RelayProcess) {}

  static async start(processes: number, environment: Readonly<Record<string, string>>): Promise<RelayHost> {
    const host = { OPENLOCK_METRICS_PORT: '0', ...environment };
    return new RelayHost(await startRelayProcess(host, undefined, ['--processes', String(processes)]));
  }

  /** Process ids of the relays there are now. */
  processes(): readonly number[] {
    return childrenOf(this.relay.child.pid ?? 0);
  }

  /** The process with the most connections. */
  busiest(): number {
    const [busiest] = [...this.processes()].sort((one, other) => socketsOf(other) - socketsOf(one));
    if (busiest === undefined) throw new Error('no relay process runs');
    return busiest;
  }

  /** One series of the metrics; 0 where there is none. */
  async metric(series: string): Promise<number> {
    const text = await this.metrics();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  }

  async metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.relay.metricsPort ?? 0}/metrics`);
    return response.text();
  }

  /** Waits until none of these processes is there any more. */
  static async gone(pids: readonly number[], withinMs = 10_000): Promise<void> {
    await until(() => pids.every((pid) => !isAlive(pid)), withinMs);
  }
}

/** Relays that have a lease. */
export async function liveRelays(redis: TestRedis): Promise<readonly string[]> {
  return new RelayStore(await redis.link()).live();
}

function childrenOf(parent: number): readonly number[] {
  return execFileSync('ps', ['-axo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((line) => Number(line?.[2]) === parent && / serve$/.test(line?.[3] ?? ''))
    .map((line) => Number(line?.[1]));
}

function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

/** Who has ended, and waits for a parent that asks how, is not alive. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout);
}
