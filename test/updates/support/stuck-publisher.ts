/**
 * A process of its own that publishes an image and stops in the middle of the upload, for a test that kills it there.
 * Arguments: URL of Redis, manifest, file of the image, bytes after which it stops. Sends 'stuck' to its parent.
 */
import { readFileSync } from 'node:fs';

import { systemClock } from '../../../src/clock.js';
import { RedisLink } from '../../../src/store/redis-link.js';
import { releaseDesk } from './releases.js';

const [url = '', manifest = '', path = '', stopAfter = ''] = process.argv.slice(2);
const image = readFileSync(path);
const link = await RedisLink.open({ clock: systemClock, url, clientName: 'stuck', commandTimeoutMs: 2000 });
let reads = 0;
await releaseDesk(link).service.publish({
  manifest,
  image: {
    async *read() {
      reads += 1;
      const isUpload = reads === 2;
      if (!isUpload) {
        yield image;
        return;
      }
      yield image.subarray(0, Number(stopAfter));
      process.send?.('stuck');
      await new Promise((resolve) => setTimeout(resolve, 3_600_000));
    },
  },
});
