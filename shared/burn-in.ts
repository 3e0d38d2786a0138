// What a node says of its burn-ins, with Ironic's names: fields agent_burnin_… of driver_info.
import * as z from 'zod'

const DAY_S = 86_400
const seconds = (standard: number) =>
  z.coerce
    .number()
    .int()
    .min(0)
    .max(14 * DAY_S)
    .default(standard)
const count = z.coerce.number().int().min(0).max(4096)
const flag = z.union([z.boolean(), z.string().regex(/^(?:true|false)$/i).transform((text) => /^true$/i.test(text))]) // prettier-ignore
const percentOrSize = z.string().regex(/^\d{1,6}(?:%|[kmgKMG])?$/, 'must be like 98% or 512m')

/** A host name or an address: it becomes an argument of a program. */
const partner = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/, 'must be a host name or an address')

// prettier-ignore
export const burnInSchema = z.object({
  agent_burnin_cpu_timeout: seconds(DAY_S).describe('Seconds that burnin_cpu takes. Default a day'),
  agent_burnin_cpu_cpu: count.default(0).describe('CPUs that it works on at once. Default 0: all'),
  agent_burnin_vm_timeout: seconds(DAY_S).describe('Seconds that burnin_memory takes. Default a day'),
  agent_burnin_vm_vm: count.default(0).describe('Workers of it. Default 0: one for each CPU'),
  'agent_burnin_vm_vm-bytes': percentOrSize.default('98%').describe('Memory that they have together: a size (512m), or a part of what is free. Default 98%'),
  agent_burnin_fio_disk_loops: count.min(1).default(4).describe('How often burnin_disk goes over each disk. Default 4'),
  agent_burnin_fio_disk_runtime: seconds(0).describe('Seconds after which it ends all the same. Default 0: never'),
  agent_burnin_fio_disk_smart_test: flag.default(false).describe('true: the disks test themselves afterwards (SMART, the long test)'),
  agent_burnin_fio_network_runtime: seconds(21_600).describe('Seconds that burnin_network takes in each direction. Default six hours'),
  agent_burnin_fio_network_config: z.object({ role: z.enum(['writer', 'reader']), partner }).optional().describe('Its partner, and who begins: {role: writer or reader, partner: host name or address}; the partner has the other role'),
  agent_burnin_gpu_install_dir: z.string().startsWith('/').max(255).default('/opt/gpu-burn').describe('Folder of gpu_burn in a ramdisk of your own: Debian has none. Default /opt/gpu-burn'),
  agent_burnin_gpu_timeout: seconds(DAY_S).describe('Seconds that burnin_gpu takes. Default a day'),
  agent_burnin_gpu_memory: percentOrSize.default('95%').describe('Memory of each GPU that it uses. Default 95%'),
  agent_burnin_gpu_count: count.default(0).describe('GPUs that must be there. Default 0: any number'),
})
export type BurnIn = z.output<typeof burnInSchema>
