/**
 * Lane e: socket.io as its documentation has it for more than one server: the Redis adapter, a room for each door, and
 * `emitWithAck` on both hops. WebSocket only. Nothing is checked.
 */
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

import { serve } from '../processes/worker.js';
import { listen, tlsServer, type Listening, type ServerFiles } from './support.js';

const TIMEOUT_MS = 5000;

const methods = {
  async start({
    redis,
    ...files
  }: ServerFiles & {
    readonly redis: { readonly path: string; readonly username: string; readonly password: string };
  }): Promise<Listening> {
    const publisher = new Redis(redis);
    const server = tlsServer(files);
    const io = new Server(server, {
      transports: ['websocket'],
      serveClient: false,
      adapter: createAdapter(publisher, publisher.duplicate()),
    });
    io.on('connection', (socket) => {
      const { door } = socket.handshake.auth as { readonly door?: string };
      if (door !== undefined) void socket.join(door);
      socket.on('command', (doorId: string, jwe: string, answer: (result: unknown) => void) => {
        void io
          .to(doorId)
          .timeout(TIMEOUT_MS)
          .emitWithAck('command', jwe)
          .then(
            (results: unknown[]) => answer(results[0]),
            () => answer({ status: 504 }),
          );
      });
    });
    return listen(server);
  },
};

export type SocketIoRelay = typeof methods;

serve(methods);
