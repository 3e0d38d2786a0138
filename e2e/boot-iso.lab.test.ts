// The volume that a BMC shows to its machine, in a BIOS. (In UEFI firmware: boot-iso.long.test.ts.)
import { expect, test } from 'vitest'
import { ADDRESS, bootFromMedium, MAC } from './boot-iso.ts'

test('a BIOS machine boots the deploy ramdisk from the volume, and its agent has the address and the token that only the volume has', async () => {
  expect(await bootFromMedium('bios')).toEqual({
    firmware: 'bios',
    tokenFits: true,
    lookups: [[MAC]],
    callback: `https://${ADDRESS}:9999`,
  })
})
