/** The doors of all lanes, in a process (or two) of their own. */
import { createSecureContext, connect } from 'node:tls';

import { io, type Socket } from 'socket.io-client';

import { DoorFleet, type FleetReturn, type ReturnPlan } from '../load/door-fleet.js';
import { doorNames, type DoorRange } from '../load/door-names.js';
import { Gate } from '../load/gate.js';
import { serve } from '../processes/worker.js';

interface Target {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
}

export interface ConnectRequest extends Target {
  readonly fleet: string;
  readonly doors: DoorRange;
  readonly kind: 'ws' | 'socket.io';
  readonly connecting: number;
  readonly returns: boolean;
  readonly ownAddresses: boolean;
  readonly receipt: string;
}

const fleets = new Map<string, DoorFleet>();
const socketIoDoors = new Map<string, Socket[]>();

const methods = {
  /** Resolves once every door is live. */
  async connect(request: ConnectRequest): Promise<{ readonly elapsedMs: number }> {
    const started = performance.now();
    const doorIds = doorNames(request.doors);
    if (request.kind === 'socket.io') socketIoDoors.set(request.fleet, await connectSocketIo(request, doorIds));
    else {
      const fleet = new DoorFleet({ ...request, doorIds });
      fleets.set(request.fleet, fleet);
      await fleet.connect();
    }
    return { elapsedMs: performance.now() - started };
  },

  /** Waits until a fleet that returns is whole again. */
  async complete({ fleet }: { readonly fleet: string }): Promise<FleetReturn> {
    return (await fleets.get(fleet)?.complete()) ?? { atUnixMs: 0, mostAtUnixMs: 0, resumed: 0 };
  },

  /** How a fleet comes back from now on. */
  setReturn({ fleet, how }: { readonly fleet: string; readonly how: ReturnPlan }): void {
    fleets.get(fleet)?.setReturn(how);
  },

  /** Each door sends so many keep-alives, one every `gapMs`; resolves when the last was answered. */
  async keepAlives(request: { readonly fleet: string; readonly each: number; readonly gapMs: number }): Promise<void> {
    await fleets.get(request.fleet)?.sendKeepAlives(request.each, request.gapMs);
  },

  size({ fleet }: { readonly fleet: string }): number {
    return fleets.get(fleet)?.size ?? 0;
  },

  setQuiet({ fleet, quiet }: { readonly fleet: string; readonly quiet: boolean }): void {
    fleets.get(fleet)?.setQuiet(quiet);
  },

  close({ fleet }: { readonly fleet: string }): void {
    fleets.get(fleet)?.stop();
    fleets.delete(fleet);
    for (const socket of socketIoDoors.get(fleet) ?? []) socket.disconnect();
  },

  /** TLS connections and nothing on them; closed at the end. */
  async handshakes({
    port,
    ca,
    count,
    connecting,
  }: Target & { readonly count: number; readonly connecting: number }): Promise<{ readonly elapsedMs: number }> {
    const secureContext = createSecureContext({ ca });
    const gate = new Gate(connecting);
    const started = performance.now();
    const shake = (): Promise<() => void> =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext }, () =>
          resolve(() => socket.destroy()),
        );
        socket.on('error', reject);
      });
    const closers = await Promise.all(Array.from({ length: count }, () => gate.run(shake)));
    const elapsedMs = performance.now() - started;
    for (const close of closers) close();
    return { elapsedMs };
  },
};

async function connectSocketIo(request: ConnectRequest, doorIds: readonly string[]): Promise<Socket[]> {
  const { port, ca, connecting, receipt } = request;
  const gate = new Gate(connecting);
  const answer = { status: 200, receipt };
  const dial = (door: string): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = io(`wss://localhost:${port}`, { transports: ['websocket'], forceNew: true, auth: { door }, ca });
      socket.on('command', (_jwe: string, acknowledge: (result: unknown) => void) => acknowledge(answer));
      socket.once('connect', () => resolve(socket));
    });
  return Promise.all(doorIds.map((doorId) => gate.run(() => dial(doorId))));
}

export type Doors = typeof methods;

serve(methods);
