/**
 * A door's live connection, from both sides. A channel (WebSocket today) implements `DoorChannel` and knows no more of the
 * house; whoever has something for a door looks its `DoorLink` up in `DoorLinks` and never learns what carries it.
 */
import type { CloseReason } from '../protocol/close-codes.js';
import type { DoorFrame, RelayFrame } from '../protocol/door-frames.js';

/** A frame as a channel read it; of a kind that a newer door knows and this relay does not, only that (protocol 2.1). */
export type ReceivedFrame = DoorFrame | { readonly t: 'unknown' };

/** What a channel tells. */
export interface DoorChannelListener {
  frame(frame: ReceivedFrame): void;
  /** True for a frame this relay asked the door for: a channel does not count it against the budget of 5.2. */
  expects(frame: DoorFrame): boolean;
  /** It is closed; `word` is what the channel calls the reason (a close code), for the audit trail. */
  closed(word: string): void;
}

/** What carries frames to one door and back. */
export interface DoorChannel {
  /** Writes one frame; false when nothing was written: it is closed or closing. */
  send(frame: RelayFrame): boolean;
  /** As `send`, the block of an image (protocol 12.4). */
  sendBytes(frame: Uint8Array): boolean;
  /** True while the door has not read what it was sent. */
  readonly behind: boolean;
  /** Says why and ends it, within seconds also against the door's will. */
  close(reason: CloseReason): void;
  /** Ends it at once, without a word. */
  terminate(): void;
  /** Called once; nothing is read before. */
  listen(listener: DoorChannelListener): void;
}

/** A door that was welcomed on this relay. */
export interface DoorLink extends Pick<DoorChannel, 'send' | 'sendBytes' | 'behind' | 'close'> {
  readonly doorId: string;
  /** Names this very connection; a claim or an update is for it and no other (protocol 6.7, 12.4). */
  readonly conn: string;
}

/** The doors that are live on this relay. */
export interface DoorLinks {
  find(doorId: string): DoorLink | undefined;
}
