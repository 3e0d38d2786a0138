// How a tree names things: level 1 identifiers with Rock Ridge beside them (Unix), or Joliet (Windows).
import { IsoError, bothEndian32, padded } from './iso9660-fields.ts'

export interface Naming {
  readonly descriptorType: 1 | 2
  /** Of a supplementary descriptor: which character set its identifiers use. */
  readonly escapeSequence: Uint8Array
  /** A descriptor's text field, filled with spaces. */
  text(value: string, length: number): Uint8Array
  /** The recorded identifier of `name`, unlike those in `taken`, to which it is added. */
  identifier(name: string, isDirectory: boolean, taken: Set<string>): Uint8Array
  /** The system use field of a record; `name` is null for "." and "..", `root` is the root's own ".". */
  systemUse(kind: 'root' | 'directory' | 'file', name: string | null): Uint8Array
}

const ascii = (text: string) => new TextEncoder().encode(text)

/** ECMA-119 level 1 (§10.1: eight characters, a dot, three) with Rock Ridge entries in the system use field. */
export const primary: Naming = {
  descriptorType: 1,
  escapeSequence: new Uint8Array(0),
  text: (value, length) => ascii(value.padEnd(length)),
  identifier(name, isDirectory, taken) {
    const [, base = '', extension = ''] =
      /^(.*?)(?:\.([^.]*))?$/.exec(isDirectory ? name.replaceAll('.', '_') : name) ?? []
    const allowed = (text: string) => text.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const suffix = attempt === 0 ? '' : String(attempt)
      const short = allowed(base).slice(0, 8 - suffix.length) + suffix
      const identifier = isDirectory ? short : `${short}.${allowed(extension).slice(0, 3)};1`
      if (taken.has(identifier)) continue
      taken.add(identifier)
      return ascii(identifier)
    }
    throw new IsoError(`too many names like "${name}" in one directory`)
  },
  systemUse(kind, name) {
    const isFile = kind === 'file'
    const entries = [posixAttributes(isFile ? 0o100444 : 0o040555, isFile ? 1 : 2)]
    if (kind === 'root') entries.unshift(SHARING_PROTOCOL, EXTENSION_REFERENCE)
    if (name !== null) entries.push(alternateName(name))
    return Buffer.concat(entries)
  },
}

/** Joliet level 3: UCS-2, big endian, at most 64 characters. */
export const joliet: Naming = {
  descriptorType: 2,
  escapeSequence: ascii('%/E'),
  text: (value, length) => padded([ucs2(value.padEnd(Math.floor(length / 2)))], length),
  identifier: (name, isDirectory) => ucs2(isDirectory ? name : `${name};1`),
  systemUse: () => new Uint8Array(0),
}

function ucs2(text: string): Uint8Array {
  return Uint8Array.from([...text].flatMap((character) => [0, character.charCodeAt(0)]))
}

// IEEE P1281 §5: an entry is a two-letter signature, its length, a version and data.
function entry(signature: string, ...data: readonly Uint8Array[]): Uint8Array {
  const length = 4 + data.reduce((sum, part) => sum + part.length, 0)
  return padded([ascii(signature), Uint8Array.of(length, 1), ...data], length)
}

// IEEE P1281 §5.3 (SP) and §5.5 (ER); the identifier says that Rock Ridge is spoken.
const SHARING_PROTOCOL = entry('SP', Uint8Array.of(0xbe, 0xef, 0))
const ROCK_RIDGE = ascii('RRIP_1991A')
const EXTENSION_REFERENCE = entry('ER', Uint8Array.of(ROCK_RIDGE.length, 0, 0, 1), ROCK_RIDGE)

// IEEE P1282 §4.1.1: mode and links; everything belongs to root.
function posixAttributes(mode: number, links: number): Uint8Array {
  return entry('PX', bothEndian32(mode), bothEndian32(links), bothEndian32(0), bothEndian32(0))
}

// IEEE P1282 §4.1.4
function alternateName(name: string): Uint8Array {
  return entry('NM', Uint8Array.of(0), ascii(name))
}
