import { describe, expect, it } from 'vitest'
import { negotiate } from './options.ts'
import { decodeTftp, encodeTftp } from './packet.ts'
import { Transfer } from './transfer.ts'
import { VirtualClock, virtualDownload } from './testdata/virtual-link.ts'
import type { TransferStats } from './transfer.ts'
import type { TftpContent } from './window.ts'

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff))

/** A transfer whose packets are collected; the test plays the client. */
function rig(wants: Record<string, string>, file = pattern(100), content: Partial<TftpContent> = {}) {
  const clock = new VirtualClock()
  const sent: string[] = []
  const ends: TransferStats[] = []
  const transfer = new Transfer({
    file: 'f',
    client: { address: '192.0.2.1', port: 1024 },
    content: { sizeBytes: file.length, read: (offset, length) => file.subarray(offset, offset + length), ...content },
    agreed: negotiate(new Map(Object.entries(wants)), file.length),
    clock,
    wire: {
      send(bytes, offset, length) {
        const packet = decodeTftp(bytes.subarray(offset, offset + length))
        const detail = packet.op === 'data' ? `${packet.block}` : packet.op === 'error' ? packet.message : ''
        sent.push(`${packet.op} ${detail}`.trim())
      },
    },
    onEnd: (stats) => ends.push(stats),
  })
  transfer.start()
  /** What was sent since the last call. */
  const take = (): string[] => sent.splice(0)
  const ack = (block: number): void => transfer.receive(encodeTftp({ op: 'ack', block }))
  return { transfer, clock, take, ack, ends }
}

describe('TFTP transfer', () => {
  it('sends blocks one by one, the last one short', () => {
    const { take, ack, ends } = rig({}, pattern(1100))
    expect(take()).toEqual(['data 1'])
    for (const block of [1, 2, 3]) ack(block)
    expect(take()).toEqual(['data 2', 'data 3'])
    expect(ends).toMatchObject([{ outcome: 'complete', sentBytes: 1100, timeouts: 0 }])
  })

  it.each([0, 512])('of %d bytes ends with an empty block', (size) => {
    const { take, ack, ends } = rig({}, pattern(size))
    for (let block = 1; block <= size / 512 + 1; block++) ack(block)
    expect(take()).toHaveLength(size / 512 + 1)
    expect(ends[0]?.outcome).toBe('complete')
  })

  it('waits for ACK 0 after an OACK', () => {
    const { take, ack } = rig({ blksize: '64' })
    expect(take()).toEqual(['oack'])
    ack(5)
    expect(take()).toEqual([])
    ack(0)
    expect(take()).toEqual(['data 1'])
  })

  it('sends a window, then waits; an ACK inside it resends from there (RFC 7440 §4)', () => {
    const { take, ack, ends } = rig({ blksize: '10', windowsize: '4' })
    ack(0)
    expect(take()).toEqual(['oack', 'data 1', 'data 2', 'data 3', 'data 4'])
    ack(2)
    expect(take()).toEqual(['data 3', 'data 4', 'data 5', 'data 6'])
    ack(6)
    ack(10)
    expect(take()).toEqual(['data 7', 'data 8', 'data 9', 'data 10', 'data 11'])
    ack(11)
    expect(ends[0]).toMatchObject({ outcome: 'complete', gaps: 1 })
  })

  it('is no Sorcerer’s Apprentice: doubled ACKs send nothing twice', () => {
    for (const windowsize of ['1', '4']) {
      const { clock, take, ack } = rig({ blksize: '10', windowsize })
      const step = Number(windowsize)
      const all = [...take()]
      for (let block = 0; block <= 10; block += step) {
        clock.advance(2)
        ack(block)
        ack(block)
        all.push(...take())
      }
      expect(new Set(all).size, `window ${windowsize}: ${all.join(', ')}`).toBe(all.length)
    }
  })

  it('takes the last ACK once more, an answer’s time later, as "the first of the window was lost"', () => {
    const { clock, take, ack, ends } = rig({ blksize: '10', windowsize: '4' })
    clock.advance(2)
    ack(0)
    clock.advance(2)
    ack(4)
    take()
    clock.advance(2)
    ack(4)
    expect(take()).toEqual(['data 5', 'data 6', 'data 7', 'data 8'])
    ack(4)
    expect(take(), 'believed once a round trip').toEqual([])
    ack(8)
    ack(11)
    expect(ends[0]).toMatchObject({ outcome: 'complete', gaps: 1, timeouts: 0 })
  })

  it('sends nothing twice to a client that acknowledges each block of a window', () => {
    const { clock, take, ack, ends } = rig({ blksize: '10', windowsize: '4' })
    clock.advance(2)
    ack(0)
    const all = take()
    clock.advance(2)
    ack(4)
    for (let block = 5; block <= 11; block++) ack(block)
    all.push(...take())
    expect(new Set(all).size, all.join(', ')).toBe(all.length)
    expect(ends[0]).toMatchObject({ outcome: 'complete', gaps: 0 })
  })

  it('ignores ACKs from before and beyond the window', () => {
    const { take, ack } = rig({ blksize: '10', windowsize: '2' })
    ack(0)
    ack(2)
    take()
    for (const block of [1, 9, 65_535, 300]) ack(block)
    expect(take()).toEqual([])
  })

  it('sends again after silence, with backoff, and gives up', () => {
    const { clock, take, ends } = rig({})
    const spacing: number[] = []
    take()
    for (let lastMs = 0; ends.length === 0;) {
      clock.step()
      if (take().length > 0) {
        spacing.push(clock.nowMs() - lastMs)
        lastMs = clock.nowMs()
      }
    }
    expect(spacing).toEqual([1000, 2000, 4000, 8000, 8000])
    expect(ends).toMatchObject([{ outcome: 'timed-out', timeouts: 6 }])
  })

  it('waits less once it knows how quickly the client answers', () => {
    const { clock, take, ack } = rig({ blksize: '10' })
    clock.advance(100)
    ack(0)
    take()
    clock.advance(399)
    expect(take()).toEqual([])
    clock.advance(1)
    expect(take()).toEqual(['data 1'])
  })

  it('keeps to the timeout that the client asked for (RFC 2349)', () => {
    const { clock, take, ack } = rig({ timeout: '3' })
    ack(0)
    take()
    clock.advance(2999)
    expect(take()).toEqual([])
    clock.advance(1)
    expect(take()).toEqual(['data 1'])
  })

  it('ends without an answer when the client aborts, as firmware does after tsize', () => {
    const { transfer, take, ends, ack } = rig({ tsize: '0' })
    take()
    transfer.receive(encodeTftp({ op: 'error', code: 8, message: 'User aborted the transfer' }))
    ack(0)
    expect(take()).toEqual([])
    expect(ends).toMatchObject([{ outcome: 'aborted', detail: '8 User aborted the transfer' }])
  })

  it.each([Buffer.from('0003000161', 'hex'), Buffer.from('00', 'hex'), Buffer.from('0099', 'hex')])(
    'ends with an ERROR when the client sends nonsense',
    (bytes) => {
      const { transfer, take, ends } = rig({})
      take()
      transfer.receive(bytes)
      expect(take()[0]).toMatch(/^error/)
      expect(ends[0]?.outcome).toBe('failed')
    },
  )

  it('goes on past block 65,535 (rollover to 0)', () => {
    const file = pattern(66_000 * 8 + 3)
    for (const windowsize of ['1', '7']) {
      const network = { loss: 0, double: 0, latencyMs: [1, 1] as [number, number] }
      const result = virtualDownload(file, { blksize: '8', windowsize }, network, () => 0.5)
      expect(result.error).toBeUndefined()
      expect(result.content.equals(file)).toBe(true)
      expect(result.dataPackets).toBe(66_001)
    }
  })

  it('that cannot read its file says so without a path', async () => {
    const secret = '/srv/secret/path'
    for (const read of [
      () => Promise.reject(new Error(`ENOENT ${secret}`)),
      () => {
        throw new Error(`EIO ${secret}`)
      },
      () => new Uint8Array(3),
    ]) {
      let closed = 0
      const { take, ends } = rig({}, pattern(100), { read, close: () => closed++ })
      await new Promise((resolve) => setImmediate(resolve))
      expect(take()).toEqual(['error read failed'])
      expect(ends[0]?.outcome).toBe('failed')
      expect(closed).toBe(1)
    }
  })

  it('reads ahead of nothing and sends nothing while a slow file is read', async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    const { clock, take, ack, ends } = rig({}, pattern(100), { read: () => promise })
    ack(1)
    clock.after(60_000, () => {})
    while (clock.step());
    expect([take(), ends]).toEqual([[], []])
    resolve(pattern(100))
    await new Promise((done) => setImmediate(done))
    expect(take()).toEqual(['data 1'])
  })

  it.each([
    ['1', 0.05, 0.05],
    ['4', 0.05, 0.05],
    ['16', 0.1, 0.1],
    ['64', 0.02, 0.3],
  ])('with window %s arrives whole over a network that loses, doubles and reorders', (windowsize, loss, double) => {
    for (let seed = 1; seed <= 12; seed++) {
      let state = seed
      const random = (): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return state / 2 ** 32
      }
      const file = pattern(20_000 + seed)
      const network = { loss, double, latencyMs: [1, 3] as [number, number] }
      const result = virtualDownload(file, { blksize: '100', windowsize }, network, random)
      expect(result.error, `seed ${seed}`).toBeUndefined()
      expect(result.content.equals(file), `seed ${seed}`).toBe(true)
    }
  })
})
