// Get Device ID (IPMI 2.0 §20.1, Table 20-2): network function 06h, command 01h, User.
import type { RequestOptions, Requester } from '../request.ts'
import { readAnswer } from './read-answer.ts'

export interface DeviceId {
  deviceId: number
  deviceRevision: number
  /** "9.08"; the minor part is BCD. */
  firmware: string
  /** True while the BMC updates itself or starts up. */
  busyUpdating: boolean
  /** "2.0" */
  ipmiVersion: string
  /** Enterprise number of the IANA. */
  manufacturer: number
  product: number
}

const name = 'Get Device ID'
const command = { name, netFn: 0x06, command: 0x01, kind: 'read' } as const

export async function getDeviceId(session: Requester, options?: RequestOptions): Promise<DeviceId> {
  const data = await session.request(command, options)
  return readAnswer(name, data, (reader) => {
    const [deviceId, revision, major, minor, version] = [
      reader.u8(),
      reader.u8(),
      reader.u8(),
      reader.u8(),
      reader.u8(),
    ]
    reader.u8()
    return {
      deviceId,
      deviceRevision: revision & 0x0f,
      firmware: `${major & 0x7f}.${minor.toString(16).padStart(2, '0')}`,
      busyUpdating: (major & 0x80) !== 0,
      ipmiVersion: `${version & 0x0f}.${version >> 4}`,
      manufacturer: reader.u16() | (reader.u8() << 16),
      product: reader.u16(),
    }
  })
}
