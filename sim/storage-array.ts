// The storage system of a simulated site, as the firmware of a machine meets it: a login by iSCSI that is let in or not, and a volume behind it. What is
// modelled is who gets what, not the protocol: that is between iPXE and a real target in e2e/volume-rack.

export interface ArrayVolume {
  readonly iqn: string
  readonly lun: number
  /** What the system on it says when it is up; empty: there is none. */
  readonly system: string
  readonly chap?: { readonly username: string; readonly password: string }
  /** The one that is let in; absent: any. */
  readonly initiator?: string
}

export interface Login {
  /** `iscsi:<host>::<port>:<LUN in hex>:<name of the target>` (RFC 4173). */
  readonly url: string
  readonly initiator: string
  readonly username: string
  readonly password: string
}

export class StorageArray {
  readonly host = 'array.sim'
  readonly port = 3260
  /** May be changed at any time. */
  readonly volumes: ArrayVolume[] = []
  /** It answers nobody. */
  isAway = false
  /** Who was let in, in their order. */
  readonly logins: { readonly initiator: string; readonly iqn: string }[] = []

  /** The volume at that address. Throws what iPXE shows of a login that failed. */
  login({ url, initiator, username, password }: Login): ArrayVolume {
    const [, host, port, lun, iqn] = /^iscsi:([^:]+)::(\d+):([0-9a-f]+):(.+)$/.exec(url) ?? []
    if (this.isAway || host !== this.host || Number(port) !== this.port) throw new Error('Connection timed out')
    const volume = this.volumes.find((each) => each.iqn === iqn)
    if (volume === undefined) throw new Error('Target not found')
    const { chap } = volume
    if (volume.initiator !== undefined && volume.initiator !== initiator) throw new Error('Operation not permitted')
    if (chap && (chap.username !== username || chap.password !== password)) throw new Error('Operation not permitted')
    if (volume.lun !== Number.parseInt(lun ?? '', 16)) throw new Error('No such device')
    this.logins.push({ initiator, iqn: volume.iqn })
    return volume
  }
}
