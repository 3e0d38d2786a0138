// Two independent readers (genisoimage's isoinfo, libisofs' xorriso) list and extract what was written.
// apt-get install genisoimage xorriso
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConfigDrive } from './config-drive.ts'

const userData = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 31) % 251))
const networkData = { links: [{ id: 'eth0', ethernet_mac_address: '52:54:00:77:00:01' }] }
let folder = ''
let image = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrule-config-drive-'))
  image = join(folder, 'config.iso')
  const content = { user_data: userData, network_data: networkData, vendor_data: {} }
  writeFileSync(
    image,
    buildConfigDrive(content, { node: { uuid: 'u-1', name: 'web-1' }, time: new Date('2026-02-03T04:05:06Z') }),
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

function tool(program: string, ...args: string[]): Buffer {
  try {
    return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error(`${program} is missing: apt-get install genisoimage xorriso`, { cause: error })
  }
}

test.each(['-R', '-J'])('isoinfo %s lists the names and extracts the same bytes', (names) => {
  const list = tool('isoinfo', '-f', names, '-i', image).toString().split('\n')
  expect(list.map((line) => line.replace(';1', ''))).toEqual(
    expect.arrayContaining(['/openstack/latest/meta_data.json', '/openstack/latest/user_data']),
  )
  const suffix = names === '-J' ? ';1' : ''
  const extract = (name: string) => tool('isoinfo', names, '-i', image, '-x', `/openstack/latest/${name}${suffix}`)
  expect(extract('user_data').equals(userData)).toBe(true)
  expect(JSON.parse(extract('meta_data.json').toString())).toEqual({ uuid: 'u-1', name: 'web-1', hostname: 'web-1' })
  expect(JSON.parse(extract('network_data.json').toString())).toEqual(networkData)
})

test('isoinfo finds the label, Joliet and Rock Ridge', () => {
  const about = tool('isoinfo', '-d', '-i', image).toString()
  expect(about).toContain('Volume id: config-2')
  expect(about).toContain('Joliet with UCS level 3 found')
  expect(about).toContain('Rock Ridge signatures version 1 found')
})

test('xorriso reads the volume without a complaint and extracts the same bytes', () => {
  const target = join(folder, 'out')
  tool('xorriso', '-abort_on', 'WARNING', '-osirrox', 'on', '-indev', image, '-extract', '/', target)
  expect(readFileSync(join(target, 'openstack/latest/user_data')).equals(userData)).toBe(true)
})
