import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeCommand } from './command-contract.ts'
import { loadExecutable, loadExecutables } from './executables.ts'
import { executeParams, executeStep, listSteps, stepsWith } from './step-list.ts'
import { fakeContext, fakeMachine, temporaryFolder, testNode } from './testing.ts'

/** A command in JavaScript, as a vendor might write one in any language. */
const script = `#!${process.execPath}
if (process.argv[2] === '--describe') {
  console.log(JSON.stringify({ name: 'vendor.flash', about: 'Flashes a device of the vendor.', params: {
    type: 'object', properties: { slot: { type: 'integer', minimum: 0 }, hang: { type: 'boolean' } }, required: ['slot'] } }))
} else {
  let text = ''
  process.stdin.on('data', (part) => (text += part)).on('end', () => {
    const { params, node } = JSON.parse(text)
    console.error('flashing slot ' + params.slot)
    if (params.slot === 9) { console.error('slot is empty'); process.exit(4) }
    if (params.slot === 8) { console.log('not JSON'); return }
    if (params.hang) { setInterval(() => {}, 1000); return }
    console.log(JSON.stringify({ flashed: params.slot, node: node.uuid }))
  })
}
`

async function command(folder: string) {
  const path = join(folder, 'flash')
  await writeFile(path, script)
  await chmod(path, 0o755)
  return loadExecutable(path)
}

describe('an executable in the command folder', () => {
  it('is a command: described by itself, checked by its schema, run with JSON', async () => {
    await using folder = await temporaryFolder()
    const flash = await command(folder.path)
    expect(flash).toMatchObject({ name: 'vendor.flash', kind: 'async' })
    expect(flash.params.safeParse({ slot: -1 }).success).toBe(false)
    const context = fakeContext(fakeMachine())
    expect(await flash.run(context, { slot: 2 })).toEqual({ flashed: 2, node: context.node.uuid })
    expect(context.lines[0]).toContain('flashing slot 2')
    await expect(flash.run(context, { slot: 9 })).rejects.toThrow('slot is empty')
    await expect(flash.run(context, { slot: 8 })).rejects.toThrow('JSON object')
  })

  it('that says so is a step as well, and takes no other’s place', async () => {
    await using folder = await temporaryFolder()
    const as = async (name: string, describes: object) => {
      const path = join(folder.path, name)
      const described = script.replace(
        "name: 'vendor.flash'",
        `name: 'deploy.${name}', priorities: ${JSON.stringify(describes)}`,
      )
      await writeFile(path, described)
      await chmod(path, 0o755)
    }
    await as('flash_disk', { deploy: 0 })
    await as('write_image', { deploy: 5 })
    const steps = stepsWith(await loadExecutables(folder.path, () => {}))
    expect(listSteps('deploy', steps)['FerruleHardwareManager']).toContainEqual(
      expect.objectContaining({
        step: 'flash_disk',
        priority: 0,
        argsinfo: {
          slot: { description: 'slot', required: true },
          hang: { description: 'hang', required: false },
        },
      }),
    )
    expect(steps.filter(({ step }) => step === 'write_image')).toHaveLength(1)
    const params = executeParams.parse({ step: { step: 'flash_disk', args: { slot: 3 } }, node: testNode, ports: [] })
    const context = fakeContext(fakeMachine(), { steps })
    expect(await executeStep('deploy', context, params)).toMatchObject({ deploy_result: { flashed: 3 } })
  })

  it('that is broken is logged and left out', async () => {
    await using folder = await temporaryFolder()
    await command(folder.path)
    await writeFile(join(folder.path, 'readme'), 'no program')
    await writeFile(join(folder.path, 'zzz'), script)
    await chmod(join(folder.path, 'zzz'), 0o755)
    const lines: string[] = []
    const loaded = await loadExecutables(folder.path, (line) => void lines.push(line))
    expect(loaded.map(({ name }) => name)).toEqual(['vendor.flash'])
    expect(lines.map((line) => /(permission denied|there twice)/.exec(line)?.[1])).toEqual([
      'permission denied',
      'there twice',
    ])
    expect(await loadExecutables(join(folder.path, 'none'), () => {})).toEqual([])
  })
})

const folder = await temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())
describeCommand(await command(folder.path), { good: { slot: 1, hang: true }, bad: [{}, { slot: 'x' }] })
