import { RELEASE_LIMITS } from '../../protocol/release.js';
import { readTextFile } from './files.js';

/** The JWS in a manifest file; an editor's line end and blanks around it do not count. */
export function readManifestFile(path: string): string {
  return readTextFile(path, RELEASE_LIMITS.manifestChars + 64).trim();
}
