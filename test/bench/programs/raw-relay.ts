/**
 * Lane a, and the bare ws+TLS server memory is compared with: two hops and nothing else. Frames are parsed to know where
 * they go and passed on as they came; nothing is checked, stored or counted.
 */
import type { WebSocket } from 'ws';

import { serve } from '../processes/worker.js';
import { listen, tlsServer, UncheckedDoors, type Listening, type ServerFiles } from './support.js';

const waiting = new Map<string, WebSocket>();

const doors = new UncheckedDoors({
  onResult(data, frame) {
    const client = waiting.get(frame.id);
    waiting.delete(frame.id);
    client?.send(data, { binary: false });
  },
  onClient(client) {
    client.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as { readonly ref: string; readonly door: string };
      waiting.set(frame.ref, client);
      doors.find(frame.door)?.send(data, { binary: false });
    });
  },
});

const methods = {
  start(files: ServerFiles): Promise<Listening> {
    const server = tlsServer(files);
    doors.serveOn(server);
    return listen(server);
  },
};

export type RawRelay = typeof methods;

serve(methods);
