/** Sends the commands of all lanes, in a process of its own. */
import { createPublicKey, type KeyObject } from 'node:crypto';

import { runClosedLoop, type ClosedLoop, type LoadResult } from '../load/closed-loop.js';
import { doorName } from '../load/door-names.js';
import { makeEnvelope } from '../load/envelopes.js';
import { FrameQueues } from '../load/frame-queues.js';
import { HttpWire } from '../load/http-wire.js';
import { runOffered, type OfferedResult } from '../load/offered-load.js';
import { runOpenLoop, type OpenLoop } from '../load/open-loop.js';
import { SocketIoWire } from '../load/socket-io-wire.js';
import { WebSocketWire } from '../load/web-socket-wire.js';
import type { Wire, WireSettings } from '../load/wire.js';
import { serve } from '../processes/worker.js';

export type WireKind = 'ws' | 'http' | 'socket.io';

export interface OpenRequest extends WireSettings {
  readonly lane: string;
  readonly kind: WireKind;
  readonly doors: { readonly prefix: string; readonly count: number };
  readonly kid: string;
  /** PEM. */
  readonly publicKey: string;
  /** Every command an envelope of its own; relays that check nothing may get the same few again. */
  readonly fresh: boolean;
}

interface Lane {
  readonly request: OpenRequest;
  readonly key: KeyObject;
  readonly wire: Wire;
  queues: FrameQueues;
  refs: number;
}

/** Groups of doors; the most commands in flight a lane can have is four times this. */
const GROUPS = 200;
/** Commands a door has in turn in a lane that does not look at them: more than it ever has in flight. */
const REUSED_EACH = 8;

const lanes = new Map<string, Lane>();
const wires = { ws: WebSocketWire, http: HttpWire, 'socket.io': SocketIoWire } as const;

const methods = {
  async open(request: OpenRequest): Promise<{ readonly cipher: string }> {
    const wire: Wire = await wires[request.kind].open(request);
    lanes.set(request.lane, {
      request,
      key: createPublicKey(request.publicKey),
      wire,
      queues: emptyQueues(request),
      refs: 0,
    });
    return { cipher: wire.cipher };
  },

  /** Makes commands ready, in place of those left over: an envelope is good for a minute (protocol 6.5). */
  async prepare({
    lane,
    count,
  }: {
    readonly lane: string;
    readonly count: number;
  }): Promise<{ readonly bytes: number }> {
    const known = find(lane);
    known.queues = emptyQueues(known.request);
    const { doors, kid, fresh } = known.request;
    const needed = fresh ? count : Math.min(count, REUSED_EACH * doors.count);
    let jwe = '';
    for (let index = 0; index < needed; index += 1) {
      const door = doorName(doors.prefix, index % doors.count);
      if (fresh || index === 0) jwe = makeEnvelope(known.key, kid, door);
      known.refs += 1;
      known.queues.add(index % doors.count, known.wire.render(`${lane}-${known.refs}`, door, jwe));
    }
    await known.wire.refresh?.();
    return { bytes: jwe.length };
  },

  closedLoop({ lane, load }: { readonly lane: string; readonly load: ClosedLoop }): Promise<LoadResult> {
    const { wire, queues } = find(lane);
    return runClosedLoop(wire, queues, load);
  },

  openLoop({ lane, load }: { readonly lane: string; readonly load: OpenLoop }): Promise<LoadResult> {
    const { wire, queues } = find(lane);
    return runOpenLoop(wire, queues, load);
  },

  offer({ lane, load }: { readonly lane: string; readonly load: OpenLoop }): Promise<OfferedResult> {
    const { wire, queues } = find(lane);
    return runOffered(wire, queues, load);
  },

  close({ lane }: { readonly lane: string }): void {
    lanes.get(lane)?.wire.close();
    lanes.delete(lane);
  },
};

function find(lane: string): Lane {
  const known = lanes.get(lane);
  if (known === undefined) throw new Error(`lane ${lane} is not open`);
  return known;
}

function emptyQueues({ doors, fresh }: OpenRequest): FrameQueues {
  return new FrameQueues(Math.min(GROUPS, doors.count), !fresh);
}

export type Load = typeof methods;

serve(methods);
