// Sensors: Reserve SDR Repository and Get SDR (IPMI 2.0 §33.11, §33.12), Get Sensor Reading (§35.14). User.
import { CodecError } from '../codec/cursor.ts'
import { type AnalogSensor, decodeSensorRecord, SENSOR_HEADER_BYTES } from '../codec/sensor-record.ts'
import { IpmiError } from '../errors.ts'
import type { RequestOptions, Requester } from '../request.ts'
import { readAnswer } from './read-answer.ts'

/** Bytes of a record that any BMC gives at once. */
const CHUNK_BYTES = 16
const LAST = 0xffff
const MAX_RECORDS = 1_000
/** The repository has changed under our hands. */
const RESERVATION_LOST = 0xc5
const RESERVATIONS = 5
const ABSENT = 0xcb

export interface SensorReading {
  readonly value: number
  /** Thresholds that are crossed (Table 35-15): bits 0 to 2 lower, 3 to 5 upper: non-critical, critical, non-recoverable. */
  readonly crossed: number
}

/** Sensors with analog readings, in the repository's order. */
export async function getSensors(session: Requester, options?: RequestOptions): Promise<AnalogSensor[]> {
  for (let tries = 1; ; tries++)
    try {
      return await walk(session, options)
    } catch (error) {
      const isLost = error instanceof IpmiError && error.completionCode === RESERVATION_LOST
      if (!isLost || tries === RESERVATIONS) throw error
    }
}

async function walk(session: Requester, options: RequestOptions | undefined): Promise<AnalogSensor[]> {
  const reservation = await reserve(session, options)
  const found: AnalogSensor[] = []
  const seen = new Set<number>()
  for (let id = 0; id !== LAST;) {
    if (seen.has(id) || seen.size === MAX_RECORDS) throw new IpmiError('protocol', 'the SDR repository has no end')
    seen.add(id)
    const got = await getRecord(session, reservation, id, options).catch((error: unknown) => {
      // A repository with nothing in it has no first record either.
      if (id === 0 && error instanceof IpmiError && error.completionCode === ABSENT) return undefined
      throw error
    })
    if (got === undefined) return found
    const { next, record } = got
    try {
      const sensor = decodeSensorRecord(record)
      if (sensor) found.push(sensor)
    } catch (error) {
      // One that its maker got wrong is left out.
      if (!(error instanceof CodecError)) throw error
    }
    id = next
  }
  return found
}

async function reserve(session: Requester, options: RequestOptions | undefined): Promise<number> {
  const name = 'Reserve SDR Repository'
  const data = await session.request({ name, netFn: 0x0a, command: 0x22, kind: 'read' }, options)
  return readAnswer(name, data, (reader) => reader.u16())
}

async function getRecord(
  session: Requester,
  reservation: number,
  id: number,
  options: RequestOptions | undefined,
): Promise<{ next: number; record: Uint8Array }> {
  const header = await getPart(session, reservation, { id, offset: 0, count: SENSOR_HEADER_BYTES }, options)
  const length = SENSOR_HEADER_BYTES + (header.bytes[SENSOR_HEADER_BYTES - 1] ?? 0)
  const parts = [header.bytes]
  for (let offset = SENSOR_HEADER_BYTES; offset < length; offset += CHUNK_BYTES) {
    const count = Math.min(CHUNK_BYTES, length - offset)
    parts.push((await getPart(session, reservation, { id, offset, count }, options)).bytes)
  }
  return { next: header.next, record: Buffer.concat(parts) }
}

async function getPart(
  session: Requester,
  reservation: number,
  { id, offset, count }: { id: number; offset: number; count: number },
  options: RequestOptions | undefined,
): Promise<{ next: number; bytes: Uint8Array }> {
  const name = 'Get SDR'
  const data = Uint8Array.of(reservation & 0xff, reservation >> 8, id & 0xff, id >> 8, offset, count)
  const answer = await session.request({ name, netFn: 0x0a, command: 0x23, data, kind: 'read' }, options)
  return readAnswer(name, answer, (reader) => ({ next: reader.u16(), bytes: reader.take(count) }))
}

/** Undefined: it has none now. */
export async function getSensorReading(
  session: Requester,
  { number, value }: AnalogSensor,
  options?: RequestOptions,
): Promise<SensorReading | undefined> {
  const name = `Get Sensor Reading (${number})`
  const command = { name, netFn: 0x04, command: 0x2d, data: Uint8Array.of(number), kind: 'read' } as const
  let answer: Uint8Array
  try {
    answer = await session.request(command, options)
  } catch (error) {
    if (error instanceof IpmiError && error.completionCode === ABSENT) return undefined
    throw error
  }
  return readAnswer(name, answer, (reader) => {
    const [raw, flags] = [reader.u8(), reader.u8()]
    const crossed = reader.remaining > 0 ? reader.u8() & 0x3f : 0
    const isThere = (flags & 0x40) !== 0 && (flags & 0x20) === 0
    const found = isThere ? value(raw) : undefined
    return found === undefined || !Number.isFinite(found) ? undefined : { value: found, crossed }
  })
}
