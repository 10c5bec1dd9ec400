/** A door socket whose every frame the test writes itself. */
import type { WebSocket } from 'ws';

import { DEFAULT_SETTINGS } from '../../../src/simulator/settings.js';
import { register } from '../../../src/simulator/registration.js';
import { RelayTransport } from '../../../src/simulator/transport.js';
import type { DoorIdentity } from '../../../src/simulator/identity.js';
import type { Reachable } from './relay-process.js';

export const RAW_FIRMWARE = { version: '1.0.0', board: 'raw', securityVersion: 0 };

export class RawDoor {
  readonly frames: Record<string, unknown>[] = [];
  readonly closed: Promise<number>;
  readonly #checks = new Set<() => void>();

  private constructor(
    readonly doorId: string,
    readonly socket: WebSocket,
  ) {
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString('utf8')) as Record<string, unknown>);
      for (const check of [...this.#checks]) check();
    });
  }

  /** Registers; resolves with the headers an upgrade needs. */
  static async session(
    relay: Reachable,
    doorId: string,
    identity: DoorIdentity,
    enrolmentToken?: string,
  ): Promise<Record<string, string>> {
    const transport = new RelayTransport();
    const settings = {
      ...DEFAULT_SETTINGS,
      doorId,
      serverAddress: relay.url,
      caCertificate: relay.ca,
      doorPassword: 'unused-here',
      ...(enrolmentToken !== undefined && { enrolmentToken }),
    };
    const registered = await register(transport, { settings, identity, rotateFrom: undefined, firmware: RAW_FIRMWARE });
    transport.close();
    if (!registered.ok) throw new Error(registered.refusal.detail);
    return { authorization: `Bearer ${registered.answer.sessionToken}`, 'x-openlock-door': doorId };
  }

  /** Opens the socket and says nothing. */
  static async open(relay: Reachable, headers: Record<string, string>): Promise<RawDoor> {
    const socket = new RelayTransport().dial(relay.url, '/v1/devices/socket', headers, relay.ca);
    const door = new RawDoor(headers['x-openlock-door'] ?? '', socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return door;
  }

  /** Opens the socket and waits for the welcome. */
  static async live(relay: Reachable, headers: Record<string, string>): Promise<RawDoor> {
    const door = await RawDoor.open(relay, headers);
    door.send({ t: 'hello', boot: 'raw-boot', epoch: 0, firmware: RAW_FIRMWARE });
    await door.frame('welcome');
    return door;
  }

  send(frame: object | string | Buffer): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** The first frame of this kind, past or future. */
  frame(t: string): Promise<Record<string, unknown>> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.frames.find((frame) => frame['t'] === t);
        if (found === undefined) return;
        this.#checks.delete(check);
        resolve(found);
      };
      this.#checks.add(check);
      check();
    });
  }

  close(): void {
    this.socket.terminate();
  }
}
