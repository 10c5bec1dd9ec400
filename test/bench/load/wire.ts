/** How a lane's commands travel, as the load sees it. */

/** A command ready to be sent: everything that costs was done before the clock ran. */
export interface Frame {
  readonly ref: string;
  readonly door: string;
  /** What is written, or the envelope alone where a library does the writing. */
  readonly text: string;
}

/** `problem`: why there was no good answer; `undefined` when there was one. `retryAfterMs`: when to come again, where that was said. */
export type Done = (problem: string | undefined, retryAfterMs?: number) => void;

export interface Wire {
  /** The cipher every byte of it is under. */
  readonly cipher: string;
  render(ref: string, door: string, jwe: string): Frame;
  /** Sends; `done` is called once. */
  send(frame: Frame, done: Done): void;
  /** Called between turns, with nothing in flight. */
  refresh?(): Promise<void>;
  close(): void;
}

export interface WireSettings {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  /** Connections; HTTP carries one command at a time on each. */
  readonly connections: number;
  /** Access token; relays without checks do not look at it. */
  readonly token: string;
}
