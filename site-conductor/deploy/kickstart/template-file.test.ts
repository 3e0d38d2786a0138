import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTemplate } from './template-file.ts'

test('a file that is far too large for a template is not read into memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-template-'))
  try {
    const file = join(folder, 'ks.cfg')
    await writeFile(file, 'reboot\n')
    expect(await readTemplate(file)).toBe('reboot\n')
    await truncate(file, 3 * 2 ** 30)
    await expect(readTemplate(file)).rejects.toMatchObject({
      fault: { code: 'request.invalid', message: 'ks_template has more than 262144 bytes' },
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})
