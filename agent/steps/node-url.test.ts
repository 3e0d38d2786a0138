import { expect, it } from 'vitest'
import { testNode } from '../testing.ts'
import { filledIn } from './node-url.ts'

const node = { ...testNode, properties: { rack: 'r 1' } }
const ports = [{ address: '52:54:00:00:00:01' }]

it('fields of the node and of its ports are put into a URL', () => {
  const url = 'http://files.example/{node[properties][rack]}/{ports[0][address]}/{node[uuid]}'
  expect(filledIn(url, { node, ports })).toBe(`http://files.example/r%201/52:54:00:00:00:01/${testNode.uuid}`)
})

it.each(['{node[nothing]}', '{ports[1][address]}', '{node[constructor]}', '{node[properties]}'])(
  'a field that the node does not have, %s, is named by itself, without the URL and what is secret in it',
  (field) => {
    const url = `http://user:secret@files.example/${'x'.repeat(100_000)}/${field}?sig=secret`
    expect(() => filledIn(url, { node, ports })).toThrow(`a URL on files.example: the node has no ${field}`)
  },
)

it('a field that is very long is named in short', () => {
  expect(() => filledIn(`http://files.example/{node[${'x'.repeat(100_000)}]}`, { node })).toThrow(
    /^a URL on files\.example: the node has no \{node\[x{50,200}…$/,
  )
  expect(() => filledIn('{node[nothing]}', { node })).toThrow('a URL: the node has no {node[nothing]}')
})
