import { describe, expect, it } from 'vitest'
import { check } from './body.ts'
import { NODES } from './nodes/nodes.ts'
import { checkPatch, PatchBody } from './patch.ts'
import { patchableOf } from './resource.ts'

const patch = (operations: unknown, version = 110) =>
  checkPatch(check(PatchBody, operations), patchableOf(NODES), version)

describe('JSON patch', () => {
  it.each([
    [[{ op: 'add', path: '/extra/a', value: null }]],
    [[{ op: 'replace', path: '/driver_info', value: { ipmi_address: '192.0.2.1' } }]],
    [[{ op: 'remove', path: '/name' }]],
    [[{ op: 'add', path: '/extra/a~1b~0c', value: [] }]],
    [[{ op: 'replace', path: '/deploy_interface', value: 'direct' }]],
  ])('%j is taken', (operations) => {
    expect(patch(operations)).toEqual(operations)
  })

  it.each([
    ['not a list', { op: 'add' }, 'expected array'],
    ['test', [{ op: 'test', path: '/name', value: 'x' }], 'op'],
    ['move', [{ op: 'move', from: '/a', path: '/name' }], 'op'],
    ['another key', [{ op: 'remove', path: '/name', extra: 1 }], 'Unrecognized key'],
    ['no value', [{ op: 'add', path: '/name' }], 'a value is needed'],
    ['a path without slash', [{ op: 'remove', path: 'name' }], 'not a valid path'],
    ['an empty part', [{ op: 'remove', path: '/extra//a' }], 'not a valid path'],
    ['a bare tilde', [{ op: 'remove', path: '/extra/a~2' }], 'not a valid path'],
    ['an unknown attribute', [{ op: 'add', path: '/foo', value: 1 }], 'automated_clean, '],
    ['an attribute of the server', [{ op: 'replace', path: '/uuid', value: 'x' }], '"/uuid" cannot be changed'],
    [
      'the state',
      [{ op: 'replace', path: '/provision_state', value: 'active' }],
      '"/provision_state" cannot be changed',
    ],
    ['a key below a text', [{ op: 'add', path: '/name/x', value: 'y' }], 'has no keys'],
    ['a wrong type', [{ op: 'replace', path: '/maintenance', value: 'maybe' }], 'maintenance: '],
    ['a dictionary made a text', [{ op: 'replace', path: '/extra', value: 'x' }], 'extra: '],
    ['a name that URLs drop', [{ op: 'replace', path: '/name', value: '..' }], 'reserved'],
    ['a reserved name', [{ op: 'replace', path: '/name', value: 'detail' }], 'reserved'],
  ])('%s is refused', (_what, operations, message) => {
    expect(() => patch(operations)).toThrow(message)
  })

  it('names the operation that is wrong', () => {
    expect(() =>
      patch([
        { op: 'remove', path: '/name' },
        { op: 'remove', path: '/nope' },
      ]),
    ).toThrow('Operation 1')
  })

  it('escaped keys came with 1.98', () => {
    expect(() => patch([{ op: 'add', path: '/extra/a~1b', value: 1 }], 97)).toThrow('not a valid path')
  })

  it('a newer attribute needs its version', () => {
    expect(() => patch([{ op: 'add', path: '/owner', value: 'x' }], 49)).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ code: 'version.unsupported' }) }),
    )
  })
})
