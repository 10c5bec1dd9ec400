/**
 * What relays tell each other: hints and answers only, the store holds the truth (protocol 6.7). Each room takes the kinds
 * that are its own, with a schema of its own; whatever nobody takes is for others, or of a newer relay, and is set aside.
 */
import { z } from 'zod';

import type { RelayMail } from '../store/relay-mail.js';

export interface RelayBusDependencies {
  readonly mail: Pick<RelayMail, 'onMessage' | 'toFleet' | 'toRelay'>;
  readonly relayId: string;
  readonly onError: (error: unknown, work: string) => void;
}

type Handler<M> = (message: M) => Promise<void> | void;

const kindSchema = z.object({ t: z.string() });

export class RelayBus {
  readonly #deps: RelayBusDependencies;
  readonly #handlers = new Map<string, Handler<unknown>>();
  #unsubscribe: (() => Promise<void>) | undefined;

  constructor(dependencies: RelayBusDependencies) {
    this.#deps = dependencies;
  }

  /** Takes the messages of one kind (`t`), sent to this relay or to all; before `start`, so that none is missed. */
  on<M>(kind: string, schema: z.ZodType<M>, handler: Handler<M>): void {
    if (this.#handlers.has(kind)) throw new Error(`two rooms take the messages "${kind}"`);
    this.#handlers.set(kind, (message) => handler(schema.parse(message)));
  }

  /** Subscribes, and tells the other relays that this one is there: until they know, they would call its doors offline. */
  async start(): Promise<void> {
    const { mail, relayId } = this.#deps;
    this.#unsubscribe = await mail.onMessage(relayId, (text) => void this.#receive(text));
    await mail.toFleet({ t: 'node_joined', node: relayId });
  }

  async stop(): Promise<void> {
    await this.#unsubscribe?.();
  }

  /** Sends to one relay; nobody says whether it arrived. */
  toRelay(relayId: string, message: { readonly t: string; readonly [member: string]: unknown }): Promise<void> {
    return this.#deps.mail.toRelay(relayId, message);
  }

  async #receive(text: string): Promise<void> {
    try {
      const message: unknown = JSON.parse(text);
      await this.#handlers.get(kindSchema.parse(message).t)?.(message);
    } catch (error) {
      this.#deps.onError(error, 'relay message');
    }
  }
}
