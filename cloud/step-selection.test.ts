// Ironic's rules for choosing steps, one by one.
import { describe, expect, it } from 'vitest'
import type { OfferedStep } from '../shared/protocol.ts'
import { BOOT_RAMDISK, PLANS } from './plans.ts'
import {
  aroundRamdisk,
  type AskedStep,
  automatedSteps,
  deployPlan,
  deploySteps,
  impossible,
  manualSteps,
} from './step-selection.ts'

const offer = (name: string, priority: number, more: Partial<OfferedStep> = {}): OfferedStep => {
  const [iface, step] = name.split('.') as [string, string]
  return { interface: iface, of: 'fake', step, priority, ...more }
}
const ask = (name: string, priority?: number, args?: Record<string, unknown>): AskedStep => {
  const [iface, step] = name.split('.') as [string, string]
  return { interface: iface, step, ...(priority !== undefined && { priority }), ...(args && { args }) }
}
const names = (steps: readonly { interface: string; step: string }[]) =>
  steps.map(({ interface: iface, step }) => `${iface}.${step}`)

const RAID = offer('raid.apply_configuration', 0, { argsinfo: { raid_config: { description: 'x', required: true } } })
const CORE = ['deploy', 'write_image', 'prepare_instance_boot', 'tear_down_agent', 'boot_instance'].map(
  (step) => `deploy.${step}`,
)

describe('a deployment', () => {
  it('without anything else is the plan, step for step', () => {
    const plan = deployPlan(deploySteps([], []))
    expect(plan).toEqual(PLANS.deploy.map((step, i) => ({ ...step, priority: plan[i]?.priority })))
    expect(plan.map(({ priority }) => priority)).toEqual([...Array(5).fill(100), 80, 80, 60, 40, 40, 40, 20])
  })

  it('has the driver’s steps with a priority where the priority puts them, and none with 0', () => {
    const steps = deploySteps([offer('bios.apply', 90), offer('raid.build', 200), offer('vendor.never', 0)], [])
    expect(names(steps)).toEqual(['raid.build', 'deploy.deploy', 'bios.apply', ...CORE.slice(1)])
  })

  it('prefers the request over templates, and those over the driver', () => {
    const offered = [offer('bios.apply', 70, { argsinfo: { how: { description: 'x' } } })]
    const chosen = (asked: AskedStep[], templates: AskedStep[]) =>
      deploySteps(offered, asked, templates).find(({ interface: iface }) => iface === 'bios')
    expect(chosen([], [])).toMatchObject({ priority: 70, args: {} })
    expect(chosen([], [ask('bios.apply', 75, { how: 'template' })])).toMatchObject({
      priority: 75,
      args: { how: 'template' },
    })
    expect(
      chosen([ask('bios.apply', 85, { how: 'request' })], [ask('bios.apply', 75, { how: 'template' })]),
    ).toMatchObject({ priority: 85, args: { how: 'request' } })
    expect(chosen([ask('bios.apply', 0)], [ask('bios.apply', 75)])).toBeUndefined()
  })

  it('keeps deploy.deploy as it is, but lets it be switched off', () => {
    expect(() => deploySteps([], [ask('deploy.deploy', 50)])).toThrow(/deploy.deploy can not be replaced/)
    expect(() => deploySteps([], [], [ask('deploy.deploy', 100)])).toThrow(/can not be replaced/)
    expect(names(deploySteps([], [ask('deploy.deploy', 0)]))).toEqual(CORE.slice(1))
  })

  it('has another core step where the request wants it', () => {
    expect(names(deploySteps([], [ask('deploy.write_image', 30)]))).toEqual([
      'deploy.deploy',
      'deploy.prepare_instance_boot',
      'deploy.tear_down_agent',
      'deploy.write_image',
      'deploy.boot_instance',
    ])
  })

  it('refuses values that a step cannot have, in the request and in a template', () => {
    const argsinfo = { files: { description: 'x' }, verify_ca: { description: 'x' } }
    const offered = [offer('deploy.inject_files', 0, { argsinfo })]
    const bad = ask('deploy.inject_files', 70, { files: [{ path: '/etc/../x', content: '' }] })
    expect(() => deploySteps(offered, [bad])).toThrow(
      /cannot have these arguments: files.0.path: must not lead upwards/,
    )
    expect(() => deploySteps(offered, [], [bad])).toThrow(/must not lead upwards/)
    expect(() => manualSteps(offered, [bad])).toThrow(/must not lead upwards/)
  })

  it('refuses a step that two templates have', () => {
    expect(() =>
      deploySteps([RAID], [], [ask('raid.apply_configuration', 81), ask('raid.apply_configuration', 82)]),
    ).toThrow(/More than one deploy template/)
  })

  it('refuses arguments that a known step does not take, and the lack of one that it needs', () => {
    expect(() => deploySteps([RAID], [ask('raid.apply_configuration', 90)])).toThrow(/needs raid_config/)
    expect(() => deploySteps([RAID], [ask('raid.apply_configuration', 90, { raid_config: {}, other: 1 })])).toThrow(
      /does not take other/,
    )
  })

  it('takes a step that nobody knows, which is told before anything is done', () => {
    const steps = deploySteps([RAID], [ask('deploy.dance', 90)])
    expect(names(steps)).toContain('deploy.dance')
    expect(impossible(steps, { driver: 'fake-hardware' })).toMatch(/does not have the steps deploy.dance/)
  })

  it('has the core steps that the deploy interface has', () => {
    const has = ['boot_agent', 'prepare_instance_boot', 'tear_down_agent', 'boot_instance'] as const
    expect(names(deploySteps([], [], [], has))).toEqual(CORE.filter((step) => step !== 'deploy.write_image'))
    expect(names(deployPlan(deploySteps([], [], [], ['boot_from_network'])))).toEqual([
      ...['power.power_off', 'boot.prepare_instance', 'management.set_boot_device', 'power.power_on'],
    ])
    expect(deployPlan(deploySteps([], [], [], []))).toEqual([])
  })

  describe('by an agent that may have more steps than its driver knows', () => {
    const told = { driver: 'ipmi', hasAgent: true, agentSteps: true }
    const has = ['boot_agent', 'tear_down_agent'] as const

    it('takes a step that nobody knows, and the agent is asked for it before anything is done', () => {
      const steps = deploySteps([offer('deploy.known', 90)], [ask('deploy.dance', 85)], [], has)
      expect(impossible(steps, told)).toBeUndefined()
      const plan = deployPlan(steps)
      expect(plan.find(({ step }) => step === 'wait_agent')!.args).toEqual({ steps: ['dance'] })
      expect(plan.find(({ step }) => step === 'dance')).toMatchObject({ waits: true, abortable: false, priority: 85 })
    })

    it('refuses one of another interface, and one before or after the agent is there', () => {
      expect(impossible(deploySteps([], [ask('raid.dance', 85)], [], has), told)).toMatch(/does not have .*raid.dance/)
      for (const priority of [120, 30])
        expect(impossible(deploySteps([], [ask('deploy.dance', priority)], [], has), told)).toMatch(/needs an agent/)
    })
  })

  it('boots the ramdisk again where it restarts the machine amid its work, and only there', () => {
    const inside = deployPlan(deploySteps([], [ask('deploy.reboot', 90)]))
    expect(names(inside).filter((name) => name === 'deploy.wait_agent')).toHaveLength(2)
    const before = deployPlan(deploySteps([], [ask('deploy.reboot', 110)]))
    expect(names(before).slice(0, 3)).toEqual(['power.power_off', 'power.power_on', 'power.power_off'])
  })

  it('starts the machine again after a step whose settings need it, and then looks, with the same arguments', () => {
    const argsinfo = { settings: { description: 'x', required: true } }
    const bios = offer('bios.apply', 0, { requires_ramdisk: false, restart: 'check', argsinfo })
    const args = { settings: [{ name: 'a', value: 1 }] }
    const inside = deployPlan(deploySteps([bios], [ask('bios.apply', 90, args)]))
    const at = names(inside).indexOf('bios.apply')
    expect(names(inside).slice(at, at + 7)).toEqual(['bios.apply', ...names(BOOT_RAMDISK), 'bios.check'])
    expect(inside.filter(({ interface: iface }) => iface === 'bios').map((step) => step.args)).toEqual([args, args])
    const alone = aroundRamdisk(manualSteps([bios], [ask('bios.apply', undefined, args)]))
    expect(names(alone)).toEqual(['bios.apply', 'power.power_off', 'power.power_on', 'bios.check'])
  })
})

describe('cleaning', () => {
  it('by itself has all steps with a priority, the highest first, ties by Ironic’s table', () => {
    const offered = [
      ...['raid', 'bios', 'deploy', 'firmware', 'management', 'power', 'vendor'].map((kind) => offer(`${kind}.x`, 10)),
      offer('deploy.first', 99),
      offer('deploy.never', 0),
    ]
    expect(names(automatedSteps(offered, 'clean'))).toEqual([
      'deploy.first',
      ...['vendor', 'power', 'management', 'firmware', 'deploy', 'bios', 'raid'].map((kind) => `${kind}.x`),
    ])
  })

  it('verification has a table of its own', () => {
    const offered = ['vendor', 'bios', 'power', 'management'].map((kind) => offer(`${kind}.x`, 10))
    expect(names(automatedSteps(offered, 'verify'))).toEqual(['power.x', 'management.x', 'bios.x', 'vendor.x'])
  })

  it('by hand keeps the order of the list, or of its `order`', () => {
    const asked = [ask('bios.a'), ask('deploy.b'), ask('raid.c')]
    expect(names(manualSteps([], asked))).toEqual(['bios.a', 'deploy.b', 'raid.c'])
    const ordered = asked.map((step, i) => ({ ...step, order: 3 - i }))
    expect(names(manualSteps([], ordered))).toEqual(['raid.c', 'deploy.b', 'bios.a'])
  })

  it('boots the ramdisk where a step needs it, and where nobody knows', () => {
    const outOfBand = [offer('bios.apply', 0, { requires_ramdisk: false })]
    const plan = (asked: AskedStep[], disabled = false) =>
      names(aroundRamdisk(manualSteps(outOfBand, asked), { disableRamdisk: disabled }))
    expect(plan([ask('bios.apply')])).toEqual(['bios.apply'])
    expect(plan([ask('bios.apply'), ask('deploy.erase')])).toContain('boot.prepare_ramdisk')
    expect(plan([ask('deploy.erase')], true)).toEqual(['deploy.erase'])
  })

  it('without a ramdisk refuses the steps of an agent', () => {
    const offered = [offer('deploy.erase', 10)]
    const chosen = manualSteps(offered, [ask('deploy.erase')])
    expect(impossible(chosen, { driver: 'd', disableRamdisk: true })).toMatch(/cannot be done without a ramdisk/)
    expect(impossible(chosen, { driver: 'd' })).toBeUndefined()
  })

  it('waits for an agent’s step, which may be aborted at once only if the driver says so', () => {
    const offered = [offer('deploy.erase', 10, { abortable: true }), offer('deploy.burn', 5)]
    const plan = aroundRamdisk(automatedSteps(offered, 'clean'))
    expect(plan.filter(({ step }) => step === 'erase' || step === 'burn')).toMatchObject([
      { waits: true, abortable: true, priority: 10 },
      { waits: true, abortable: false, priority: 5 },
    ])
  })

  it('never has raw bytes for a BMC, wherever the list comes from', () => {
    expect(() => manualSteps([offer('vendor.send_raw', 0)], [ask('vendor.send_raw')])).toThrow(/not allowed/)
    expect(() => deploySteps([], [ask('vendor.send_raw', 50)])).toThrow(/not allowed/)
    expect(() => deploySteps([], [], [ask('vendor.send_raw', 50)])).toThrow(/not allowed/)
  })

  it('has reserved steps with any interface, and no more steps than a message holds', () => {
    const chosen = manualSteps(
      [],
      ['power_off', 'power_on', 'reboot', 'hold', 'wait'].map((step) => ask(`bios.${step}`)),
    )
    expect(impossible(chosen, { driver: 'd' })).toBeUndefined()
    expect(names(aroundRamdisk(chosen))).toEqual([
      ...['power.power_off', 'power.power_on', 'power.power_off', 'power.power_on', 'bios.hold', 'bios.wait'],
    ])
    const many = Array.from({ length: 101 }, () => ask('bios.hold'))
    expect(() => aroundRamdisk(manualSteps([], many))).toThrow(/longer than 100/)
  })
})
