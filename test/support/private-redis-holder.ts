/** A process of its own that acquires the private redis-server of a data dir, for tests that kill it. Arguments: data dir. */
import { systemClock } from '../../src/clock.js';
import { PrivateRedis } from '../../src/store/private/private-redis.js';

const redis = await PrivateRedis.acquire(
  process.argv[2] ?? '',
  { info: () => undefined, warn: () => undefined },
  systemClock,
);
process.send?.({ url: redis.url });
process.once('message', () => {
  void redis.release().then(() => process.exit(0));
});
