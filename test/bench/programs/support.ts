/** What the relays without checks share: one TLS server, and the doors' sockets in a map. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

import { WebSocketServer, type RawData, type WebSocket } from 'ws';

import { TLS_SETTINGS } from '../../../src/http/tls-settings.js';

export interface ServerFiles {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Listening {
  readonly port: number;
}

export const listen = async (server: Server, port = 0): Promise<Listening> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 4096 }, resolve);
  });
  return { port: (server.address() as AddressInfo).port };
};

/** With the bounds OpenLock has (facts: ws): they cost nothing, and memory is compared. */
const webSocketServer = (): WebSocketServer =>
  new WebSocketServer({
    noServer: true,
    maxPayload: 16 * 1024,
    perMessageDeflate: false,
    maxFragments: 16,
    clientTracking: false,
  });

export interface SocketHandlers {
  /** A door's answer, as it came. */
  readonly onResult: (data: RawData, frame: { readonly id: string }) => void;
  /** A socket that is not a door's. */
  readonly onClient?: (socket: WebSocket) => void;
}

/** Doors by id. They are believed whatever they say: no token, no session, no store. */
export class UncheckedDoors {
  readonly #sockets = new Map<string, WebSocket>();
  readonly #handlers: SocketHandlers;

  constructor(handlers: SocketHandlers) {
    this.#handlers = handlers;
  }

  find(doorId: string): WebSocket | undefined {
    return this.#sockets.get(doorId);
  }

  serveOn(server: Server): void {
    const sockets = webSocketServer();
    server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        const doorId = request.headers['x-openlock-door'];
        ws.on('error', () => undefined);
        if (typeof doorId === 'string') this.#adopt(doorId, ws);
        else this.#handlers.onClient?.(ws);
      });
    });
  }

  #adopt(doorId: string, socket: WebSocket): void {
    this.#sockets.set(doorId, socket);
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as { readonly t: string; readonly id: string };
      if (frame.t === 'result') this.#handlers.onResult(data, frame);
      else if (frame.t === 'hello')
        socket.send(JSON.stringify({ t: 'welcome', door: doorId, epoch: 1, time: Date.now(), keepAliveSeconds: 10 }));
      else if (frame.t === 'keepalive') socket.send(JSON.stringify({ t: 'keepalive', time: Date.now() }));
    });
    socket.on('close', () => this.#sockets.delete(doorId));
  }
}

export const tlsServer = (files: ServerFiles): Server =>
  createServer({ ...TLS_SETTINGS, cert: files.cert, key: files.key, minVersion: 'TLSv1.3' });
