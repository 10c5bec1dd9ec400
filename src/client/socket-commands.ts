import type { DoorStatusAnswer } from '../protocol/api.js';
import type { RelayToClientFrame } from '../protocol/client-frames.js';
import type { CommandTransport, RelayAnswer, SendOptions } from './commander.js';
import { UnreachableError } from './errors.js';
import type { RelaySocket } from './relay-socket.js';

/** Commands over the client socket (protocol 7.7). */
export class SocketCommands implements CommandTransport {
  readonly #socket: RelaySocket;

  constructor(socket: RelaySocket) {
    this.#socket = socket;
  }

  async submit(doorId: string, jwe: string, options: SendOptions): Promise<RelayAnswer> {
    const frame = await this.#socket.request({ t: 'command', door: doorId, jwe }, options);
    return expectFrame(frame, 'result');
  }

  async status(doorId: string, options: SendOptions): Promise<DoorStatusAnswer> {
    const { online, live, state, at } = expectFrame(
      await this.#socket.request({ t: 'status', door: doorId }, options),
      'status',
    );
    return { online, live, state, at };
  }
}

function expectFrame<T extends RelayToClientFrame['t']>(
  frame: RelayToClientFrame,
  type: T,
): Extract<RelayToClientFrame, { t: T }> {
  if (frame.t !== type)
    throw new UnreachableError(
      'bad_answer',
      `the relay answered with a frame "${frame.t}" where "${type}" belongs`,
      true,
    );
  return frame as Extract<RelayToClientFrame, { t: T }>;
}
