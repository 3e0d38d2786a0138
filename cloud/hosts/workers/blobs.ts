// Blobs in R2.
import type { Blobs } from '../../ports.ts'

export class BucketBlobs implements Blobs {
  readonly #bucket: R2Bucket

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.#bucket.put(key, value)
  }

  async get(key: string): Promise<Uint8Array | null> {
    const object = await this.#bucket.get(key)
    return object && new Uint8Array(await object.arrayBuffer())
  }

  async delete(key: string): Promise<void> {
    await this.#bucket.delete(key)
  }
}
