// Layers of the deploy ramdisk: programs that are too large to be in it always, by the steps that need them (docs/adr/0022).

export const LAYERS = ['burnin', 'containers'] as const
export type LayerName = (typeof LAYERS)[number]

/** Where an agent gets one: http from its conductor, and judged by its digest. */
export interface LayerSource {
  readonly url: string
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string
}

/** By the names of an agent's steps. */
export const LAYER_OF: Readonly<Record<string, LayerName>> = {
  burnin_cpu: 'burnin',
  burnin_memory: 'burnin',
  burnin_disk: 'burnin',
  burnin_network: 'burnin',
  execute_bootc_install: 'containers',
}

/** How a conductor's folder and the builder call it. */
export const layerFile = (name: LayerName): string => `${name}.cpio.zst`
