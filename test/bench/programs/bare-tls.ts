/** What any door costs at least: a TLS handshake, and a connection that is kept. */
import { createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';

import { TLS_SETTINGS } from '../../../src/http/tls-settings.js';
import { serve } from '../processes/worker.js';
import type { Listening, ServerFiles } from './support.js';

const kept = new Set<TLSSocket>();

const methods = {
  async start(files: ServerFiles): Promise<Listening> {
    const server = createServer(
      { ...TLS_SETTINGS, cert: files.cert, key: files.key, minVersion: 'TLSv1.3' },
      (socket) => {
        kept.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => kept.delete(socket));
        socket.resume();
      },
    );
    await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
    return { port: (server.address() as AddressInfo).port };
  },
};

export type BareTls = typeof methods;

serve(methods);
