// A full sensor record of the SDR repository (IPMI 2.0 §43.1, Table 43-1), as far as a reading of an analog sensor needs it.
//   header: record id 2 | version | type | length of the rest
//   body:   owner | LUN | number | entity | instance | 2 | sensor type | reading type | 6 masks | units 3 | linearization | M, tolerance | B, accuracy | … |
//           exponents | 17 | name's type and length | name
import { CodecError, Reader } from './cursor.ts'

export const SENSOR_HEADER_BYTES = 5
const FULL = 0x01
const THRESHOLDS = 0x01

export interface AnalogSensor {
  readonly number: number
  readonly name: string
  /** "7.1": entity and instance. */
  readonly entity: string
  /** Table 42-3. */
  readonly type: number
  /** Table 43-15. */
  readonly unit: number
  /** What a raw reading is, in the sensor's unit. Undefined: nobody but its maker knows (a linearization of its own). */
  value(raw: number): number | undefined
  /** How much it may be off by, in the same unit. */
  readonly tolerance: number
}

/** Undefined: a record of something else, or of a sensor without analog readings. Throws CodecError. */
export function decodeSensorRecord(record: Uint8Array): AnalogSensor | undefined {
  const header = new Reader(record, 'sensor record')
  header.skip(3)
  const [type, length] = [header.u8(), header.u8()]
  if (type !== FULL) return undefined
  const body = new Reader(header.take(length), 'full sensor record')
  body.skip(2)
  const [number, entity, instance] = [body.u8(), body.u8(), body.u8()]
  body.skip(2)
  const [sensorType, readingType] = [body.u8(), body.u8()]
  body.skip(6)
  const [units, unit] = [body.u8(), body.u8()]
  body.skip(1)
  const linearization = body.u8() & 0x7f
  const [m, mHigh, b, bHigh] = [body.u8(), body.u8(), body.u8(), body.u8()]
  body.skip(1)
  const exponents = body.u8()
  body.skip(17)
  const name = nameOf(body)
  const format = units >> 6
  if (readingType !== THRESHOLDS || format === 3) return undefined
  const multiplier = signed(m | ((mHigh & 0xc0) << 2), 10)
  const scale = 10 ** signed(exponents >> 4, 4)
  const offset = signed(b | ((bHigh & 0xc0) << 2), 10) * 10 ** signed(exponents & 0x0f, 4)
  return {
    number,
    name,
    entity: `${entity}.${instance & 0x7f}`,
    type: sensorType,
    unit,
    tolerance: Math.abs(multiplier * ((mHigh & 0x3f) / 2) * scale),
    value: (raw) => linear[linearization]?.((multiplier * number8(raw, format) + offset) * scale),
  }
}

/** Table 43-1, byte 24. */
const linear: { readonly [code: number]: (x: number) => number } = {
  0: (x) => x,
  1: Math.log,
  2: Math.log10,
  3: Math.log2,
  4: Math.exp,
  5: (x) => 10 ** x,
  6: (x) => 2 ** x,
  7: (x) => 1 / x,
  8: (x) => x ** 2,
  9: (x) => x ** 3,
  10: Math.sqrt,
  11: Math.cbrt,
}

/** 0 unsigned, 1 one's complement, 2 two's complement. */
function number8(raw: number, format: number): number {
  if (format === 0 || raw < 0x80) return raw
  return format === 1 ? raw - 0xff : raw - 0x100
}

function signed(value: number, bits: number): number {
  return value >= 1 << (bits - 1) ? value - (1 << bits) : value
}

/** 8-bit ASCII is the only kind that is found (§43.15); others keep their bytes. */
function nameOf(body: Reader): string {
  const length = body.u8() & 0x1f
  const text = Buffer.from(body.take(Math.min(length, body.remaining))).toString('latin1')
  const name = text.replaceAll(/[^\x20-\x7e]/g, '').trim()
  if (name === '') throw new CodecError('full sensor record: no name')
  return name
}
