/** Lane c: the relay an afternoon with Express gives. The door's socket is found by its id, and nothing is checked. */
import express, { type Response } from 'express';

import { serve } from '../processes/worker.js';
import { listen, tlsServer, UncheckedDoors, type Listening, type ServerFiles } from './support.js';

interface Result {
  readonly id: string;
  readonly status: number;
  readonly receipt: string;
}

const waiting = new Map<string, Response>();
let commands = 0;

const doors = new UncheckedDoors({
  onResult(_data, frame) {
    const response = waiting.get(frame.id);
    waiting.delete(frame.id);
    const { status, receipt } = frame as Result;
    response?.json({ commandId: frame.id, state: 'executed', status, receipt });
  },
});

const methods = {
  start(files: ServerFiles): Promise<Listening> {
    const app = express();
    // As fast as Express gets without leaving it (facts: Express).
    app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
    app.use(express.json());
    app.post('/v1/doors/:doorId/commands', (request, response) => {
      const id = String((commands += 1));
      waiting.set(id, response);
      const { jwe } = request.body as { readonly jwe: string };
      doors.find(request.params.doorId)?.send(JSON.stringify({ t: 'command', id, jwe }));
    });
    const server = tlsServer(files);
    server.on('request', app);
    server.keepAliveTimeout = 65_000;
    doors.serveOn(server);
    return listen(server);
  },
};

export type ExpressRelay = typeof methods;

serve(methods);
