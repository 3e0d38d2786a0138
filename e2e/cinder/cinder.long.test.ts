// A real Cinder (Debian's) is talked to by the storage interface `cinder`: volumes are attached and given back there, whoever was ended in between. What was said is the
// recording by which our own fake is judged (fake.test.ts). `UPDATE=1` writes it anew.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { converse } from './conversation.ts'
import { newVolume, startCinder } from './start.ts'

const RECORDING = join(import.meta.dirname, 'testdata/cinder-21.3.1-debian-12.json')

test('a real Cinder attaches the volumes of a node and gets them back, and says what is on record', async () => {
  const cinder = await startCinder()
  try {
    const volumes = [await newVolume(cinder.url), await newVolume(cinder.url)] as const
    const said = await converse(cinder.url, [...volumes, '99999999-9999-4999-8999-999999999999'])
    if (process.env['UPDATE'] === '1') writeFileSync(RECORDING, `${JSON.stringify(said, undefined, 1)}\n`)
    expect(said).toEqual(JSON.parse(readFileSync(RECORDING, 'utf8')))
  } finally {
    await cinder.stop()
  }
})
