import { commandAnswerSchema, doorStatusAnswerSchema, type DoorStatusAnswer } from '../protocol/api.js';
import { OpenLockError } from '../protocol/problem.js';
import { doorPath, type ApiClient } from './api-client.js';
import type { CommandTransport, RelayAnswer, SendOptions } from './commander.js';
import { readAnswer } from './session.js';

/** Commands over HTTP (protocol 7.3, 7.5). */
export class HttpCommands implements CommandTransport {
  readonly #api: ApiClient;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async submit(doorId: string, jwe: string, options: SendOptions): Promise<RelayAnswer> {
    try {
      return readAnswer(
        commandAnswerSchema,
        await this.#api.request({ method: 'POST', path: `${doorPath(doorId)}/commands`, body: { jwe }, ...options }),
      );
    } catch (error) {
      if (error instanceof OpenLockError && error.code === 'door_refused') return refusalOf(error);
      throw error;
    }
  }

  async status(doorId: string, options: SendOptions): Promise<DoorStatusAnswer> {
    return readAnswer(
      doorStatusAnswerSchema,
      await this.#api.request({ method: 'GET', path: `${doorPath(doorId)}/status`, ...options }),
    );
  }
}

/** The door's no is an answer like its yes; its receipt says why. */
function refusalOf(error: OpenLockError): RelayAnswer {
  const { commandId, state, receipt } = error.extras;
  return { commandId: commandId ?? '', state: state ?? 'refused', status: 400, receipt };
}
