/**
 * A route is one value: what it is called by, who may call it, what it takes and gives, and the work. The pipeline serves
 * it, the OpenAPI document describes it, and nothing about it is said twice.
 */
import type { z } from 'zod';

import type { BlockRule } from '../gate/visit.js';
import type { Caller, RequestContext } from '../principal.js';
import type { ProblemCode } from '../protocol/problem.js';

/** `site` needs an access token; `auth` and `device` prove something in the body; `public` takes all comers. */
export type Audience = 'public' | 'auth' | 'site' | 'device';

/**
 * Which browsers are answered (protocol 3.6). `known`: those of verified, unblocked sites. `website`: the origin the body
 * asks for. `login`: the origin of the login the body names. `refused`: none, a request with `Origin` is turned away.
 */
export type CrossOriginRule = 'known' | 'website' | 'login' | 'refused';

export interface BodySpec<Body> {
  /** Its name in the OpenAPI document. */
  readonly name: string;
  readonly schema: z.ZodType<Body>;
  /** True: the request may come without a body. */
  readonly optional?: boolean;
}

export interface AnswerSpec {
  readonly description: string;
  readonly name?: string;
  readonly schema?: z.ZodType;
}

export interface Call<Body = unknown> {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly context: RequestContext;
  /** Present exactly for routes of the audience `site`. */
  readonly caller: Caller | undefined;
}

export interface SiteCall<Body = unknown> extends Call<Body> {
  readonly caller: Caller;
}

export interface Answer {
  readonly status: number;
  /** Becomes JSON; absent: no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface RouteFacts<Body> {
  /** `ANY` stands behind all others of its path and is not described. */
  readonly method: 'GET' | 'POST' | 'OPTIONS' | 'ANY';
  /** Express template with `:name` parameters. */
  readonly path: string;
  /** The operation's id, and its name in metrics. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly body?: BodySpec<Body>;
  /** By HTTP status; problems are not listed here but in `problems`. */
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Codes the work itself may refuse with; those of the pipeline are added by the document (`openapi-problems.ts`). */
  readonly problems?: readonly ProblemCode[];
  readonly crossOrigin?: CrossOriginRule;
  readonly block?: BlockRule;
  /** True: matched before Express (the command route's speed); everything else about it stays the same. */
  readonly hot?: boolean;
  /** True: refused first when the relay has too much to do (protocol 8.1). */
  readonly givesWay?: boolean;
}

export interface Route extends Required<Omit<RouteFacts<unknown>, 'body' | 'description'>> {
  readonly description: string | undefined;
  readonly body: BodySpec<unknown> | undefined;
  readonly audience: Audience;
  /** What a call takes from the site's bucket (protocol 8.1); 0 checks the session alone. */
  readonly cost: number;
  /** For `OPTIONS`: the methods a browser may use here. */
  readonly allow: readonly string[];
  readonly handle: (call: Call) => Answer | Promise<Answer>;
}

export interface RouteSpec<Body> extends RouteFacts<Body> {
  readonly audience: Exclude<Audience, 'site'>;
  readonly allow?: readonly string[];
  readonly handle: (call: Call<Body>) => Answer | Promise<Answer>;
}

export interface SiteRouteSpec<Body> extends RouteFacts<Body> {
  readonly cost?: number;
  readonly handle: (call: SiteCall<Body>) => Answer | Promise<Answer>;
}

/** A route that needs no access token. */
export function openRoute<Body>(spec: RouteSpec<Body>): Route {
  const crossOrigin = spec.audience === 'device' ? 'refused' : 'known';
  const block = spec.audience === 'auth' ? 'before' : 'none';
  // The pipeline has parsed the body with this very schema.
  return { ...DEFAULTS, crossOrigin, block, ...spec, handle: (call) => spec.handle(call as Call<Body>) };
}

/** A route marked (site) in the protocol. */
export function siteRoute<Body>(spec: SiteRouteSpec<Body>): Route {
  return {
    ...DEFAULTS,
    ...spec,
    audience: 'site',
    handle: (call) => {
      if (call.caller === undefined) throw new Error(`${spec.id} was served without a caller`);
      return spec.handle(call as SiteCall<Body>);
    },
  };
}

const DEFAULTS = {
  description: undefined,
  body: undefined,
  problems: [],
  crossOrigin: 'known',
  block: 'none',
  hot: false,
  givesWay: false,
  cost: 1,
  allow: [],
} as const;
