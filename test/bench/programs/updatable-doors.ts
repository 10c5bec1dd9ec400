/** Doors that take firmware updates, in a process of their own: the simulated door, which answers commands unread. */
import { createPrivateKey } from 'node:crypto';

import { DoorFleet, DoorIdentity, type FleetStatistics } from '../../../src/simulator/index.js';
import { doorNames, type DoorRange } from '../load/door-names.js';
import { serve } from '../processes/worker.js';

export interface UpdatableDoorsRequest {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly doors: DoorRange;
  /** PKCS#8 PEM; all doors have it. */
  readonly privateKey: string;
  /** Public PEM releases must be signed by. */
  readonly releaseKey: string;
  readonly board: string;
  readonly connecting: number;
}

let fleet: DoorFleet | undefined;

const methods = {
  /** Resolves once every door is live. */
  async connect({ port, ca, doors, privateKey, releaseKey, board, connecting }: UpdatableDoorsRequest): Promise<void> {
    fleet = new DoorFleet({
      relayUrl: `https://localhost:${port}`,
      ca,
      doors: doorNames(doors).map((doorId) => ({ doorId })),
      password: 'bench-password',
      keys: [new DoorIdentity(createPrivateKey(privateKey))],
      requestsPerSecond: Infinity,
      maxConnecting: connecting,
      answer: 'blind',
      firmware: { version: '1.0.0', board, securityVersion: 1 },
      updates: { releaseKeys: [releaseKey] },
    });
    await fleet.start();
  },

  statistics(): FleetStatistics | undefined {
    return fleet?.statistics();
  },

  async close(): Promise<void> {
    await fleet?.stop();
    fleet = undefined;
  },
};

export type UpdatableDoors = typeof methods;

serve(methods);
