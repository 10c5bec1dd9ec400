import type { CloseName } from '../protocol/close-codes.js';
import type { UpdateOfferFrame } from '../protocol/update-frames.js';

/** A door's live socket on this relay, as updates need it; the hub implements it. */
export interface UpdateLink {
  readonly doorId: string;
  /** Names this very connection; an update is bound to it (protocol 12.4). */
  readonly conn: string;
  /** False when nothing was written: the socket is closed or closing. */
  send(frame: UpdateOfferFrame): boolean;
  sendChunk(frame: Uint8Array): boolean;
  /** True while the door has not read what it was sent. */
  readonly behind: boolean;
  close(name: CloseName): void;
}

/** The sockets of this relay that were welcomed. */
export interface UpdateLinks {
  findLink(doorId: string): UpdateLink | undefined;
}
