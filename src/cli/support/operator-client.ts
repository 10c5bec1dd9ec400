import { OpenLock, UnreachableError } from '../../client/index.js';
import { CommandFailure } from './failure.js';
import { localRoute, relayFetch } from './relay-client.js';
import { callableRelay } from './relay-address.js';
import type { Run } from './run.js';

export interface OperatorClient {
  readonly client: OpenLock;
  /** The door's key id from this machine's own store: out of band for the API, so a relay cannot hand out another key. */
  readonly kid: string | undefined;
}

/**
 * Talks to the running relay through its public API as the machine's own operator (protocol 11.2): with a short-lived token
 * signed by the fleet's key, which whoever can read the secrets directory may make.
 */
export async function withOperatorClient<T>(
  run: Run,
  doorId: string,
  work: (client: OperatorClient) => Promise<T>,
): Promise<T> {
  const config = run.config();
  const address = callableRelay(config);
  const { accessToken, kid } = await run.operator(async (operator) => {
    const door = await operator.doors.show(doorId);
    return { accessToken: await operator.apiToken(address.publicOrigin), kid: door.kid ?? undefined };
  });
  const client = new OpenLock({
    url: address.publicOrigin,
    tokens: { accessToken },
    fetch: relayFetch(localRoute(config, address)),
  });
  try {
    return await work({ client, kid });
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    throw new CommandFailure(
      'relay_unreachable',
      `No usable answer from the relay at ${address.host}:${address.port}: ${error.message}${cause}. Is \`openlock serve\` running with this data dir?`,
    );
  } finally {
    client.close();
  }
}
