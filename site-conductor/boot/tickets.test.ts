// What the tickets in force say to whoever asks for something else than a boot.
import { expect, test } from 'vitest'
import { Tickets } from './tickets.ts'

test('a file is served for as long as a node may boot from it', () => {
  const tickets = new Tickets(() => undefined)
  const ticket = { macs: ['52:54:00:00:00:01'], token: 'a'.repeat(22) }
  tickets.admit({ ...ticket, node: 'n', medium: { path: '/isos/a' } })
  tickets.admit({
    ...{ node: 'o', macs: ['52:54:00:00:00:02'], token: 'b'.repeat(22) },
    ramdisk: { kernel: '/files/kernel', initrd: '/files/initrd', kernelArguments: '' },
  })
  const paths = ['/isos/a', '/files/kernel', '/files/initrd', '/isos/b']
  expect(paths.filter((path) => tickets.serve(path))).toEqual(['/isos/a', '/files/kernel', '/files/initrd'])
  tickets.admit({ ...ticket, node: 'n' })
  tickets.withdraw('o')
  expect(paths.filter((path) => tickets.serve(path))).toEqual([])
})
