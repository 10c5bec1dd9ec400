/** The lanes, side by side. */
import type { WireKind } from './programs/load.js';

export type LaneId = 'a' | 'b-always' | 'b-everysec' | 'b-other' | 'c' | 'd' | 'e';
export type RelayKind = 'raw' | 'openlock-always' | 'openlock-everysec' | 'openlock-other' | 'express' | 'socket.io';

export interface LaneDefinition {
  readonly id: LaneId;
  readonly title: string;
  readonly relay: RelayKind;
  readonly wire: WireKind;
  readonly checked: boolean;
}

export const LANES: readonly LaneDefinition[] = [
  { id: 'a', title: 'raw two-hop ws relay, no checks', relay: 'raw', wire: 'ws', checked: false },
  {
    id: 'b-always',
    title: 'OpenLock, client socket, appendfsync always',
    relay: 'openlock-always',
    wire: 'ws',
    checked: true,
  },
  {
    id: 'b-everysec',
    title: 'OpenLock, client socket, appendfsync everysec',
    relay: 'openlock-everysec',
    wire: 'ws',
    checked: true,
  },
  {
    id: 'b-other',
    title: 'OpenLock, client socket, doors at another relay (relay: both), appendfsync always',
    relay: 'openlock-other',
    wire: 'ws',
    checked: true,
  },
  { id: 'c', title: 'bare Express relay, no checks', relay: 'express', wire: 'http', checked: false },
  { id: 'd', title: 'OpenLock, HTTP, appendfsync always', relay: 'openlock-always', wire: 'http', checked: true },
  {
    id: 'e',
    title: 'socket.io, Redis adapter, emitWithAck, no checks',
    relay: 'socket.io',
    wire: 'socket.io',
    checked: false,
  },
];
