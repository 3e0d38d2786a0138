// Reads a file from a small ISO 9660 volume by its Rock Ridge name, as the operating system on a simulated machine reads its config drive.
// ECMA-119 §8.4 (primary descriptor), §9.1 (directory record); Rock Ridge 1.12 §4.1.4 (NM).

const SECTOR = 2048
const DIRECTORY = 0x02

/** Volume label, or undefined when the bytes are no ISO 9660 volume. */
export function isoLabel(volume: Buffer): string | undefined {
  const at = 16 * SECTOR
  if (volume.length < at + SECTOR || volume.toString('latin1', at + 1, at + 6) !== 'CD001') return undefined
  return volume.toString('latin1', at + 40, at + 72).trim()
}

/** The file's bytes; undefined when it is not there. `path` without a slash at its start. */
export function readIsoFile(volume: Buffer, path: string): Buffer | undefined {
  let record = volume.subarray(16 * SECTOR + 156, 16 * SECTOR + 156 + 34)
  for (const name of path.split('/')) {
    if (!isDirectory(record)) return undefined
    const found = [...entries(contents(volume, record))].find((entry) => nameOf(entry) === name)
    if (found === undefined) return undefined
    record = found
  }
  return isDirectory(record) ? undefined : contents(volume, record)
}

const isDirectory = (record: Buffer) => (record.readUInt8(25) & DIRECTORY) !== 0

function contents(volume: Buffer, record: Buffer): Buffer {
  const start = record.readUInt32LE(2) * SECTOR
  return volume.subarray(start, start + record.readUInt32LE(10))
}

function* entries(directory: Buffer): Generator<Buffer> {
  let at = 0
  while (at < directory.length) {
    const length = directory.readUInt8(at)
    // Records do not cross sectors; the rest of one is zeros.
    if (length === 0) at = (Math.floor(at / SECTOR) + 1) * SECTOR
    else {
      yield directory.subarray(at, at + length)
      at += length
    }
  }
}

/** The Rock Ridge name out of the system use area, which begins behind the identifier and its pad byte. */
function nameOf(record: Buffer): string | undefined {
  const identifier = record.readUInt8(32)
  let at = 33 + identifier + (identifier % 2 === 0 ? 1 : 0)
  while (at + 4 <= record.length) {
    const length = record.readUInt8(at + 2)
    if (length < 4) return undefined
    if (record.toString('latin1', at, at + 2) === 'NM') return record.toString('utf8', at + 5, at + length)
    at += length
  }
  return undefined
}
