// What switches say of themselves, by Ironic's names.
import { expect, test } from 'vitest'
import { ALL_TLVS } from './testdata/tlvs.ts'
import { linkOf, parseLldp, tlvsOf } from './parsed.ts'
import type { Tlv } from './tlv.ts'

test('all kinds that Ironic tells', () => {
  expect(parseLldp(ALL_TLVS)).toEqual({
    switch_chassis_id: '00:11:22:33:44:55',
    switch_port_id: 'Gi1/0/7',
    switch_port_description: 'to rack 7',
    switch_system_name: 'sw1.example.org',
    switch_system_description: 'A switch',
    switch_capabilities_support: ['Bridge', 'Router'],
    switch_capabilities_enabled: ['Bridge'],
    switch_mgmt_addresses: ['192.0.2.1', 'fd00::1', '00:11:22:33:44:56'],
    switch_port_untagged_vlan_id: 100,
    switch_port_protocol_vlan_enabled: true,
    switch_port_protocol_vlan_support: true,
    switch_port_protocol_vlan_ids: [200],
    switch_port_vlans: [
      { name: 'prov', id: 100 },
      { name: 'storage', id: 101 },
    ],
    switch_protocol_identities: ['8809'],
    switch_port_management_vlan_id: 4,
    switch_port_link_aggregation_enabled: true,
    switch_port_link_aggregation_support: true,
    switch_port_link_aggregation_id: 7,
    switch_port_autonegotiation_enabled: true,
    switch_port_autonegotiation_support: true,
    switch_port_physical_capabilities: ['1000BASE-T fdx', '100BASE-TX fdx'],
    switch_port_mau_type: '1000BASE-T full duplex',
    switch_port_mtu: 9216,
  })
})

test.each<[string, Tlv[], object]>([
  ['an address as an identifier', [[1, '0501c0000201'], [2, `0402${'fd'.padEnd(30, '0')}01`]], { switch_chassis_id: '192.0.2.1', switch_port_id: 'fd00::1' }],
  ['a port that is known by its MAC address', [[2, '03001122334455']], { switch_port_id: '00:11:22:33:44:55' }],
  ['what is said twice counts once', [[5, '61'], [5, '62']], { switch_system_name: 'a' }],
  ['a MAC address that is too short', [[1, '0400112233']], {}],
  ['no text', [[5, 'ff'], [2, '05ff'], [4, '6']], {}],
  ['a text with its end', [[5, '737700']], { switch_system_name: 'sw' }],
  ['an identifier of no known kind', [[1, '0861'], [2, '0061']], {}],
  ['a management address that is longer than its TLV', [[8, '0501c000']], {}],
  ['a VLAN with half a name', [[127, '0080c2030064046162']], {}],
  ['a way of sending that nobody knows', [[127, '00120f01036c01ffff']], {}],
  ['another organisation', [[127, '001ec90102'], [127, '00']], {}],
  ['a type that nobody knows', [[9, '00'], [126, 'ff']], {}],
])('%s', (_, tlvs, parsed) => {
  expect(parseLldp(tlvs)).toEqual(parsed)
}) // prettier-ignore

test('where a cable ends: a port of a switch with a MAC address', () => {
  const link = { switch_id: '00:11:22:33:44:55', port_id: 'Gi1/0/7', switch_info: 'sw1.example.org' }
  expect(linkOf(ALL_TLVS)).toEqual(link)
  expect(linkOf(ALL_TLVS.filter(([type]) => type !== 2))).toBeUndefined()
  expect(linkOf([[1, '0773773'], ...ALL_TLVS.slice(1)])).toBeUndefined()
  expect(linkOf([])).toBeUndefined()
})

test.each([null, undefined, 'x', [[1]], [['1', 'aa']], [[1, 5]], Array.from({ length: 2000 }, () => [1, ''])])(
  'what is no list of TLVs is none: %o',
  (told) => {
    expect(tlvsOf(told)).toEqual([])
  },
)

/** xorshift32: the same values for the same seed. */
function random(seed: number): () => number {
  let x = seed
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

test('whatever comes is told as far as it can be, and stays small', () => {
  const next = random(20261126)
  const byte = () => Math.floor(next() * 256)
  const kinds = ['', '0080c2', '00120f']
  for (let round = 0; round < 3000; round++) {
    const tlvs = Array.from({ length: byte() % 40 }, (): Tlv => {
      const isOwn = next() < 0.4
      const head = isOwn ? kinds[1 + (byte() % 2)]! + (byte() % 9).toString(16).padStart(2, '0') : ''
      const body = Buffer.from(Array.from({ length: byte() % 24 }, byte)).toString('hex')
      return [isOwn ? 127 : byte() % 10, head + body]
    })
    const parsed = parseLldp(tlvs)
    for (const [name, value] of Object.entries(parsed)) {
      expect(name).toMatch(/^switch_/)
      expect(value).toBeDefined()
    }
    expect(JSON.stringify(parsed).length).toBeLessThan(40_000)
    const link = linkOf(tlvs)
    if (link) expect(link['switch_id']).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
  }
})
