/** Bounds of releases and their transport, the clause behind each. Apart from the manifest's reader, which browsers have no use for. */
export const RELEASE_LIMITS = {
  imageBytes: 4 * 1024 * 1024, // 12.2
  manifestChars: 4096, // fits an offer frame of 8 KiB
  chunkBytes: 4096, // 12.4
  outstandingGets: 4, // 12.4
  doorKeys: 4, // 12.1
  notesChars: 512,
} as const;
