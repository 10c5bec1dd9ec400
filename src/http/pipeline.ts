/**
 * The one way a request takes, whatever route it is for and whoever matched it: the gate (address limit, block, token,
 * bucket), origin, body, work, answer. The order is protocol 6.5's: who asks and how often comes before what is asked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clock } from '../clock.js';
import { bearerOf } from '../gate/bearer.js';
import type { Gate } from '../gate/gate.js';
import { LIMITS } from '../protocol/limits.js';
import { commonHeaders, sendAnswer, sendProblem } from './answering.js';
import { CrossOrigin } from './cross-origin.js';
import { ClientGone, type Exchange } from './exchange.js';
import { checkHost } from './host-header.js';
import { announcesBody, checkSchema, parseBody, readBody, requireJson, type BodyLimits } from './request-body.js';
import type { Answer, Route } from './route.js';
import type { HttpLog, HttpMetrics, SiteApi } from './services.js';

export interface PipelineDependencies {
  readonly gate: Gate;
  readonly sites: SiteApi;
  readonly metrics: HttpMetrics;
  readonly log: HttpLog;
  readonly clock: Clock;
  readonly allowPrivateSites: boolean;
  /** Send `Strict-Transport-Security`. */
  readonly strictTransport: boolean;
  /** How long a body may take to arrive; default 10 s. */
  readonly bodyTimeoutMs?: number;
}

export class Pipeline {
  readonly #deps: PipelineDependencies;
  readonly #crossOrigin: CrossOrigin;
  readonly #bodyLimits: BodyLimits;
  readonly #headers: readonly string[];

  constructor(dependencies: PipelineDependencies) {
    this.#deps = dependencies;
    this.#crossOrigin = new CrossOrigin(dependencies);
    const { clock, bodyTimeoutMs: milliseconds = 10_000 } = dependencies;
    this.#headers = commonHeaders(dependencies.strictTransport);
    this.#bodyLimits = { bytes: LIMITS.bodyBytes, milliseconds, clock };
  }

  /** Serves one request; never rejects, and answers in every case in which somebody is still there. */
  async serve(
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
    params: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { gate, clock, log } = this.#deps;
    const startedAt = clock.monotonic();
    const proof = route.audience === 'site' ? 'access_token' : route.id;
    const visit = gate.open(request, { work: route.id, proof, block: route.block, givesWay: route.givesWay });
    visit.door = params['doorId'];
    const headers = this.#headers;
    const exchange: Exchange = { request, response, route, params, visit, clock, headers, crossOriginDecided: false };
    try {
      sendAnswer(exchange, await this.#answer(exchange));
    } catch (error) {
      await this.#refuse(exchange, error);
    }
    const latencyMs = clock.monotonic() - startedAt;
    const status = response.headersSent ? response.statusCode : undefined;
    this.#deps.metrics.request(route.id, request.method ?? '', status, latencyMs / 1000);
    log.debug(
      {
        requestId: visit.context.requestId,
        clientRequestId: wellFormedId(request.headers['x-request-id']),
        route: route.id,
        status: response.statusCode,
        latencyMs,
      },
      'request served',
    );
  }

  async #answer(exchange: Exchange): Promise<Answer> {
    const { gate } = this.#deps;
    const { route, request, params, visit } = exchange;
    const isForSites = route.audience === 'site';
    gate.take(visit);
    checkHost(request);
    if (visit.block === 'before') await gate.refuseBlocked(visit);
    if (visit.context.origin !== undefined) await this.#crossOrigin.enter(exchange);
    const caller = isForSites ? gate.identify(visit, bearerOf(request.headers.authorization)) : undefined;
    if (caller !== undefined) await gate.admit(visit, caller, route.cost);
    visit.stage = 'body';
    const body = route.body === undefined ? undefined : await this.#body(exchange);
    visit.stage = 'work';
    // What these routes have to prove stands in the body.
    if (!isForSites) visit.tried = true;
    return route.handle({ params, body, context: visit.context, caller });
  }

  async #body(exchange: Exchange): Promise<unknown> {
    const { request, route } = exchange;
    if (route.body === undefined || (route.body.optional === true && !announcesBody(request.headers))) return undefined;
    requireJson(request.headers);
    const json = parseBody(await readBody(request, this.#bodyLimits));
    // Before the schema, so that a website can read what was wrong with its request.
    await this.#crossOrigin.enterWithBody(exchange, json);
    return checkSchema(route.body.schema, json);
  }

  async #refuse(exchange: Exchange, thrown: unknown): Promise<void> {
    if (thrown instanceof ClientGone) return;
    const { visit, response } = exchange;
    try {
      const error = await this.#deps.gate.refuse(visit, thrown);
      await this.#crossOrigin.enterRefusal(exchange, visit.stage === 'address');
      sendProblem(exchange, error);
    } catch (error) {
      // Telling failed; the connection must not be left hanging.
      this.#deps.log.error({ requestId: visit.context.requestId, err: error }, 'a refusal could not be sent');
      response.destroy();
    }
  }
}

/** An id the client chose goes into our log, if it looks like one, and nowhere else. */
function wellFormedId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : undefined;
}
