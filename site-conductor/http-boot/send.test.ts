import { describe, expect, it } from 'vitest'
import { chunkBytesFor } from './send.ts'

describe('chunk size', () => {
  it('keeps what many transfers hold together within bounds', () => {
    expect([0, 1, 32, 64, 256, 1000].map((count) => chunkBytesFor(count) / 1024)).toEqual([512, 512, 512, 256, 64, 64])
    for (let count = 1; count <= 256; count++) expect(2 * count * chunkBytesFor(count)).toBeLessThanOrEqual(32 << 20)
  })
})
