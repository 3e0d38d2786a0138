// RAID by the Redfish driver: the volumes that the simulated BMC has afterwards, and how often it was told.
import { expect, test } from 'vitest'
import driver from '../redfish.ts'
import { implementation, refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()

const MIRROR = { logical_disks: [{ size_gb: 100, raid_level: '1', volume_name: 'root', is_root_volume: true }] }

test.each(['at once', 'by a task', 'at the next start'] as const)(
  'RAID made %s: built, seen, and deleted',
  async (when) => {
    rig.bmc.quirks.raidApplies = when
    const { context } = await rig.step('raid', 'apply_configuration', { raid_config: MIRROR })
    if (when === 'at the next start') {
      expect(rig.bmc.machine.volumes).toEqual([])
      expect(context.notes.map(({ stage }) => stage)).toContain('raid.waits_for_start')
    }
    rig.startAgain()
    const { facts } = await rig.step('raid', 'check_configuration', {}, context.kept)
    expect(rig.bmc.machine.volumes).toMatchObject([{ name: 'root', raidType: 'RAID1', drives: ['Disk.0', 'Disk.1'] }])
    expect(facts['raid_config']).toMatchObject({
      logical_disks: [
        {
          raid_level: '1',
          size_gb: 100,
          volume_name: 'root',
          controller: 'RAID.1',
          physical_disks: ['Disk.0', 'Disk.1'],
        },
      ],
    })
    const { context: deleting } = await rig.step('raid', 'delete_configuration')
    rig.startAgain()
    expect((await rig.step('raid', 'check_configuration', {}, deleting.kept)).facts).toEqual({ raid_config: {} })
    expect(rig.bmc.machine.volumes).toEqual([])
  },
)

test('RAID: a step that is begun again makes no second volume, and what is as wanted stays', async () => {
  const { context } = await rig.step('raid', 'apply_configuration', { raid_config: MIRROR })
  await rig.step('raid', 'apply_configuration', { raid_config: MIRROR }, context.kept)
  await rig.step('raid', 'apply_configuration', { raid_config: MIRROR })
  expect(rig.bmc.log.of('VolumeCollection')).toHaveLength(1)
  expect(rig.bmc.log.of('DELETE Volume')).toEqual([])
})

test('RAID: an answer that is lost makes no second volume, for what it made is found', async () => {
  const context = await rig.made({ raid_config: MIRROR })
  const apply = async () => {
    const fence = await driver.fencing!.open(context, undefined)
    try {
      await implementation('raid').steps!['apply_configuration']!({ ...context, before: context.before, fence })
    } finally {
      await fence.close()
    }
  }
  const fence = await driver.fencing!.open(context, undefined)
  rig.bmc.quirks.loseAnswers = 1
  const first = implementation('raid').steps!['apply_configuration']!({ ...context, before: context.before, fence })
  expect(await refusal(first)).toMatchObject({ code: 'bmc.session_lost' })
  await fence.close()
  await apply()
  expect(rig.bmc.machine.volumes).toHaveLength(1)
  expect(rig.bmc.log.of('VolumeCollection')).toHaveLength(1)
})

test('RAID: other volumes go where that was asked for, and stay where not', async () => {
  await rig.step('raid', 'apply_configuration', { raid_config: MIRROR })
  const more = { logical_disks: [{ size_gb: 'MAX', raid_level: '0', number_of_physical_disks: 2 }] }
  await rig.step('raid', 'apply_configuration', { raid_config: more, delete_existing: false })
  expect(rig.bmc.machine.volumes.map(({ raidType, drives }) => [raidType, drives])).toEqual([
    ['RAID1', ['Disk.0', 'Disk.1']],
    ['RAID0', ['Disk.2', 'Disk.3']],
  ])
  const context = await rig.made(
    { delete_existing: true },
    { target_raid_config: { logical_disks: [{ size_gb: 'MAX', raid_level: '5' }] } },
  )
  await implementation('raid').steps!['create_configuration']!(context)
  expect(rig.bmc.machine.volumes.map(({ raidType }) => raidType)).toEqual(['RAID5'])
})
