// Two ends of a connection that is not there, and an end that says what it is told to.
import { Duplex } from 'node:stream'
import { RfbStream } from './stream.ts'

export function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map(
    (i) =>
      new Duplex({
        read() {},
        write(chunk, _, done) {
          ends[1 - i]!.push(chunk)
          done()
        },
        final(done) {
          ends[1 - i]!.push(null)
          done()
        },
        destroy(error, done) {
          queueMicrotask(() => ends[1 - i]!.destroy())
          done(error)
        },
      }),
  )
  for (const end of ends) end.on('error', () => {})
  return ends as [Duplex, Duplex]
}

/** A stream whose other end has said `parts`, and nothing more. `heard`: what it was told. */
export function saying(...parts: readonly (Uint8Array | string)[]): { stream: RfbStream; heard: () => Buffer } {
  const heard: Buffer[] = []
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      heard.push(chunk)
      done()
    },
  })
  for (const part of parts) if (part.length > 0) duplex.push(part)
  duplex.push(null)
  return { stream: new RfbStream(duplex), heard: () => Buffer.concat(heard) }
}
