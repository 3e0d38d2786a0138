import { describe, expect, it } from 'vitest'
import { Timeline } from './timeline.ts'
import type { StageEvent } from './timeline.ts'
import type { HttpTransfer } from '../http-boot/server.ts'
import type { TransferStats } from '../tftp/transfer.ts'

/** A timeline with a clock that the test moves. */
function rig() {
  const events: StageEvent[] = []
  const timers = new Set<{ atMs: number; run: () => void }>()
  let nowMs = 1_000_000
  const timeline = new Timeline((event) => events.push(event), {
    nowMs: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  })
  const pass = (ms: number): void => {
    nowMs += ms
    for (const timer of [...timers].filter(({ atMs }) => atMs <= nowMs)) {
      timers.delete(timer)
      timer.run()
    }
  }
  const stalls = (): (string | undefined)[] =>
    events.filter(({ stage }) => stage === 'stalled').map(({ detail }) => detail)
  return { timeline, events, pass, stalls, timers }
}

const stats: TransferStats = {
  file: 'token/snponly.efi',
  client: { address: '10.0.0.9', port: 1024 },
  outcome: 'complete',
  sizeBytes: 1000,
  sentBytes: 1000,
  durationMs: 10,
  blockBytes: 1468,
  windowBlocks: 4,
  timeouts: 0,
  gaps: 0,
}
const transfer: HttpTransfer = {
  path: '/token/kernel',
  client: '10.0.0.9',
  sentBytes: 0,
  totalBytes: 14_000_000,
  durationMs: 0,
}

describe('boot timeline', () => {
  it('says after 40 s that a machine took its address and asked for no file: wrong boot mode', () => {
    const { timeline, pass, stalls, events } = rig()
    timeline.dhcp('n', 'm', 'offer', '', 'offered')
    timeline.dhcp('n', 'm', 'ack', '', 'acknowledged')
    pass(39_999)
    expect(stalls()).toEqual([])
    pass(1)
    expect(stalls()[0]).toMatch(/took its address.*boot mode/)
    expect(events.at(-1)).toMatchObject({ node: 'n', mac: 'm', stage: 'stalled', warning: true, at: 1_040_000 })
  })

  it('says that an offered address was not taken: relay, or another server', () => {
    const { timeline, pass, stalls } = rig()
    timeline.dhcp('n', 'm', 'offer', '', 'offered')
    pass(40_000)
    expect(stalls()[0]).toMatch(/did not take it.*relay/)
  })

  it('says beside another DHCP server that no file was asked for', () => {
    const { timeline, pass, stalls } = rig()
    timeline.dhcp('n', 'm', 'offer', '', 'proxy-offered')
    pass(40_000)
    expect(stalls()[0]).toMatch(/told what to boot.*other DHCP server/)
  })

  it('says it once per halt, and again when the machine tries again', () => {
    const { timeline, pass, stalls } = rig()
    for (let times = 0; times < 4; times++) timeline.dhcp('n', 'm', 'offer', '', 'offered')
    pass(100_000)
    expect(stalls()).toHaveLength(1)
    timeline.dhcp('n', 'm', 'offer', '', 'offered')
    pass(40_000)
    expect(stalls()).toHaveLength(2)
  })

  it.each<[string, (timeline: Timeline) => void]>([
    ['a TFTP transfer', (timeline) => timeline.tftp('n', stats)],
    ['an HTTP request', (timeline) => timeline.http('n', 'kernel', transfer)],
    ['a HEAD', (timeline) => timeline.came('n')],
    ['the end of the boot', (timeline) => timeline.forget('n')],
    ['the end of the service', (timeline) => timeline.close()],
  ])('says nothing after %s', (_name, happen) => {
    const { timeline, pass, stalls, timers } = rig()
    timeline.dhcp('n', 'm', 'offer', '', 'offered')
    happen(timeline)
    pass(100_000)
    expect([stalls(), timers.size]).toEqual([[], 0])
  })

  it('waits for no file where none was offered', () => {
    const { timeline, pass, stalls, events } = rig()
    timeline.dhcp('n', 'm', 'ack', 'an operating system')
    timeline.dhcp('n', 'm', 'nak', 'wrong address')
    pass(100_000)
    expect(stalls()).toEqual([])
    expect(events.map(({ stage, warning }) => [stage, warning])).toEqual([
      ['dhcp-ack', undefined],
      ['dhcp-nak', true],
    ])
  })

  it('reports a download at its start, at most once a second, and at its end', () => {
    const { timeline, pass, events } = rig()
    for (let sentBytes = 0; sentBytes <= 14_000_000; sentBytes += 1_000_000) {
      timeline.http('n', 'kernel', { ...transfer, sentBytes, durationMs: sentBytes / 2500 })
      pass(400)
    }
    timeline.http('n', 'kernel', { ...transfer, sentBytes: 14_000_000, durationMs: 5600, outcome: 'complete' })
    expect(events.map(({ bytes }) => bytes)).toEqual([0, 3e6, 6e6, 9e6, 12e6, 14e6])
    expect(events.at(-1)).toMatchObject({
      stage: 'kernel',
      totalBytes: 14_000_000,
      durationMs: 5600,
      outcome: 'complete',
    })
  })

  it('keeps two clients’ downloads of one file apart', () => {
    const { timeline, events } = rig()
    timeline.http('n', 'image', transfer)
    timeline.http('n', 'image', { ...transfer, client: '10.0.0.10' })
    expect(events).toHaveLength(2)
  })

  it('warns of failed transfers, and shows a client’s text without its control characters', () => {
    const { timeline, events } = rig()
    timeline.tftp('n', { ...stats, outcome: 'aborted', detail: '8 User\u001b[2J aborted' })
    timeline.tftp('n', { ...stats, outcome: 'timed-out' })
    timeline.http('n', 'image', { ...transfer, outcome: 'failed', detail: 'x' })
    expect(events.map(({ warning }) => warning)).toEqual([undefined, true, true])
    expect(events[0]?.detail).toBe('8 User.[2J aborted')
  })

  it('sums up what is read of a volume, in however many pieces, and tells a failure at once', () => {
    const { timeline, events, pass } = rig()
    const piece = { ...transfer, path: '/token/boot.iso', totalBytes: 65_536 }
    for (let count = 0; count < 100; count++) {
      timeline.medium('n', piece)
      timeline.medium('n', { ...piece, sentBytes: 65_536, outcome: count % 2 === 0 ? 'complete' : 'aborted' })
      pass(30)
    }
    expect(events.map(({ stage, bytes, totalBytes, outcome }) => [stage, bytes, totalBytes, outcome])).toEqual(
      [0, 34, 68].map((pieces) => ['medium', pieces * 65_536, undefined, undefined]),
    )
    timeline.medium('n', { ...piece, sentBytes: 1, outcome: 'failed', detail: 'the file became shorter' })
    expect(events.at(-1)).toMatchObject({ warning: true, outcome: 'failed', detail: 'the file became shorter' })
    timeline.mediumGone('/token/boot.iso')
    timeline.medium('n', piece)
    expect(events.at(-1)).toMatchObject({ bytes: 0 })
  })
})
