// Layers of the deploy ramdisk (docs/adr/0022): files of this host that agents fetch when a step needs what is in one. Debian's programs and nothing secret.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { layerFile, type LayerName, type LayerSource } from '../../shared/layers.ts'

export interface LayersOptions {
  readonly folder: string
  /** Serves a file to machines; answers its URL. */
  serve(path: string): string
  withdraw(url: string): void
}

interface Served {
  /** Of the file when it was read. */
  readonly state: string
  readonly source: Promise<LayerSource>
}

export class RamdiskLayers {
  readonly #options: LayersOptions
  readonly #served = new Map<LayerName, Served>()

  constructor(options: LayersOptions) {
    this.#options = options
  }

  /** Undefined where this host does not have it. A file that was replaced is another layer. */
  async get(name: LayerName): Promise<LayerSource | undefined> {
    const path = join(this.#options.folder, layerFile(name))
    const facts = await stat(path).catch(() => undefined)
    if (facts === undefined) return undefined
    const state = `${facts.ino} ${facts.size} ${facts.mtimeMs}`
    const known = this.#served.get(name)
    if (known?.state === state) return await known.source
    const source = this.#read(path)
    this.#served.set(name, { state, source })
    source.catch(() => this.#served.delete(name))
    known?.source.then(({ url }) => this.#options.withdraw(url)).catch(() => {})
    return await source
  }

  async #read(path: string): Promise<LayerSource> {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    return { sha256: hash.digest('hex'), url: this.#options.serve(path) }
  }
}
