/** What the outer process prepared. */
export interface RackDemo {
  readonly ramdisk: {
    readonly kernel: string
    readonly initrd: string
  }
  readonly image: {
    readonly path: string
    readonly sha256: string
    readonly format: 'raw' | 'qcow2'
  }
  readonly automatedClean: boolean
  /** Where console, logs and databases go; default: the rack's own folder, which is removed at the end. */
  readonly keep?: string
}
