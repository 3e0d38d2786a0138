// What the agent's tests (and those of third parties' commands) share: disks made of files, an HTTP server that can be told to misbehave, a machine.
import { createHash } from 'node:crypto'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentNode } from '../shared/agent-protocol.ts'
import type { CommandContext } from './command.ts'
import type { BlockDevice } from './disk/block-devices.ts'
import { openBlockTarget } from './disk/block-target.ts'
import type { Machine } from './machine.ts'
import { stepsWith } from './step-list.ts'

export const MIB = 1024 * 1024
export const GIB = 1024 * MIB
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Bytes that do not compress and are the same for the same seed (xorshift32). */
export function noise(length: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4))
  let x = seed || 1
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    words[i] = x
  }
  return Buffer.from(words.buffer, 0, length)
}

/** A frame of LLDP as a switch sends it: chassis id (a MAC address), port id (a name), time to live, what else there is, the end. */
export function lldpFrame(port: string, more: readonly (readonly [type: number, value: Uint8Array])[] = []): Buffer {
  const tlv = (type: number, value: Uint8Array) => {
    const header = Buffer.alloc(2)
    header.writeUInt16BE((type << 9) | value.length)
    return Buffer.concat([header, value])
  }
  return Buffer.concat([
    Buffer.from('0180c200000e00112233445688cc', 'hex'),
    tlv(1, Buffer.from('04001122334455', 'hex')),
    tlv(2, Buffer.concat([Buffer.of(5), Buffer.from(port)])),
    tlv(3, Buffer.of(0, 120)),
    ...more.map(([type, value]) => tlv(type, value)),
    tlv(0, Buffer.alloc(0)),
  ])
}

export async function temporaryFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'ferrule-agent-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A sparse file as a disk, filled with 0xA5 where `dirty`. */
export async function fileDisk(
  folder: string,
  name: string,
  sizeBytes: number,
  facts: Partial<BlockDevice> & { dirty?: boolean } = {},
): Promise<BlockDevice> {
  const path = join(folder, name)
  const file = await open(path, 'w')
  await file.truncate(sizeBytes)
  if (facts.dirty)
    for (let at = 0; at < sizeBytes; at += MIB)
      await file.write(Buffer.alloc(Math.min(MIB, sizeBytes - at), 0xa5), 0, undefined, at)
  await file.close()
  return {
    name,
    path,
    sizeBytes,
    logicalSectorBytes: 512,
    physicalSectorBytes: 512,
    rotational: false,
    readOnly: false,
    removable: false,
    model: null,
    vendor: null,
    serial: null,
    wwn: null,
    wwnWithExtension: null,
    wwnVendorExtension: null,
    hctl: null,
    byPath: null,
    tran: null,
    canZero: false,
    ...facts,
  }
}

export const diskBytes = (disk: BlockDevice): Promise<Buffer> => readFile(disk.path)

export interface FakeMachine extends Machine {
  /** What was done that cannot be undone: 'sync', 'powerOff', 'reboot', 'leave'. */
  did: string[]
}

export function fakeMachine(disks: BlockDevice[] = [], facts: Partial<Machine> = {}): FakeMachine {
  const did: string[] = []
  const note = (what: string) => async () => void did.push(what)
  return {
    root: '/nonexistent',
    caPem: undefined,
    listDisks: async () => disks,
    openDisk: openBlockTarget,
    rereadPartitions: async () => undefined,
    withFileSystem: async (device) => {
      throw new Error(`no file system on ${device}`)
    },
    memAvailableBytes: async () => 2 * GIB,
    random: () => 0.5,
    mono: () => performance.now(),
    sync: note('sync'),
    powerOff: note('powerOff'),
    reboot: note('reboot'),
    leave: note('leave'),
    logs: async () => ({ 'agent.log': 'a line\n' }),
    did,
    ...facts,
  }
}

export const testNode: AgentNode = {
  uuid: '11111111-2222-4333-8444-555555555555',
  properties: {},
  instance_info: {},
  driver_internal_info: {},
}

export function fakeContext(
  machine: Machine,
  facts: Partial<CommandContext> = {},
): CommandContext & { lines: string[] } {
  const lines: string[] = []
  return {
    signal: new AbortController().signal,
    machine,
    node: testNode,
    config: { heartbeat_timeout: 300 },
    steps: stepsWith([]),
    boot: {},
    log: (line) => void lines.push(line),
    progress: () => {},
    afterwards: (action) => void action(),
    lines,
    ...facts,
  }
}

/** A server on the loopback interface; `close` ends every connection. */
export async function serveHttp(
  listener: http.RequestListener,
): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Serves one body with length, ETag and ranges, as an image server does. */
export const serveBytes =
  (bytes: Buffer, seen: http.IncomingHttpHeaders[] = []): http.RequestListener =>
  (request, response) => {
    seen.push(request.headers)
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const part = bytes.subarray(from)
    const headers = { etag: '"one"', 'accept-ranges': 'bytes', 'content-length': part.length }
    if (from > 0)
      response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` })
    else response.writeHead(200, headers)
    response.end(part)
  }
