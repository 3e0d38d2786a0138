// From instance_info to what the agent is told to write. 1. A digest is mandatory. 2. http and https only, never a file of this host.
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { FaultError } from '../../shared/faults.ts'

const FORMATS = ['raw', 'qcow2']

export function imageInfoOf(node: string, instanceInfo: Readonly<Record<string, unknown>>): ImageInfo {
  const text = (name: string): string | undefined => {
    const value = instanceInfo[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const source = text('image_source')
  if (source === undefined) throw new FaultError('request.invalid', 'instance_info.image_source is missing')
  if (!/^https?:\/\//.test(source) || !URL.canParse(source)) {
    throw new FaultError('request.invalid', 'instance_info.image_source must be an http or https URL')
  }
  const [algorithm, value, checksum] = [text('image_os_hash_algo'), text('image_os_hash_value'), text('image_checksum')]
  if ((algorithm === undefined || value === undefined) && checksum === undefined) {
    throw new FaultError('image.digest', 'instance_info has no digest of the image', {
      hint: 'set image_os_hash_algo and image_os_hash_value (sha256 or sha512), or image_checksum; a value may be the URL of a file that has it',
    })
  }
  // Metal3 leaves it out where its user does, and most of their images are called what they are; what is not so is refused when it is fetched.
  const format = text('image_disk_format') ?? (/\.qcow2$/i.test(new URL(source).pathname) ? 'qcow2' : 'raw')
  if (!FORMATS.includes(format))
    throw new FaultError('image.format', `image_disk_format ${format} is none of ${FORMATS.join(', ')}`)
  return {
    id: source,
    urls: [source],
    disk_format: format,
    container_format: 'bare',
    image_type: 'whole-disk',
    stream_raw_images: true,
    node_uuid: node,
    ...(checksum !== undefined && { checksum }),
    ...(algorithm !== undefined && value !== undefined && { os_hash_algo: algorithm, os_hash_value: value }),
  }
}
