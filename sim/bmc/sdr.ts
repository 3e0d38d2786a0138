// A BMC's sensors: their records (IPMI 2.0 §43.1, full sensor record), the repository that has them (§33), and their readings (§35.14).
import type { Answer } from './commands.ts'

export interface SimSensor {
  readonly number: number
  readonly name: string
  /** Table 42-3: 1 temperature, 2 voltage, 4 fan, 8 power supply. */
  readonly type: number
  /** Table 43-15: 1 degrees C, 4 Volts, 6 Watts, 18 RPM. */
  readonly unit: number
  /** Table 43-1: 0 unsigned, 2 two's complement. */
  readonly format?: 0 | 2
  readonly m: number
  readonly b?: number
  readonly bExponent?: number
  readonly exponent?: number
  /** 3h for a discrete sensor; default 1, thresholds. */
  readonly readingType?: number
  /** Undefined: it has no reading now. */
  raw?: number | undefined
  /** Bits of the thresholds that are crossed (Table 35-15). */
  crossed?: number
}

/** As `main_sdr_add` of ipmi_sim takes it, too. */
export function sensorRecord(id: number, sensor: SimSensor): Buffer {
  const { number, name, type, unit, format = 0, m, b = 0, bExponent = 0, exponent = 0, readingType = 1 } = sensor
  const record = Buffer.alloc(48 + name.length)
  record.writeUInt16LE(id)
  record.set([0x51, 0x01, record.length - 5, 0x20, 0, number, 7, 1, 0x7f, 0x68, type, readingType], 2)
  record.set([format << 6, unit, 0, 0, m & 0xff, (m >> 2) & 0xc0, b & 0xff, (b >> 2) & 0xc0, 0], 20)
  record[29] = ((exponent & 0x0f) << 4) | (bExponent & 0x0f)
  record[47] = 0xc0 | name.length
  record.write(name, 48, 'latin1')
  return record
}

/** May be changed at any time. */
export class Sensors {
  list: SimSensor[] = []
  /** Bytes of a record that it gives at once: many give few. */
  most = 16
  /** Somebody changes the repository after so many reads: what was reserved is void. */
  changesAfter = Infinity
  #reservation = 0

  reserve(): Answer {
    return { data: [++this.#reservation & 0xff, this.#reservation >> 8] }
  }

  getRecord(data: Uint8Array): Answer {
    const [reservation, id, offset = 0, wanted = 0] = [word(data, 0), word(data, 2), data[4], data[5]]
    if (data.length < 6) return { code: 0xc7 }
    if (this.changesAfter-- <= 0) {
      this.changesAfter = Infinity
      this.#reservation++
    }
    if (offset > 0 && reservation !== this.#reservation) return { code: 0xc5 }
    const index = id === 0 ? 0 : id - 1
    const sensor = this.list[index]
    if (!sensor) return { code: 0xcb }
    const record = sensorRecord(index + 1, sensor).subarray(offset)
    const count = wanted === 0xff ? record.length : wanted
    if (count > this.most) return { code: 0xca }
    const next = index + 1 < this.list.length ? index + 2 : 0xffff
    return { data: [next & 0xff, next >> 8, ...record.subarray(0, count)] }
  }

  reading(data: Uint8Array): Answer {
    const sensor = this.list.find(({ number }) => number === data[0])
    if (!sensor) return { code: 0xcb }
    const { raw, crossed = 0 } = sensor
    return { data: raw === undefined ? [0, 0xe0, 0xc0] : [raw, 0xc0, 0xc0 | crossed] }
  }
}

const word = (data: Uint8Array, at: number) => (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8)
