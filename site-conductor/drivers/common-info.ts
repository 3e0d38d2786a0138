// Fields of driver_info that every driver with real machines has, with Ironic's names. Here they are told and nothing more: what is wrong with one is
// for the interface that uses it to refuse (properties.ts and boot-info.ts of deploy), so that nobody loses the power of a machine by it.
import { z } from 'zod'
import { burnInSchema } from '../../shared/burn-in.ts'
import { WORK, type Work } from '../network/neutron/networks.ts'

const told = (about: string) => z.unknown().optional().describe(about)

/** The agent refuses what is wrong with one (shared/burn-in.ts). */
const burnInInfo = Object.fromEntries(
  Object.entries(burnInSchema.shape).map(([name, { description = '' }]) => [name, told(description)]),
)

/** Of network interface neutron. */
export const networkInfo = Object.fromEntries(
  WORK.flatMap((work) => [
    [
      `${work}_network`,
      told(
        `With network interface neutron: name or UUID of the Neutron network for ${work}; that of the conductor when absent`,
      ),
    ],
    [`${work}_network_security_groups`, told('UUIDs of the security groups of the ports there')],
  ]),
) as Record<`${Work}_network` | `${Work}_network_security_groups`, ReturnType<typeof told>>

// prettier-ignore
export const commonInfo = {
  ...networkInfo,
  deploy_kernel:                told("URL of the deploy ramdisk's kernel, with deploy_ramdisk; the conductor's own when absent. file URLs only in its fileUrlFolders"),
  deploy_kernel_checksum:       told('Its SHA-256 or SHA-512; needed where it is fetched'),
  deploy_ramdisk:               told('URL of the deploy ramdisk, with deploy_kernel'),
  deploy_ramdisk_checksum:      told('Its SHA-256 or SHA-512; needed where it is fetched'),
  deploy_iso:                   told('URL of a volume with a deploy ramdisk, for boot interfaces that boot volumes. It is served as it is: its agent must know where the conductor is'),
  deploy_iso_checksum:          told('Its SHA-256 or SHA-512; needed where it is fetched'),
  kernel_append_params:         told("Arguments for the kernel of the deploy ramdisk instead of the conductor's, which %default% among them stands for; more arguments for an instance that is booted over the network"),
  force_persistent_boot_device: told('Always, Never or Default: does what the machine is set to boot from stay? Default: as each step means it'),
  deploy_forces_oob_reboot:     told('true: at the end of its work the agent only flushes the disks, and the BMC switches the machine off; false (default): the agent is asked to as well'),
  image_download_source:        told('Who fetches images, also as instance_info.image_download_source. http (default of direct): the agent; local: the conductor, once for all its nodes'),
  agent_verify_ca:              told('true (default) and nothing else: an agent is always verified, by the certificate with which it called'),
  fast_track:                   told('true or false: does the node keep its agent between a cleaning and what follows? Default: as its site says'),
  ansible_deploy_playbook:      told('With deploy interface ansible: the playbook that writes the image, a file among those of the conductor (ansiblePlaybooks); default deploy.yaml'),
  ansible_clean_playbook:       told('The playbook that erases disks, by tags; default: the agent does it'),
  ansible_clean_steps_config:   told('File with the tags of each clean step, as Ironic has it; default: the name of the step is its tag'),
  ansible_shutdown_playbook:    told('The playbook that switches the machine off at the end; default: the agent does it'),
  ansible_playbooks_path:       told('One of the folders of ansiblePlaybooks; default the first'),
  ansible_key_file:             told('File there with a private key to log in with; default: one that is made for each run'),
  ansible_username:             told('root (default), the only user of the ramdisk'),
  ansible_python_interpreter:   told('Python on the ramdisk, where an own one has it'),
  cleaning_runbook:             told('Name or UUID of the runbook that automated cleaning carries out instead of the steps of the driver'),
  has_dedicated_power_supply:   told('true: a child node that is not switched with its parent'),
  ...burnInInfo,
}

/** Ironic's other fields that are common to its boot and deploy interfaces, and why there is no such thing here. */
export const NOT_TAKEN: Readonly<Record<string, string>> = {
  'rescue_kernel, rescue_ramdisk': 'rescue is done by the deploy ramdisk',
  rescue_iso: 'rescue is done by the deploy ramdisk',
  'image_http_proxy, image_https_proxy, image_no_proxy':
    'an agent fetches images without a proxy; with deploy interface iscsi the conductor fetches them',
  'agent_burnin_fio_network_pairing_backend_url, agent_burnin_fio_network_pairing_group_name, agent_burnin_fio_network_pairing_timeout':
    'partners of burnin_network name each other: there is no service by which agents find one',
  'agent_burnin_cpu_outputfile, agent_burnin_vm_outputfile, agent_burnin_fio_disk_outputfile, agent_burnin_fio_network_outputfile':
    'what a burn-in has done is on the timeline of its node',
}
