// The volume that a BMC shows to its machine, in UEFI firmware. (In a BIOS: boot-iso.lab.test.ts.)
import { expect, test } from 'vitest'
import { ADDRESS, bootFromMedium, MAC } from './boot-iso.ts'

test('a UEFI machine boots the deploy ramdisk from the volume, and its agent has the address and the token that only the volume has', async () => {
  expect(await bootFromMedium('uefi')).toEqual({
    firmware: 'uefi',
    tokenFits: true,
    lookups: [[MAC]],
    callback: `https://${ADDRESS}:9999`,
  })
})
