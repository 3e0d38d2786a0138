// Get Chassis Status (IPMI 2.0 §28.2, Table 28-3): network function 00h, command 01h, User.
import type { RequestOptions, Requester } from '../request.ts'
import { readAnswer } from './read-answer.ts'

export interface ChassisStatus {
  power: 'on' | 'off'
  powerFault: boolean
  /** What the machine does when mains come back. */
  restorePolicy: 'stay-off' | 'as-before' | 'power-on' | 'unknown'
  driveFault: boolean
  coolingFault: boolean
}

const policies = ['stay-off', 'as-before', 'power-on', 'unknown'] as const
const name = 'Get Chassis Status'
const command = { name, netFn: 0x00, command: 0x01, kind: 'read' } as const

export async function getChassisStatus(session: Requester, options?: RequestOptions): Promise<ChassisStatus> {
  const data = await session.request(command, options)
  return readAnswer(name, data, (reader) => {
    const [current, , misc] = [reader.u8(), reader.u8(), reader.u8()]
    return {
      power: (current & 0x01) === 0 ? 'off' : 'on',
      powerFault: (current & 0x18) !== 0,
      restorePolicy: policies[(current >> 5) & 3] ?? 'unknown',
      driveFault: (misc & 0x04) !== 0,
      coolingFault: (misc & 0x08) !== 0,
    }
  })
}
