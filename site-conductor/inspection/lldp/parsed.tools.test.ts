// tshark reads the same frame: what the tests of the codec take for a switch's word is that.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL_TLVS } from './testdata/tlvs.ts'

function captureOf(frame: Buffer): Buffer {
  const header = Buffer.alloc(24 + 16)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65_535, 16)
  // Ethernet.
  header.writeUInt32LE(1, 20)
  header.writeUInt32LE(frame.length, 32)
  header.writeUInt32LE(frame.length, 36)
  return Buffer.concat([header, frame])
}

test('tshark finds in the TLVs what the codec finds', () => {
  const parts = ALL_TLVS.map(([type, hex]) => {
    const header = ((type << 9) | (hex.length / 2)).toString(16).padStart(4, '0')
    return header + hex
  })
  const frame = Buffer.from(`0180c200000e00112233445688cc${parts.join('')}0000`, 'hex')
  const folder = mkdtempSync(join(tmpdir(), 'lldp-'))
  const wanted = {
    'lldp.chassis.id.mac': '00:11:22:33:44:55',
    'lldp.port.id': 'Gi1/0/7',
    'lldp.port.desc': 'to rack 7',
    'lldp.tlv.system.name': 'sw1.example.org',
    'lldp.tlv.system.desc': 'A switch',
    'lldp.tlv.system_cap.bridge': '1',
    'lldp.tlv.system_cap.router': '1',
    'lldp.tlv.enable_system_cap.router': '0',
    'lldp.mgn.addr.ip4': '192.0.2.1',
    'lldp.mgn.addr.ip6': 'fd00::1',
    'lldp.ieee.802_1.port_vlan.id': '100',
    'lldp.ieee.802_1.port_and_vlan_id_flag.enabled': '1',
    'lldp.ieee.802_1.port_proto_vlan.id': '200',
    'lldp.ieee.802_1.vlan.name': 'prov,storage',
    'lldp.ieee.802_1.vlan.id': '100,101',
    'lldp.ieee.802_3.max_frame_size': '9216',
    'lldp.ieee.802_1.aggregation_status.enabled': '1',
    'lldp.ieee.802_1.aggregated_port_id': '7',
    'lldp.ieee.802_3.pmd_auto_neg_advertised_caps.100base_txfd': '1',
    'lldp.ieee.802_3.pmd_auto_neg_advertised_caps.1000base_tfd': '1',
    'lldp.ieee.802_3.pmd_auto_neg_advertised_caps.1000base_t': '0',
    'lldp.ieee.802_3.pmd_mau_type': '0x001e',
  }
  try {
    const file = join(folder, 'frame.pcap')
    writeFileSync(file, captureOf(frame))
    const fields = Object.keys(wanted)
    const args = ['-r', file, '-T', 'fields', '-E', 'separator=|', ...fields.flatMap((field) => ['-e', field])]
    const said = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const told = said.trim().split('|')
    expect(Object.fromEntries(fields.map((field, i) => [field, told[i]]))).toEqual(wanted)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
