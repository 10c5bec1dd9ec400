import type { RelayFrame } from '../protocol/door-frames.js';

/** A door's live socket on this relay, as commands need it; the hub implements it. */
export interface DoorLink {
  readonly doorId: string;
  /** Names this very connection; a claim is for it and no other (protocol 6.7). */
  readonly conn: string;
  /** False when nothing was written: the socket is closed or closing. */
  send(frame: RelayFrame): boolean;
}

/** The sockets of this relay that were welcomed. */
export interface DoorLinks {
  find(doorId: string): DoorLink | undefined;
}
