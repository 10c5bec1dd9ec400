/** The HTTP API: the table of all routes, and the handler that serves them (protocol 2 to 4, 7). */
import { openApiDocument } from './openapi.js';
import { Pipeline, type PipelineDependencies } from './pipeline.js';
import type { Route } from './route.js';
import { createRouter, type RequestHandler } from './router.js';
import { authRoutes } from './routes/auth.js';
import { deviceRoutes } from './routes/devices.js';
import { commandRoutes, doorRoutes } from './routes/doors.js';
import { serviceRoutes, upgradeRoutes } from './routes/service.js';
import type { CommandApi, DoorApi, OperatorApi, Readiness } from './services.js';

export interface HttpApiDependencies extends Omit<PipelineDependencies, 'strictTransport'> {
  readonly operators: OperatorApi;
  readonly doors: DoorApi;
  readonly commands: CommandApi;
  readonly readiness: Readiness;
  /** This relay speaks TLS itself (`OPENLOCK_TLS`). */
  readonly tls: boolean;
  /** `OPENLOCK_PUBLIC_URL`'s origins; they become the document's servers. */
  readonly publicOrigins: readonly string[];
}

export class HttpApi {
  /** For `createListener`, or any `http.createServer`. */
  readonly handler: RequestHandler;
  /** Every route there is; the OpenAPI document is made of it. */
  readonly routes: readonly Route[];

  constructor(dependencies: HttpApiDependencies) {
    const { sites, operators, doors, commands, readiness, publicOrigins } = dependencies;
    let document: object | undefined;
    this.routes = [
      ...serviceRoutes({
        sites,
        readiness,
        document: () => (document ??= openApiDocument(this.routes, publicOrigins)),
      }),
      ...authRoutes(sites, operators),
      ...deviceRoutes(doors),
      ...doorRoutes(doors),
      ...commandRoutes(commands),
      ...upgradeRoutes(),
    ];
    dependencies.metrics.serves(
      this.routes.map(({ id, method, answers }) => ({ id, method, statuses: Object.keys(answers).map(Number) })),
    );
    const strictTransport = dependencies.tls && publicOrigins.every(mayPinTransport);
    this.handler = createRouter(this.routes, new Pipeline({ ...dependencies, strictTransport }));
  }
}

/** HSTS counts for a whole host: on localhost it would take plain http away from everything else on the machine. */
function mayPinTransport(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === 'https:' && hostname !== 'localhost' && !hostname.endsWith('.localhost');
}
